/// The kernels that exist once for each instruction set, apart from matrix products (core/strips.h).
#ifndef ECHELON_KERNELS_H
#define ECHELON_KERNELS_H

#include "CExecutor.h"
#include "core/cache.h"
#include "core/session.h"
#include "core/view.h"
#include "core/wavefront.h"

#include <stddef.h>
#include <stdint.h>

/// The operands of an instruction that is divided by rows.
typedef struct {
    ech_view in[5], out[2];
    const float *weight[2];
    const float *rope; ///< the values of the rotary table
    /// One row of the widest buffer, rounded up to 16. If an output is q8 there are two such rows, and the second
    /// begins at the output's width, rounded up to 16.
    float *scratch;
    int32_t heads, from;
    float constant;     ///< f0
    int32_t begin, end; ///< rows
} ech_row_work;
typedef void (*ech_row_kernel)(const ech_row_work *work);

typedef struct {
    const ech_cache_memory *cache;
    const int32_t *depth;      ///< the session's
    const int32_t *row_depths; ///< that of each row before the call
    const ech_wavefront *wavefront;
    ech_view queries, out;
    float *scratch; ///< ech_attention_scratch(dim16) floats
    int32_t context;
    int32_t group;      ///< the query heads that share a head of the cache
    int32_t recurrence; ///< that of the call, to which each row adds its depth
    int64_t begin, end; ///< pairs of a head of the cache and a row block; the block changes faster
    int64_t read_next;  ///< the end of the pairs that this thread probably computes next, whose data are prefetched
} ech_attention_work;

/// The rows of a product that gives queries, keys and values.
typedef struct {
    const ech_cache_memory *cache;
    const int32_t *slots, *positions, *depths;
    const float *rope; ///< the values of the rotary table
    const float *bias; ///< that of queries and keys, or NULL
    ech_view queries;
    int32_t rows, recurrence;
} ech_projection;

/// The ech_cache_head to which a row writes a head.
static inline int64_t ech_projected_head(const ech_projection *p, int32_t row, int32_t head) {
    return ech_cache_head(p->cache, p->slots[row], ech_written_entry(p->cache, p->depths[row], p->recurrence), head);
}

/// The scratch of attention, in floats. Each query of a block has room for its numbers, its result
/// and one block of weights. Each thread has one
/// gathered block of keys, for blocks whose positions use different cache entries; in bf16 the same space also holds
/// the gathered values.
static inline int64_t ech_attention_scratch(int64_t dim16) {
    return ECH_QUERY_BLOCK * (2 * dim16 + ECH_ATTENTION_BLOCK) + ECH_ATTENTION_BLOCK * dim16;
}

/// One step of an argmax, which starts at −∞ and column -1. Outputs come in any order; the first of equal ones counts.
/// A NaN or +∞ makes the result +∞ and -1 for good: there is no largest number.
static inline void ech_better(float value, int32_t index, float *best, int32_t *best_index) {
    if (!(value < __builtin_inff())) {
        value = __builtin_inff();
        index = -1;
    } else if (!(value > *best) && !(value == *best && index < *best_index)) {
        return;
    }
    *best = value;
    *best_index = index;
}

typedef struct ech_kernels {
    ech_row_kernel row[ECH_OPCODE_COUNT]; ///< NULL if the instruction has no row kernel
    void (*attention)(const ech_attention_work *work);
    /// out[i][column + j] = silu(gate[i][j]) · up[i][j] for i < rows, j < count; column is a multiple of 32. The
    /// padding of a bf16 row becomes zero when the last columns are written.
    void (*silu_gate)(const float *gate, ptrdiff_t gate_stride, const float *up, ptrdiff_t up_stride, int32_t rows,
                      int32_t count, ech_view out, int32_t column);
    /// Puts outputs first ..< first + count of every row in their place: queries in the result, keys and values in the
    /// cache. They are in one head's queries, keys or values, and `first` and `count` are even. Row i's begin at
    /// x[i * stride]. Keys are turned where they are.
    void (*place_projected)(const ech_projection *p, float *x, ptrdiff_t stride, int32_t first, int32_t count);
    /// out = the rotary embedding of norm(x, weight) with epsilon `eps`, in heads of `dim` columns. `angles` is the
    /// position's row of the rotary table.
    void (*norm_rope)(const float *x, int32_t width, int32_t dim, float eps, const float *weight, const float *angles,
                      float *out);
    /// Writes the key and the value of one position; `head` is ech_cache_head.
    void (*write_cached)(const ech_cache_memory *cache, int64_t head, int32_t position, const float *key,
                         const float *value);
    /// Raises best[i] and index[i] to the largest of values[i][0 ..< count]. values[i][0] is output number `first`. The
    /// first of equal outputs counts.
    void (*best)(const float *values, ptrdiff_t stride, int32_t rows, int32_t count, int32_t first, float *best,
                 int32_t *index);
} ech_kernels;

/// The kernels of an instruction set that the machine has.
const ech_kernels *ech_kernels_for(int isa);

#endif
