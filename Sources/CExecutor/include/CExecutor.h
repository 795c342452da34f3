/// The executor: runs one function of a plan (a tape of instructions) over the rows of a call.
///
/// A *program* is a checked, immutable copy of a function's tape with pointers to its weights. A *session* holds what
/// changes from call to call: the caches of some sequences, and the arena. `ech_run` opens one OpenMP parallel region,
/// in which the threads walk the tape together; inside it nothing is allocated and no lock is taken.
///
/// Every row-major buffer of `rows` rows has rows of `width` elements without gaps. bf16 and q8 buffers are the
/// exception: they hold the input of a matrix product and are *tiled*, see ECH_BF16 and ECH_Q8.
#ifndef ECHELON_EXECUTOR_H
#define ECHELON_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Element types of buffers.
enum ech_element {
    ECH_F32 = 0,
    ECH_I32 = 1,
    /// bf16 rows in tiles, as AMX reads them and every other kernel can: with R rows in the call and h = min(R, 16),
    /// the element (row i, column k) lies at  (i / h) * h * K32 + (k / 32) * h * 32 + (i % h) * 32 + k % 32,
    /// K32 being the width rounded up to a multiple of 32. Columns past the width are zero; rows past R are anything.
    /// Only in the arena.
    ECH_BF16 = 2,
    /// Rows quantized to 8 bits, each with a scale of its own: x ≈ q · scale with scale = max |x| / 127 and
    /// q = x · (127 / max |x|), rounded to the nearest integer (ties to even), which lies in −127 ... 127. With R rows
    /// in the call, h = min(R, 16), R16 = R rounded up to a multiple of 16 and K64 = the width rounded up to a multiple
    /// of 64, the buffer has three parts:
    /// - the values, a byte each: (row i, column k) at  (i / h) * h * K64 + (k / 64) * h * 64 + (i % h) * 64 + k % 64.
    ///   Columns past the width are zero; rows past R are anything.
    /// - from byte R16 * K64 on: R16 scales, f32, then the sums of the rows' values, i32 (64 bytes are reserved for
    /// each
    ///   of R16 rows).
    /// - from byte R16 * K64 + R16 * 64 on: the sums of each 32 columns' values, i32, [R][K64 / 32].
    /// So a row of capacity takes K64 + 64 + K64 / 8 bytes, rounded up to a multiple of 64. A row in which 127 / max
    /// |x| is not finite (zeros, or nothing above 3.7e-37) has scale 0 and values 0; one with an infinity or a NaN has
    /// scale NaN and values 0. Only in the arena.
    ECH_Q8 = 3,
};

/// Where a buffer lies.
enum ech_storage {
    /// In the session's arena, at `offset_per_row` times the session's row capacity.
    ECH_ARENA = 0,
    /// The caller's `parameters[index]`; never written.
    ECH_PARAMETER = 1,
    /// The caller's `results[index]`.
    ECH_RESULT = 2,
};

typedef struct {
    int32_t element;
    int32_t width; ///< elements a row
    int32_t storage;
    int32_t index;          ///< of the parameter or result
    int64_t offset_per_row; ///< in the arena: bytes for each row of capacity, a multiple of 64
} ech_buffer;

/// Formats of weights.
enum ech_format {
    /// `rows` × `columns` floats, row-major.
    ECH_WEIGHT_F32 = 0,
    /// bf16 in strips of 32 rows (the outputs), zero-padded to N32 = multiple of 32 rows and K32 = multiple of 32
    /// columns. A strip is K32 / 32 blocks; a block is two panels of 16 rows; a panel is 16 pairs of columns; a pair is
    /// 16 rows × 2 columns (64 bytes: one row of an AMX tile, one AVX-512 register). So element (n, k) lies at
    ///   (n / 32) * 32 * K32 + (k / 32) * 1024 + (n % 32 / 16) * 512 + (k % 32 / 2) * 32 + (n % 16) * 2 + k % 2.
    ECH_WEIGHT_BF16 = 1,
    /// Signed bytes −127 ... 127 with a scale for each output, w ≈ q · scale; q is zero-padded to N32 = multiple of 32
    /// outputs and K64 = multiple of 64 columns. K is at most 65536. A strip of 32 outputs is K64 / 64 blocks; a block
    /// is
    /// two panels of 16 outputs; a panel is 16 quads of columns; a quad is 16 outputs × 4 columns (64 bytes). So (n, k)
    /// lies at byte
    ///   (n / 32) * 32 * K64 + (k / 64) * 2048 + (n % 32 / 16) * 1024 + (k % 64 / 4) * 64 + (n % 16) * 4 + k % 4.
    /// After all strips: N32 scales, f32.
    ECH_WEIGHT_INT8 = 2,
    /// Nibbles with a scale for each output's 32 columns ("group"), w ≈ q · scale with q in −8 ... 7; padded as
    /// ECH_WEIGHT_INT8. A strip of 32 outputs is K64 / 64 blocks of 1152 bytes, each of two groups of columns: two
    /// panels
    /// of 512 bytes, and 128 bytes of scales. Row r = 0 ... 7 of a panel is 64 bytes, of which byte 4 * n + j has
    /// q(n, 4 * r + j) + 8 in the low nibble and q(n, 32 + 4 * r + j) + 8 in the high one (n in the panel, columns in
    /// the block). The scales are bf16: 32 outputs' for the first group, then for the second.
    ECH_WEIGHT_INT4 = 3,
};

typedef struct {
    const void *data;
    int64_t bytes;
    int32_t format;
    int32_t rows;    ///< N, the outputs; 1 for a vector
    int32_t columns; ///< K, the inputs
} ech_weight;

typedef struct {
    int32_t heads;
    int32_t dim;
    int32_t recurrent; ///< whether the session's budget applies
} ech_cache;

/// Instructions. The meaning of each is that of the IR operation of the same name (IR/Opcode.swift). The number of
/// operands is fixed by the opcode: buffers read in `in`, buffers written in `out`, `weights`, `cache`.
enum ech_opcode {
    ECH_EMBED = 0,  ///< out = w[in0: i32] * f0
    ECH_LINEAR = 1, ///< out: f32 = in0 · w0ᵀ; in0 f32 with an f32 weight, bf16 with a bf16 weight, q8
                    ///< with an int8 or int4 weight
    ECH_SLICE = 2,  ///< out = columns i0 ..< i1 of in0
    ECH_CONCAT = 3,
    ECH_BIAS = 4,                ///< out = in0 + w0
    ECH_ROPE = 5,                ///< in0, in1 = positions; i0 heads, f0 base
    ECH_CACHE_WRITE = 6,         ///< in0 keys, in1 values, in2 slots, in3 positions; cache
    ECH_WAVEFRONT_ATTENTION = 7, ///< in0 queries, in1 slots, in2 positions; cache; i0 heads
    ECH_NORM = 8,                ///< w0; f0 eps
    ECH_ADD = 9,
    ECH_SILU = 10,
    ECH_MULTIPLY = 11,
    ECH_MIX = 12,                 ///< in0, in1 f32 of one width; in2, in3 f32 of width 1
    ECH_ARGMAX = 13,              ///< out i32 of width 1
    ECH_RELATIVE_DIFFERENCE = 14, ///< out f32 of width 1
    ECH_CONVERT = 15,             ///< f32 to bf16 or q8 (tiled)
    ECH_PROJECT_ROPE_WRITE = 16,  ///< in0 x, in1 slots, in2 positions; w0, w1 bias (2K); cache; i0 heads, f0 base
    ECH_LINEAR_SILU_GATE = 17,    ///< w0 of 2N rows; out of width N, f32 or bf16
    ECH_ADD_NORM = 18,            ///< out0 = norm(in0 + in1, w0); f0 eps
    ECH_ADD_NORM_NORM = 19,       ///< out0 = norm(in0 + in1, w0), out1 = norm(out0, w1); f0 eps
    ECH_ADD_KEEP_NORM = 20,       ///< out0 = in0 + in1, out1 = norm(out0, w0); f0 eps
    ECH_LINEAR_ARGMAX = 21,       ///< out i32 of width 1
    ECH_COPY = 22,                ///< out = in0, same element and width (loop-carried values, returned parameters)
    ECH_REPEAT = 23,              ///< runs the next i0 instructions as often as the call's `recurrences` says
    ECH_OPCODE_COUNT
};
// Every row-wise instruction (NORM, ADD, SILU, MULTIPLY, MIX, SLICE, BIAS, ADD_*) reads f32 and writes each output as
// f32, bf16 or q8 (tiled), whichever the output buffer's element says; out0 of ADD_NORM_NORM and ADD_KEEP_NORM too, and
// out1 is computed from the unrounded values. WAVEFRONT_ATTENTION's output may be f32 or bf16 as well; not q8, as no
// thread has a whole row of it, and neither has one of LINEAR_SILU_GATE's.
//
// How the threads share an instruction, which decides where barriers are needed:
// - LINEAR, PROJECT_ROPE_WRITE, LINEAR_SILU_GATE and LINEAR_ARGMAX by outputs: every thread reads all of in0, and
// writes
//   its columns of all rows. LINEAR_ARGMAX has barriers of its own inside and writes its output by rows.
// - WAVEFRONT_ATTENTION by pairs of head and block of rows of one slot.
//   Of these, a thread that is done takes over some of another's.
// - All others by rows: a thread reads and writes the same rows in each, so that no barrier is needed between them.
// An output may take an input's place in the arena when both are f32 and the instruction is split by rows.

typedef struct {
    int32_t opcode;
    int32_t barrier; ///< not 0: all threads finish what precedes before any thread starts this
    int32_t in[4];   ///< buffer indexes; -1 where unused
    int32_t out[2];
    int32_t weight[2];  ///< weight indexes; -1 where unused
    int32_t cache;      ///< cache index; -1 where unused
    int32_t recurrence; ///< for cache instructions: the number t, or -1 for the count of finished iterations of the
                        ///< ECH_REPEAT around it
    int32_t i0, i1;
    float f0;
} ech_instruction;

typedef struct ech_program ech_program;
typedef struct ech_session ech_session;

/// Room for an error's sentence. Every function that can fail returns false (or NULL) and writes one.
enum { ECH_MESSAGE_SIZE = 256 };

/// Instruction sets, from slowest to fastest. Each needs what the one before needs. AVX-512 means the foundation with
/// BW, DQ and VL.
enum ech_isa { ECH_ISA_PORTABLE = 0, ECH_ISA_AVX2 = 1, ECH_ISA_AVX512 = 2, ECH_ISA_AMX = 3 };

/// The best instruction set of this machine, or the one that the environment variable ECHELON_ISA
/// (portable, avx2, avx512, amx) names. Returns -1 with a message when that name is unknown or the machine lacks it.
int ech_isa_choose(char message[ECH_MESSAGE_SIZE]);
const char *ech_isa_name(int isa);
/// Whether this machine can run the given set.
bool ech_isa_available(int isa);

/// Checks a tape and keeps a copy of it (the weights' data is borrowed and must outlive the program). Checked: opcodes,
/// every index, element types and widths of every operand against the opcode and its weights, weights' byte counts,
/// loops, that no in-parameter is written, that slots, positions and tokens are i32 parameters.
/// `arena_bytes_per_row`: each arena buffer lies below it. NULL with a message when something is wrong; the message
/// names the instruction's number.
ech_program *ech_program_create(const ech_instruction *instructions, int32_t instruction_count,
                                const ech_buffer *buffers, int32_t buffer_count, const ech_weight *weights,
                                int32_t weight_count, const ech_cache *caches, int32_t cache_count,
                                int32_t parameter_count, int32_t result_count, int64_t arena_bytes_per_row, int isa,
                                char message[ECH_MESSAGE_SIZE]);
void ech_program_destroy(ech_program *program);

/// How a session keeps keys and values. bf16 takes half the memory and bandwidth. Keys and values are rounded once,
/// when they are written; attention rounds its queries and weights to match, and adds in f32.
enum ech_cache_format { ECH_CACHE_F32 = 0, ECH_CACHE_BF16 = 1 };

/// Caches for `slots` sequences of up to `context` positions. `budget` entries per position in each recurrent cache
/// (B of the cache rule: recurrence t uses entry t mod B). `cache_format` is one of ech_cache_format. Memory is mapped,
/// not touched, until it is written.
ech_session *ech_session_create(const ech_cache *caches, int32_t cache_count, int32_t slots, int32_t context,
                                int32_t budget, int32_t cache_format, char message[ECH_MESSAGE_SIZE]);
void ech_session_destroy(ech_session *session);

/// A clock that only runs forward, in nanoseconds. Reading it takes some 20 ns and no system call.
int64_t ech_nanoseconds(void);

/// One execution of an instruction by one thread, on the clock of ech_nanoseconds. A thread's events follow one another
/// without gaps: each arrival is the end of the event before, or the track's begin.
typedef struct {
    int32_t instruction; ///< its number in the tape
    int32_t iteration;   ///< finished iterations of the loop around it; 0 outside of loops
    int64_t arrival;     ///< when the thread came to it, or to the barrier before it
    int64_t start;       ///< when the wait at the barrier was over; the arrival where there is nothing to wait for
    int64_t end;
} ech_event;

/// What one thread did, in memory of the caller. A call appends an event for every instruction that the thread executes
/// (those of loops each time), as long as there is room, and sets begin and end.
typedef struct {
    ech_event *events;
    int64_t capacity, count; ///< events that there is room for, and that there are
    int64_t dropped;         ///< events that found no room; calls add to it
    int64_t begin, end;      ///< of the last call's walk; both 0 where the system gave the call no such thread
} ech_track;

typedef struct {
    int32_t rows;        ///< at least 1
    int32_t recurrences; ///< at least 0
    /// What each row's position holds in recurrent caches after this call: normally the number of recurrences that the
    /// call runs. A later reader at recurrence t reads entry (t < depth ? t : depth - 1) mod B of a position that took
    /// `depth` recurrences; rows of the call itself are read at t.
    int32_t depth;
    const void *const *parameters;
    void *const *results;
    ech_track *tracks;   ///< NULL, or one for each thread, where the call is recorded
    int32_t track_count; ///< of `tracks`; at least the call's threads
} ech_call;

/// Runs the program. Before anything is computed it checks rows, slots (within the session), positions (within the
/// context, no pair (slot, position) twice) and tokens (within the embedding's rows), and grows the arena to the
/// call's rows. `threads` at least 1. False with a message when something is wrong; caches are then untouched.
bool ech_run(const ech_program *program, ech_session *session, const ech_call *call, int threads,
             char message[ECH_MESSAGE_SIZE]);

/// Threads that OpenMP would use: OMP_NUM_THREADS, else the machine's cores.
int ech_default_threads(void);

#ifdef __cplusplus
}
#endif

#include "CExecutorProbe.h"
#endif
