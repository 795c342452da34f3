/// The executor: runs one function of a plan (a tape of instructions) over the rows of a call.
///
/// A *program* is a checked, immutable copy of a function's tape with pointers to its weights. A *session* holds the
/// state that changes from call to call: the caches of some sequences, the arena and a team of threads. `ech_run` has
/// the team walk along the tape. While it does, nothing is allocated and no lock is taken.
///
/// A row-major buffer of `rows` rows has rows of `width` elements without gaps. bf16 and q8 buffers hold the input of a
/// matrix product and are *tiled* instead, see ECH_BF16 and ECH_Q8.
#ifndef ECHELON_EXECUTOR_H
#define ECHELON_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Limits

// Limits that keep every product of two sizes within 64 bits. They are far above the needs of any model.
enum {
    ECH_WIDTH_LIMIT = 1 << 28, ///< elements in a row, and rows or columns of a weight
    ECH_ROWS_LIMIT = 1 << 22,  ///< rows of a call
    ECH_COUNT_LIMIT = 1 << 22, ///< instructions, buffers, weights or caches of a program
    ECH_THREADS_LIMIT = 1024,  ///< threads of a call
    /// Columns of an int8 weight. A product on AVX-512 is at most 128 · 255, and the sum of 2^16 of them fits in i32.
    ECH_INT8_COLUMNS_LIMIT = 1 << 16,
};

/// The maximum number of bytes that a row takes in the arena, where several buffers share a row's bytes.
#define ECH_ARENA_LIMIT 0x1000000000ll

// MARK: Buffers

/// Element types of buffers.
enum ech_element {
    ECH_F32 = 0,
    ECH_I32 = 1,
    /// bf16 rows in tiles, as AMX reads them and every other kernel can. With R rows in the call, h = min(R, 16) and
    /// K32 = the width rounded up to a multiple of 32, the element (row i, column k) is at
    ///   (i / h) * h * K32 + (k / 32) * h * 32 + (i % h) * 32 + k % 32.
    /// Columns from the width on are zero; rows from R on are undefined. Only the arena can hold such rows.
    ECH_BF16 = 2,
    /// Rows quantized to 8 bits, each with its own scale: x ≈ q · scale with scale = max |x| / 127 and
    /// q = x · (127 / max |x|), rounded to the nearest integer (ties to even) in −127 ... 127. With R rows in the call,
    /// h = min(R, 16), R16 = R rounded up to a multiple of 16 and K64 = the width rounded up to a multiple of 64, the
    /// buffer has three parts:
    /// - the values, one byte each: (row i, column k) is at
    ///     (i / h) * h * K64 + (k / 64) * h * 64 + (i % h) * 64 + k % 64.
    ///   Columns from the width on are zero; rows from R on are undefined.
    /// - from byte R16 * K64 on: R16 scales in f32, then R16 sums of the rows' values in i32. 64 bytes are reserved for
    ///   each of the R16 rows.
    /// - from byte R16 * K64 + R16 * 64 on: the sums of each 32 columns' values in i32, [R][K64 / 32].
    /// So a row of capacity takes K64 + 64 + K64 / 8 bytes, rounded up to a multiple of 64. If 127 / max |x| is not
    /// finite (the row is zero or below 3.7e-37 everywhere), the scale and the values are 0. If the row has an infinity
    /// or a NaN, the scale is NaN and the values are 0. Only the arena can hold such rows.
    ECH_Q8 = 3,
};

/// The name of an element type, NULL for an unknown number.
const char *ech_element_name(int32_t element);
/// The bytes that a row of capacity takes in a buffer, 0 for an unknown element type.
int64_t ech_element_bytes_per_row(int32_t element, int32_t width);

/// The memory that a buffer is in.
enum ech_storage {
    /// The session's arena, at `offset_per_row` times the session's row capacity.
    ECH_ARENA = 0,
    /// The caller's `parameters[index]`, which is only read.
    ECH_PARAMETER = 1,
    /// The caller's `results[index]`.
    ECH_RESULT = 2,
};

typedef struct {
    int32_t element;
    int32_t width;          ///< elements in a row
    int32_t storage;        ///< one of ech_storage
    int32_t index;          ///< the number of the parameter or result
    int64_t offset_per_row; ///< in the arena: bytes for each row of capacity, a multiple of 64
} ech_buffer;

// MARK: Weights

/// Formats of weights, ECH_WEIGHT_F32 and so on; see formats.def.
enum ech_format {
#define ECH_FORMAT(constant, number, name) ECH_WEIGHT_##constant = number,
#include "formats.def"
#undef ECH_FORMAT
    ECH_FORMAT_COUNT
};

typedef struct {
    const void *data;
    int64_t bytes;
    int32_t format;
    int32_t rows;    ///< N, the outputs; 1 for a vector
    int32_t columns; ///< K, the inputs
} ech_weight;

/// The fixed properties of a weight format.
typedef struct {
    const char *name;
    int32_t input;         ///< the element of the rows that a matrix in this format is multiplied with
    int64_t alignment;     ///< the number of bytes that the address of the data is a multiple of
    int64_t columns_limit; ///< the maximum number of columns
} ech_format_form;

/// The properties of a format, NULL for an unknown number.
const ech_format_form *ech_format_describe(int32_t format);
/// The bytes of a weight, 0 if the format is unknown or a size is out of range.
int64_t ech_format_bytes(int32_t format, int32_t rows, int32_t columns);
/// Dequantizes one row of a weight to `columns` floats. False if the arguments do not describe a weight with that row.
bool ech_format_read_row(int32_t format, const void *data, int64_t bytes, int32_t rows, int32_t columns, int32_t row,
                         float *out);

// MARK: Instructions

typedef struct {
    int32_t heads;
    int32_t dim;
    int32_t recurrent; ///< whether the session's budget applies
} ech_cache;

/// Opcodes of instructions, ECH_EMBED and so on. An instruction means the IR operation of the same name; see
/// opcodes.def.
enum ech_opcode {
#define ECH_OPERATION(constant, number, ...) ECH_##constant = number,
#include "opcodes.def"
    ECH_OPCODE_COUNT
};

/// How threads share the work of an instruction. It decides where barriers are needed. Threads that have finished take
/// over work of others.
enum ech_division {
    /// There is nothing to share.
    ECH_BY_NOTHING,
    /// Each thread takes some rows, and computes them in all such instructions up to the next barrier.
    ECH_BY_ROWS,
    /// Each thread reads all rows of in0 and writes some columns of each row of the result.
    ECH_BY_OUTPUTS,
    /// Each thread takes pairs of a head and a block of rows of one slot.
    ECH_BY_PAIRS,
};

/// The fixed properties of an operation.
typedef struct {
    const char *name;
    int32_t inputs, outputs, weights;
    int32_t optional_weights; ///< how many of the weights, the last ones, may be left out
    bool cache;               ///< whether it names a cache
    int32_t integers, floats; ///< constants that it uses: i0 and i1, f0
    int32_t division;         ///< one of ech_division
    bool reads_matrix;        ///< whether in0 is multiplied with the first weight
    uint32_t stored;          ///< the bit 1 << element for each element type that out0 may have
} ech_opcode_form;

/// The properties of an operation, NULL for an unknown opcode.
const ech_opcode_form *ech_opcode_describe(int32_t opcode);

typedef struct {
    int32_t opcode;
    int32_t barrier;    ///< not 0: every unit of the instructions before this one is finished before one of it begins
    int32_t in[5];      ///< buffer indexes; -1 where unused
    int32_t out[2];     ///< buffer indexes; -1 where unused
    int32_t weight[3];  ///< weight indexes; -1 where unused
    int32_t cache;      ///< cache index; -1 where unused
    int32_t recurrence; ///< for cache instructions: the recurrence of the call, as a number or -1 for the count of
                        ///< finished iterations of the ECH_REPEAT around it; a row's own recurrence adds its depth
    int32_t i0, i1;
    float f0;
} ech_instruction;

typedef struct ech_program ech_program;
typedef struct ech_session ech_session;

/// The size of an error message. Every function that can fail returns false (or NULL) and writes a sentence there.
enum { ECH_MESSAGE_SIZE = 256 };

// MARK: Instruction sets

/// Instruction sets, from slowest to fastest. Each requires those before it, except that processors with AVX-512 or AMX
/// may lack AVX-VNNI, whose instructions they have in wider registers. AVX-512 means the foundation with BW, DQ and VL.
enum ech_isa {
    ECH_ISA_PORTABLE = 0,
    ECH_ISA_AVX2 = 1,
    ECH_ISA_AVX_VNNI = 2,
    ECH_ISA_AVX512 = 3,
    ECH_ISA_AMX = 4,
    ECH_ISA_COUNT
};

/// The best instruction set of this machine, or the one that the environment variable ECHELON_ISA names (portable,
/// avx2, avx-vnni, avx512, amx). Returns -1 with a message if that name is unknown or the machine lacks the set.
int ech_isa_choose(char message[ECH_MESSAGE_SIZE]);
const char *ech_isa_name(int isa);
/// Whether this machine can run the given set.
bool ech_isa_available(int isa);

// MARK: Programs and sessions

/// Checks a tape and copies it. The weights' data is borrowed and must outlive the program. Checked are opcodes,
/// indexes, the element types and widths of all operands against the opcode and its weights, the weights' byte counts,
/// loops, that no parameter is written, and that slots, positions, depths and tokens are i32 parameters. Each arena
/// buffer must end within `arena_bytes_per_row`. Returns NULL with a message if something is wrong; the message names
/// the instruction's number.
ech_program *ech_program_create(const ech_instruction *instructions, int32_t instruction_count,
                                const ech_buffer *buffers, int32_t buffer_count, const ech_weight *weights,
                                int32_t weight_count, const ech_cache *caches, int32_t cache_count,
                                int32_t parameter_count, int32_t result_count, int64_t arena_bytes_per_row, int isa,
                                char message[ECH_MESSAGE_SIZE]);
void ech_program_destroy(ech_program *program);

/// Formats of keys and values in a session. Keys and values are rounded once, when they are written, so every reader
/// sees the same.
enum ech_cache_format {
    ECH_CACHE_F32 = 0,
    /// Half the memory and bandwidth of f32. Attention rounds its queries and weights to bf16, too, and adds in f32.
    ECH_CACHE_BF16 = 1,
    /// Half the memory and bandwidth of bf16. The key and the value of each head and position are quantized as a row of
    /// ECH_Q8 is, each with a scale of its own in f32. Attention multiplies and adds in f32.
    ECH_CACHE_INT8 = 2,
    ECH_CACHE_FORMAT_COUNT
};

/// The name of a cache format, NULL for an unknown number.
const char *ech_cache_format_name(int32_t format);
/// The bytes that one entry of one position takes, keys, values and scales together; 0 if the format is unknown or a
/// size is out of range.
int64_t ech_cache_entry_bytes(const ech_cache *cache, int32_t format);

/// Creates caches for `slots` sequences of up to `context` positions. Each recurrent cache has `budget` entries for
/// each position (B of the cache rule: recurrence t uses entry t mod B). `cache_format` is one of ech_cache_format. The
/// memory is mapped, and takes no space until it is written.
ech_session *ech_session_create(const ech_cache *caches, int32_t cache_count, int32_t slots, int32_t context,
                                int32_t budget, int32_t cache_format, char message[ECH_MESSAGE_SIZE]);
void ech_session_destroy(ech_session *session);

// MARK: Recording

/// A monotonic clock in nanoseconds. Reading it takes about 20 ns and no system call.
int64_t ech_nanoseconds(void);

/// Some units of an instruction that one thread computed together, on the clock of ech_nanoseconds. The events of a
/// thread have no gaps: each arrival is the end of the event before, or the track's begin. A thread that computes no
/// unit of an instruction has no event of it.
typedef struct {
    int32_t instruction; ///< its number in the tape
    int32_t iteration;   ///< finished iterations of the loop around it; 0 outside of loops
    int64_t arrival;     ///< the time at which the thread was free
    int64_t start;       ///< the time at which it began
    int64_t end;
} ech_event;

/// The record of one thread, in memory of the caller. A call appends events while there is room, and sets begin and
/// end.
typedef struct {
    ech_event *events;
    int64_t capacity, count; ///< the number of events that fit, and the number of events recorded
    int64_t dropped;         ///< the number of events that did not fit; calls add to it
    int64_t begin, end;      ///< the last call's first and last moment, the same for all its threads; else 0
} ech_track;

// MARK: Calls

/// Each row has a depth: the number of recurrences that its position has had before the call. The cache instructions'
/// recurrence i is recurrence depth + i of the row. After a call that writes recurrent caches, a position has had
/// n = depth + recurrences. A later reader at its recurrence t reads entry (t < n ? t : n - 1) mod B of it. Rows of the
/// call itself are read at t, so depths may not rise along the positions of a slot.
typedef struct {
    int32_t rows;        ///< at least 1
    int32_t recurrences; ///< at least 0
    const void *const *parameters;
    void *const *results;
    ech_track *tracks;   ///< one for each thread if the call is recorded, else NULL
    int32_t track_count; ///< the number of tracks, at least that of the call's threads
} ech_call;

/// Runs the program. Before anything is computed, it checks rows, slots (within the session), positions (within the
/// context, no pair of slot and position twice), depths (at least 0, not rising along a slot) and tokens (within the
/// embedding's rows), grows the arena to the call's rows, and starts `threads`, at least 1, unless the session's last
/// call had as many. Returns false with a message if something is wrong; caches are then unchanged. Also returns false
/// if the session is stopped.
bool ech_run(const ech_program *program, ech_session *session, const ech_call *call, int threads,
             char message[ECH_MESSAGE_SIZE]);

/// Makes every call of this process that is running fail soon, and later ones at once. A signal handler may ask for it.
/// What the rows of a stopped call wrote to caches and results is undefined.
void ech_stop_calls(void);
/// Ends what ech_stop_calls began.
void ech_allow_calls(void);
bool ech_calls_are_stopped(void);

/// The number of threads that OpenMP would use: OMP_NUM_THREADS, or the machine's cores.
int ech_default_threads(void);
/// The number of cores that the system lets this process run on, at least 1.
int ech_available_cores(void);

#ifdef __cplusplus
}
#endif

#endif
