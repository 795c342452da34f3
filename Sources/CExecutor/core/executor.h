/// What the executor's files share: programs, sessions, a running call, and the table of kernels.
#ifndef ECHELON_EXECUTOR_INTERNAL_H
#define ECHELON_EXECUTOR_INTERNAL_H

#include "CExecutor.h"
#include "core/q8.h"
#include "formats/bf16/bf16.h"
#include "formats/int4/int4.h"
#include "formats/int8/int8.h"
#include "machine/amx.h"
#include "parallel/barrier.h"
#include "parallel/work_stealing.h"

// Limits that keep every product of two sizes within 64 bits. They are far above what any model needs.
enum {
    ECH_WIDTH_LIMIT = 1 << 28, ///< elements a row, and rows or columns of a weight
    ECH_ROWS_LIMIT = 1 << 22,  ///< rows of a call
    ECH_COUNT_LIMIT = 1 << 22, ///< instructions, buffers, weights, caches of a program
    ECH_THREADS_LIMIT = 1024,
};

/// The outputs of an f32 weight that a thread computes at a time.
enum { ECH_F32_CHUNK = 128 };

static inline int64_t ech_round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline int32_t ech_min(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t ech_max(int32_t a, int32_t b) { return a > b ? a : b; }

// MARK: Program

/// What a program's instructions ask of each thread's scratch memory and of the session. Bytes.
typedef struct {
    int64_t per_row; ///< for each row of capacity: strips before their epilogue
    int64_t fixed;   ///< one or two rows in f32, or what attention keeps of a head
    bool best;       ///< whether there is a linear_argmax: each row's best output so far
} ech_scratch_need;

struct ech_program {
    ech_instruction *instructions;
    ech_buffer *buffers;
    ech_weight *weights;
    ech_cache *caches;
    int64_t *token_limit; ///< by parameter: rows of the smallest embedding that reads it, 0 if none does
    int32_t instruction_count, buffer_count, weight_count, cache_count, parameter_count, result_count;
    int32_t slots_parameter;     ///< -1 where no instruction uses slots
    int32_t positions_parameter; ///< -1 where no instruction uses positions
    bool writes_recurrent, reads_recurrent;
    int64_t arena_bytes_per_row;
    ech_scratch_need scratch;
    int isa;
};

/// Checks heads and widths of caches, for programs and sessions alike.
bool ech_caches_check(const ech_cache *caches, int32_t count, char *message);

// MARK: Session

/// Cosines and sines of a rotary embedding, so that y[i] = x[i] · c[i] + x[i ^ 1] · s[i].
typedef struct {
    float base;
    int32_t dim;
    int32_t positions;
    float *values; ///< for each position: c[dim], then s[dim], the sine's sign being that of its term
} ech_rope_table;

/// One cache, see cache.h. Columns from dim to dim16 are zeros.
typedef struct {
    void *keys, *values;
    int32_t format; ///< ech_cache_format
    int32_t heads, dim, dim16, entries;
    bool recurrent;
    int64_t head_stride, entry_stride, slot_stride; ///< in elements
} ech_cache_memory;

typedef struct {
    void *data;
    int64_t bytes;
} ech_mapping;

struct ech_session {
    int32_t slots, context, budget, cache_count;
    ech_cache_memory *caches;
    /// For each slot and position, how many recurrences its entries in recurrent caches come from. During a call the
    /// call's own rows have INT32_MAX, so that they are read at t.
    int32_t *depth;
    uint8_t *marked; ///< for each slot and position; all zero between calls
    ech_mapping cache_memory, arena;
    ech_rope_table *ropes;
    int32_t rope_count;
};

/// A row of the call where attention orders them by slot, then position.
typedef struct {
    int32_t slot, position, row;
} ech_ordered_row;

/// Rows of one slot that attention takes together, so that they share each key and value that it reads.
typedef struct {
    int32_t begin, end; ///< of the ordered rows
} ech_row_block;

/// How attention divides a call's rows.
typedef struct {
    const ech_ordered_row *rows;
    const ech_row_block *blocks;
    int32_t block_count;
    int64_t keys; ///< that the rows see, all together
} ech_wavefront;

/// Where a session's memory for one call lies in its arena.
typedef struct {
    char *buffers;
    char *scratch; ///< thread t's begins at t * scratch_stride
    int64_t scratch_stride;
    int64_t best_offset;           ///< in a thread's scratch: rows floats and rows i32
    int32_t *saved_depth;          ///< rows numbers
    ech_ordered_row *ordered_rows; ///< rows of them
    ech_row_block *row_blocks;     ///< rows of them
    ech_left *left;                ///< one for each thread
    int32_t capacity;              ///< rows rounded up to 16
} ech_arena;
/// Grows the arena and the rotary tables to what the call needs. False with a message when memory is short.
bool ech_session_prepare(ech_session *session, const ech_program *program, const ech_call *call, int threads,
                         ech_arena *arena, char *message);
const ech_rope_table *ech_session_rope(const ech_session *session, float base, int32_t dim);

// MARK: A running call

/// A buffer of the call at hand.
typedef struct {
    void *data;
    int32_t element, width;
    int32_t tile; ///< h of ECH_BF16 and ECH_Q8
    int32_t rows; ///< of the call
} ech_view;

static inline ech_q8_rows ech_q8_of(const ech_view *view) {
    return ech_q8_rows_of(view->data, view->width, view->rows);
}

typedef struct {
    const ech_program *program;
    const ech_session *session;
    const ech_call *call;
    ech_arena arena;
    const struct ech_kernels *kernels;
    ech_strips_bf16 strips_bf16;
    ech_strips_int8 strips_int8;
    ech_strips_int4 strips_int4;
    const int32_t *slots, *positions;
    ech_wavefront wavefront;
    ech_barrier barrier;
} ech_run_state;

/// One thread's walk along the tape.
typedef struct {
    ech_run_state *run;
    char *scratch;
    uint32_t barriers;  ///< passed so far
    uint32_t divisions; ///< of instructions' work so far
    int32_t iteration;  ///< finished iterations of the loop around the instruction at hand
    int thread, threads;
    ech_track *track; ///< of a call that is recorded: this thread's own copy
} ech_walk;

static inline ech_view ech_view_of(const ech_run_state *run, int32_t index) {
    const ech_buffer *buffer = &run->program->buffers[index];
    ech_view view = {NULL, buffer->element, buffer->width, ech_min(run->call->rows, 16), run->call->rows};
    switch (buffer->storage) {
    // Parameters are never written: program.c refuses outputs there.
    case ECH_PARAMETER: view.data = (void *)(uintptr_t)run->call->parameters[buffer->index]; break;
    case ECH_RESULT: view.data = run->call->results[buffer->index]; break;
    default: view.data = run->arena.buffers + buffer->offset_per_row * run->arena.capacity; break;
    }
    return view;
}

/// The recurrence at which a cache instruction writes or reads.
static inline int32_t ech_recurrence(const ech_walk *walk, const ech_instruction *instruction) {
    return instruction->recurrence < 0 ? walk->iteration : instruction->recurrence;
}

static inline void ech_walk_barrier(ech_walk *walk) {
    ech_barrier_wait(&walk->run->barrier, walk->threads, &walk->barriers);
}

/// The division of `count` units of an instruction's work, which are `multiplications` in all. Every thread has to ask
/// for it, in the order of the tape.
static inline ech_division ech_walk_divide(ech_walk *walk, const ech_instruction *instruction, int64_t count,
                                           int32_t at_once, double multiplications) {
    // Fewer take some ten microseconds, where what threads tell each other would weigh more than it saves.
    const double worth_helping = 0x1p21;
    const ech_division division = {
        .all = walk->run->arena.left,
        .ticket = ++walk->divisions % ECH_TICKET_LIMIT,
        .at_once = at_once,
        .count = count,
        .thread = walk->thread,
        .threads = walk->threads,
        .help = multiplications >= worth_helping,
        .met = instruction->barrier,
    };
    ech_divide(&division);
    return division;
}

// Instructions whose work is split by rows (rows.c).
void ech_run_rows(ech_walk *walk, const ech_instruction *instruction);
// Matrix products and what is fused to them, split by outputs (matmul.c).
void ech_run_linear(ech_walk *walk, const ech_instruction *instruction);
void ech_run_linear_silu_gate(ech_walk *walk, const ech_instruction *instruction);
void ech_run_linear_argmax(ech_walk *walk, const ech_instruction *instruction);
void ech_run_project_rope_write(ech_walk *walk, const ech_instruction *instruction);
// Split by pairs of head and row block (attention.c).
void ech_run_attention(ech_walk *walk, const ech_instruction *instruction);
/// Orders the call's rows and divides them into blocks, for the call's attention instructions.
ech_wavefront ech_wavefront_of(const ech_arena *arena, const int32_t *slots, const int32_t *positions, int32_t rows);

/// Has OpenBLAS compute in the calling thread only; its callers are threads already.
void ech_blas_single_threaded(void);

// MARK: Kernels

/// The operands of an instruction that is split by rows.
typedef struct {
    ech_view in[4], out[2];
    const float *weight[2];
    const float *rope; ///< the table's values
    float *scratch;    ///< one row of the widest buffer, rounded up to 16; where an output is q8, of two such rows the
                       ///< second begins at the output's width, rounded up to 16
    int32_t heads, from;
    float constant;     ///< f0
    int32_t begin, end; ///< rows
} ech_row_work;
typedef void (*ech_row_kernel)(const ech_row_work *work);

typedef struct {
    const ech_cache_memory *cache;
    const int32_t *depth;
    const ech_wavefront *wavefront;
    ech_view queries, out;
    float *scratch; ///< ech_attention_scratch(dim16) floats
    int32_t context, recurrence;
    int64_t begin, end; ///< of heads · row blocks pairs, the block running faster
} ech_attention_work;

enum {
    ECH_ATTENTION_BLOCK = 64, ///< positions between two corrections of the running softmax: four blocks of keys
    /// Rows at most of a block: enough that arithmetic hides what their keys and values take to arrive, and few enough
    /// that what they keep stays in a core's own cache.
    ECH_ROW_BLOCK = 32,
};
/// Floats of scratch: of each row the query, the result and a block's weights; and a block's keys where they come from
/// different entries, which with bf16 leaves room for its values.
static inline int64_t ech_attention_scratch(int64_t dim16) {
    return ECH_ROW_BLOCK * (2 * dim16 + ECH_ATTENTION_BLOCK) + ECH_ATTENTION_BLOCK * dim16;
}

/// One step of an argmax. Outputs come in any order; of equal ones the first counts.
static inline void ech_better(float value, int32_t index, float *best, int32_t *best_index) {
    if (!(value > *best) && !(value == *best && index < *best_index)) return;
    *best = value;
    *best_index = index;
}

typedef struct ech_kernels {
    ech_row_kernel row[ECH_OPCODE_COUNT]; ///< NULL where the instruction has no row kernel
    void (*attention)(const ech_attention_work *work);
    /// out[i][column + j] = silu(gate[i][j]) · up[i][j], i < rows, j < count; column is a multiple of 32. What follows
    /// the width in a bf16 row becomes zero when the last columns are written.
    void (*silu_gate)(const float *gate, ptrdiff_t gate_stride, const float *up, ptrdiff_t up_stride, int32_t rows,
                      int32_t count, ech_view out, int32_t column);
    /// out[j] = the rotary embedding of x[j] + bias[j], j < count, with the table's rows at the same columns.
    /// count is even.
    void (*bias_rope)(const float *x, const float *bias, const float *cosine, const float *sine, int32_t count,
                      float *out);
    /// Raises best[i] and index[i] to the largest of values[i][0 ..< count], of which the first is output `first`. Of
    /// equal ones the first output counts.
    void (*best)(const float *values, ptrdiff_t stride, int32_t rows, int32_t count, int32_t first, float *best,
                 int32_t *index);
} ech_kernels;

extern const ech_kernels ech_kernels_portable;
#if defined(__x86_64__)
extern const ech_kernels ech_kernels_avx2, ech_kernels_avx512;
#endif

#endif
