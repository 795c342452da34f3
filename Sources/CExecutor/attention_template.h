// Wavefront attention: causal attention of ragged rows over the caches. Included by a kernels_*.c file for each
// instruction set, after rows_template.h. No include guard: this is a template. The including file defines
//   LANES            floats of the instruction set's vectors, at most 16
//   FMA(a, b, c)     a · b + c of such vectors, by whatever is fastest
//   SCORE_BLOCKS     blocks of keys, and
//   VALUE_VECTORS    vectors of values, that are multiplied with
//   ATTENTION_ROWS   rows at a time, in registers: 2 or 4.
//
// Rows of one slot go together, so that each key and value is read once for all of them. Yet a row's result depends on its
// own position and the cache alone: each of its scores is one sum over the columns in order, each column of its result one
// sum over the positions in order, however many rows and positions the registers hold. The softmax is computed as it goes
// (Milakov and Gimelshein, arXiv 1805.02867), over blocks of 64 positions that begin at multiples of 64.
//
// Unlike everything in vector.h this may fuse a multiplication with an addition: attention's results agree to the bit only
// within an instruction set.

#include "cache.h"

enum { ROWS = ATTENTION_ROWS, BLOCK = ECH_ATTENTION_BLOCK, KEY_BLOCKS = ECH_ATTENTION_BLOCK / ECH_KEY_BLOCK };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t vec_bits __attribute__((vector_size(4 * LANES)));
typedef float vec_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t half_vec_any __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

INLINE vec zeros(void) { return (vec){0}; }
INLINE vec repeated(float x) { return x - zeros(); }
INLINE vec vec_load(const float *p) { return *(const vec_any *)p; }
INLINE void vec_store(float *p, vec x) { *(vec_any *)p = x; }

/// Elements `at` and following of a cache's memory, which holds bf16 or f32.
INLINE vec cached(const void *memory, int64_t at, const bool halves) {
    if (!halves) return vec_load((const float *)memory + at);
    return (vec)(__builtin_convertvector(*(const half_vec_any *)((const uint16_t *)memory + at), vec_bits) << 16);
}

/// Fetches what a loop reads now one block of positions further on. The cores' own prefetchers lose track between heads
/// and at the ends of pages.
INLINE void fetch_ahead(const void *memory, int64_t at, int64_t distance, const bool halves) {
    if (halves && at % 32 != 0) return; // two vectors of halves a line
    __builtin_prefetch((const char *)memory + (at + distance) * (halves ? 2 : 4), 0, 2);
}

INLINE const void *moved(const void *memory, int64_t elements, const bool halves) {
    return (const char *)memory + elements * (halves ? 2 : 4);
}

/// e^x for x ≤ 0, to about one unit in the last place, as in vector.h but with as few operations as fusing allows: beside
/// the products, attention spends its time here. x is kept above −87.3, where the result is a normal number.
INLINE vec fused_exponential(vec x) {
    const vec low = repeated(-87.3f), shifter = repeated(12582912.0f);
    const vec_bits below = (vec_bits)(x < low);
    x = (vec)(((vec_bits)low & below) | ((vec_bits)x & ~below));
    const vec shifted = FMA(x, repeated(1.44269504f), shifter), n = shifted - shifter;
    const vec r = FMA(n, repeated(2.12194440e-4f), FMA(n, repeated(-0.693359375f), x));
    vec p = FMA(repeated(1.0f / 5040), r, repeated(1.0f / 720));
    p = FMA(p, r, repeated(1.0f / 120));
    p = FMA(p, r, repeated(1.0f / 24));
    p = FMA(p, r, repeated(1.0f / 6));
    p = FMA(p, r, repeated(0.5f));
    p = FMA(p, r, repeated(1.0f));
    p = FMA(p, r, repeated(1.0f));
    return p * (vec)(((vec_bits)shifted + 127u) << 23);
}

/// The cache entry that a reader at recurrence t takes of a position, see ech_call.depth.
INLINE int32_t entry_of(int32_t t, int32_t depth, int32_t entries) {
    if (t >= depth) t = depth > 0 ? depth - 1 : 0;
    return t % entries;
}

// MARK: One block of 64 positions

/// Where a block's keys and values lie.
typedef struct {
    const void *keys[KEY_BLOCKS];
    const void *values;
    int64_t value_offsets[BLOCK]; ///< by position, in elements
} located_block;

/// Copies a block of 16 keys of which each comes from its own entry.
INLINE void gather_keys(const ech_cache_memory *cache, const void *keys, const int32_t *entries, void *to,
                        const bool halves) {
    for (int32_t j = 0; j < ECH_KEY_BLOCK; j++) {
        const void *from = moved(keys, entries[j] * cache->entry_stride, halves);
        for (int32_t d = 0; d < cache->dim; d++) {
            const int64_t at = (int64_t)d * ECH_KEY_BLOCK + j;
            if (halves) ((uint16_t *)to)[at] = ((const uint16_t *)from)[at];
            else ((float *)to)[at] = ((const float *)from)[at];
        }
    }
}

/// `keys` and `values` are those of the slot and head, at entry 0 and position 0; `gathered` has room for a block's keys.
INLINE void locate(located_block *block, const ech_attention_work *work, const void *keys, const void *values,
                   const int32_t *depth, int32_t first, int32_t count, void *gathered, const bool halves) {
    const ech_cache_memory *cache = work->cache;
    int32_t entries[BLOCK] = {0};
    if (cache->recurrent && cache->entries > 1)
        for (int32_t j = 0; j < count; j++) entries[j] = entry_of(work->recurrence, depth[first + j], cache->entries);
    block->values = moved(values, (int64_t)first * cache->dim16, halves);
    for (int32_t j = 0; j < count; j++)
        block->value_offsets[j] = (int64_t)j * cache->dim16 + entries[j] * cache->entry_stride;
    for (int32_t b = 0; b < KEY_BLOCKS; b++) {
        const int32_t *own = entries + b * ECH_KEY_BLOCK;
        const void *from = moved(keys, ech_cache_key(cache, first) + (int64_t)b * ECH_KEY_BLOCK * cache->dim16, halves);
        bool same = true;
        for (int32_t j = 1; j < ECH_KEY_BLOCK && b * ECH_KEY_BLOCK + j < count; j++) same = same && own[j] == own[0];
        if (same) {
            block->keys[b] = moved(from, own[0] * cache->entry_stride, halves);
        } else {
            void *to = (float *)gathered + (int64_t)b * ECH_KEY_BLOCK * cache->dim16;
            gather_keys(cache, from, own, to, halves);
            block->keys[b] = to;
        }
    }
}

/// The scores of some rows with some blocks of 16 keys. A row's queries are dim16 floats from the row's before, its
/// scores 64. `ahead`: the next 64 positions will be asked for, and nothing has fetched them.
INLINE void multiply_keys(const int rows, const int blocks, const float *queries, const void *const *keys, int32_t dim,
                          int32_t dim16, float *scores, const bool halves, const bool ahead) {
    enum { PARTS = ECH_KEY_BLOCK / LANES };
    vec sums[ROWS][SCORE_BLOCKS * PARTS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = zeros();
    for (int32_t d = 0; d < dim; d++) {
        vec key[SCORE_BLOCKS * PARTS];
        for (int v = 0; v < blocks * PARTS; v++) {
            const int64_t at = (int64_t)d * ECH_KEY_BLOCK + v % PARTS * LANES;
            key[v] = cached(keys[v / PARTS], at, halves);
            if (ahead && v % PARTS == 0) fetch_ahead(keys[v / PARTS], at, (int64_t)BLOCK * dim16, halves);
        }
        for (int i = 0; i < rows; i++) {
            const vec query = repeated(queries[(int64_t)i * dim16 + d]);
            for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = FMA(query, key[v], sums[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) vec_store(scores + i * BLOCK + v * LANES, sums[i][v]);
}

/// multiply_keys for any number of blocks. Of four, one may lie past the last position: the cache has room for it.
INLINE void score(const int rows, int32_t blocks, const float *queries, const void *const *keys, int32_t dim,
                  int32_t dim16, float *scores, const bool halves, const bool ahead) {
    for (int32_t b = 0; b < blocks;) {
        float *to = scores + b * ECH_KEY_BLOCK;
        if (SCORE_BLOCKS == 4 && blocks - b > 2) {
            multiply_keys(rows, SCORE_BLOCKS, queries, keys + b, dim, dim16, to, halves, ahead);
            b += 4;
        } else if (SCORE_BLOCKS >= 2 && blocks - b > 1) {
            multiply_keys(rows, SCORE_BLOCKS >= 2 ? 2 : 1, queries, keys + b, dim, dim16, to, halves, ahead);
            b += 2;
        } else {
            multiply_keys(rows, 1, queries, keys + b, dim, dim16, to, halves, ahead);
            b += 1;
        }
    }
}

/// A row's softmax so far.
typedef struct {
    vec total;     ///< the weights' sum is that of the lanes
    float maximum; ///< of the scores; the weights are relative to it
    float decay;   ///< what the last block made of the weights before it
} running_softmax;

/// Turns the scores of the block's first `count` positions into weights.
INLINE void weigh(running_softmax *softmax, float *scores, int32_t count) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const v16f nothing = splat(-__builtin_inff());
    const int32_t scored = ech_min((int32_t)ech_round_up(count, 16), BLOCK);
    v16f top = nothing;
    for (int32_t j = 0; j < scored; j += 16) {
        const v16f score = select(lanes < count - j, load(scores + j), nothing);
        top = select(score > top, score, top);
        store(scores + j, score);
    }
    const float highest = largest(top), above = highest > softmax->maximum ? highest : softmax->maximum;
    const vec decay = fused_exponential(repeated(softmax->maximum - above));
    vec total = softmax->total * decay;
    for (int32_t j = 0; j < scored; j += LANES) {
        // The exponential stops at e^−87; what lies past the row's position has to weigh nothing at all.
        const vec score = vec_load(scores + j);
        const vec_bits counts = ~(vec_bits)(score == repeated(-__builtin_inff()));
        const vec weight = (vec)((vec_bits)fused_exponential(score - above) & counts);
        total += weight;
        vec_store(scores + j, weight);
    }
    *softmax = (running_softmax){total, above, decay[0]};
}

/// results += the weighted values of positions begin ..< end of the block, for some rows and vectors of columns. `decays`
/// is NULL or what each row's results are multiplied by first.
INLINE void add_columns(const int rows, const int vectors, float *results, int32_t dim16, const running_softmax *decays,
                        const float *weights, const located_block *block, int32_t column, int32_t begin, int32_t end,
                        const bool halves, const bool ahead) {
    vec sums[ROWS][VALUE_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            sums[i][v] = vec_load(results + (int64_t)i * dim16 + column + v * LANES);
            if (decays) sums[i][v] *= decays[i].decay;
        }
    for (int32_t j = begin; j < end; j++) {
        vec value[VALUE_VECTORS];
        for (int v = 0; v < vectors; v++) {
            const int64_t at = block->value_offsets[j] + column + v * LANES;
            value[v] = cached(block->values, at, halves);
            if (ahead && (LANES == 16 || v % 2 == 0)) fetch_ahead(block->values, at, (int64_t)BLOCK * dim16, halves);
        }
        for (int i = 0; i < rows; i++) {
            const vec weight = repeated(weights[i * BLOCK + j]);
            for (int v = 0; v < vectors; v++) sums[i][v] = FMA(weight, value[v], sums[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) vec_store(results + (int64_t)i * dim16 + column + v * LANES, sums[i][v]);
}

INLINE void add_values(const int rows, float *results, int32_t dim16, const running_softmax *decays,
                       const float *weights, const located_block *block, int32_t begin, int32_t end, const bool halves,
                       const bool ahead) {
    int32_t column = 0;
    for (; column + VALUE_VECTORS * LANES <= dim16; column += VALUE_VECTORS * LANES)
        add_columns(rows, VALUE_VECTORS, results, dim16, decays, weights, block, column, begin, end, halves, ahead);
    for (; column + 2 * LANES <= dim16; column += 2 * LANES)
        add_columns(rows, 2, results, dim16, decays, weights, block, column, begin, end, halves, ahead);
    for (; column < dim16; column += LANES)
        add_columns(rows, 1, results, dim16, decays, weights, block, column, begin, end, halves, ahead);
}

/// add_values for rows of which each sees its own count of the block's positions, a later row never fewer.
INLINE void add_ragged_values(const int rows, const ech_ordered_row *ordered, float *results, int32_t dim16,
                              const running_softmax *softmax, const float *weights, const located_block *block,
                              int32_t first, const bool halves, const bool ahead) {
    const int32_t common = ech_min(ordered[0].position - first + 1, BLOCK);
    add_values(rows, results, dim16, softmax, weights, block, 0, common, halves, ahead);
    for (int i = 1; i < rows; i++) {
        const int32_t count = ech_min(ordered[i].position - first + 1, BLOCK);
        if (count > common)
            add_values(1, results + (int64_t)i * dim16, dim16, NULL, weights + i * BLOCK, block, common, count, halves, false);
    }
}

// MARK: A block of rows

/// Does something for as many of the first rows as fit in registers.
#define FIRST_ROWS(what)                                                                                               \
    do {                                                                                                               \
        if (i + ROWS <= rows) {                                                                                        \
            what(ROWS, true);                                                                                          \
            i += ROWS;                                                                                                 \
        } else {                                                                                                       \
            what(1, true);                                                                                             \
            i += 1;                                                                                                    \
        }                                                                                                              \
    } while (0)

/// What a block of rows keeps in scratch.
typedef struct {
    float *queries, *results; ///< dim16 floats a row
    float *weights;           ///< 64 a row: a block's scores, then its weights
    void *gathered;
} row_memory;

INLINE void attend(const ech_attention_work *work, const ech_ordered_row *ordered, int32_t rows, int32_t head,
                   const row_memory *memory, const bool halves) {
    const ech_cache_memory *cache = work->cache;
    const int32_t dim = cache->dim, dim16 = cache->dim16, slot = ordered[0].slot, last = ordered[rows - 1].position;
    const int64_t offset = ech_cache_head(cache, slot, 0, head);
    const void *keys = moved(cache->keys, offset, halves), *values = moved(cache->values, offset, halves);
    const int32_t *depth = work->depth + (int64_t)slot * work->context;
    running_softmax softmax[ECH_ROW_BLOCK];
    for (int32_t i = 0; i < rows; i++) softmax[i] = (running_softmax){zeros(), -__builtin_inff(), 0};
    memset(memory->results, 0, (size_t)rows * (size_t)dim16 * sizeof(float));

    int32_t begin = 0; // the first row that sees the block: positions ascend
    for (int32_t first = 0;; first += BLOCK) {
        while (ordered[begin].position < first) begin++;
        const int32_t count = ech_min(last - first + 1, BLOCK), blocks = (count + ECH_KEY_BLOCK - 1) / ECH_KEY_BLOCK;
        located_block block;
        locate(&block, work, keys, values, depth, first, count, memory->gathered, halves);
        const bool more = last - first >= BLOCK;
        // The first rows fetch the next block for all.
        int32_t i = begin;
#define SCORE(n, ahead)                                                                                                \
    score(n, blocks, memory->queries + (int64_t)i * dim16, block.keys, dim, dim16, memory->weights + i * BLOCK, halves, \
          ahead)
        if (more) FIRST_ROWS(SCORE);
        for (; i + ROWS <= rows; i += ROWS) SCORE(ROWS, false);
        for (; ROWS > 2 && i + 2 <= rows; i += 2) SCORE(2, false);
        for (; i < rows; i++) SCORE(1, false);
#undef SCORE
        for (i = begin; i < rows; i++) weigh(&softmax[i], memory->weights + i * BLOCK, ordered[i].position - first + 1);
        i = begin;
#define ADD_VALUES(n, ahead)                                                                                           \
    add_ragged_values(n, ordered + i, memory->results + (int64_t)i * dim16, dim16, softmax + i,                        \
                      memory->weights + i * BLOCK, &block, first, halves, ahead)
        if (more) FIRST_ROWS(ADD_VALUES);
        for (; i + ROWS <= rows; i += ROWS) ADD_VALUES(ROWS, false);
        for (; ROWS > 2 && i + 2 <= rows; i += 2) ADD_VALUES(2, false);
        for (; i < rows; i++) ADD_VALUES(1, false);
#undef ADD_VALUES
        if (!more) break;
    }
    for (int32_t i = 0; i < rows; i++) {
        float *result = memory->results + (int64_t)i * dim16;
        float total = 0;
        for (int lane = 0; lane < LANES; lane++) total += softmax[i].total[lane];
        const v16f reciprocal = splat(1.0f / total);
        for (int32_t d = 0; d < dim16; d += 16) store(result + d, load(result + d) * reciprocal);
    }
}

INLINE void write_head(const ech_attention_work *work, int32_t row, int32_t head, const float *result) {
    const int32_t dim = work->cache->dim, column = head * dim;
    row_writer out = writer(&work->out, row);
    if (dim % 16 == 0 || out.floats) {
        for (int32_t d = 0; d < dim; d += 16) put(out, column + d, load(result + d), dim - d);
    } else {
        // Heads share vectors of the output, which the put of one would zero in another.
        for (int32_t d = 0; d < dim; d++) {
            const v16h half = to_bf16(splat(result[d]));
            out.halves[(column + d) / 32 * out.block + (column + d) % 32] = half[0];
        }
    }
    if (out.halves && head + 1 == work->cache->heads)
        for (int32_t c = column + dim; c % 32; c++) out.halves[c / 32 * out.block + c % 32] = 0;
}

INLINE void attend_pairs(const ech_attention_work *work, const bool halves) {
    const int32_t dim = work->cache->dim, dim16 = work->cache->dim16, blocks = work->wavefront->block_count;
    const v16f scale = splat(1.0f / __builtin_sqrtf((float)dim));
    row_memory memory = {.queries = work->scratch};
    memory.results = memory.queries + (int64_t)ECH_ROW_BLOCK * dim16;
    memory.weights = memory.results + (int64_t)ECH_ROW_BLOCK * dim16;
    memory.gathered = memory.weights + ECH_ROW_BLOCK * BLOCK;
    for (int64_t pair = work->begin; pair < work->end; pair++) {
        const int32_t head = (int32_t)(pair / blocks);
        const ech_row_block *block = &work->wavefront->blocks[pair % blocks];
        const ech_ordered_row *ordered = work->wavefront->rows + block->begin;
        const int32_t rows = block->end - block->begin;
        for (int32_t i = 0; i < rows; i++) {
            const float *from = reader(&work->queries, ordered[i].row) + (int64_t)head * dim;
            float *to = memory.queries + (int64_t)i * dim16;
            for (int32_t d = 0; d < dim16; d += 16) store(to + d, load_first(from + d, dim - d) * scale);
        }
        attend(work, ordered, rows, head, &memory, halves);
        for (int32_t i = 0; i < rows; i++)
            write_head(work, ordered[i].row, head, memory.results + (int64_t)i * dim16);
    }
}

KERNEL_TARGET static void attention(const ech_attention_work *work) {
    if (work->cache->format == ECH_CACHE_BF16) attend_pairs(work, true);
    else attend_pairs(work, false);
}
