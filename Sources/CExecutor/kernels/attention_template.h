// Wavefront attention: causal attention of ragged rows over the caches. Included by a file for each instruction set,
// after KERNEL_TARGET. No include guard: this is a template. The including file defines
//   LANES              the floats in a vector of the instruction set, at most 16
//   FMA(a, b, c)       a · b + c of such vectors, by the fastest instructions
//   PAIR_FMA(a, b, c)  the same for pairs of bf16 numbers in each lane of a and b; both products are added to the lane
//   of c.
//                      Only defined if the instruction set has it.
//   ATTENTION_ROWS     the rows that are multiplied at a time in registers, 2 or 4, with
//   SCORE_BLOCKS       this many blocks of keys, and
//   VALUE_VECTORS      this many vectors of values,
// and calls attend_heads for the formats of caches that it supports.
//
// Rows of one slot are computed together, so that each key and value is read once for all of them. Yet a row's result
// depends on its own position and the cache alone: each of its scores is one sum over the columns in order, and each
// column of its result is one sum over the positions in order, for any number of rows and positions in registers. The
// softmax is computed online (Milakov and Gimelshein, arXiv 1805.02867), over blocks of 64 positions that begin at
// multiples of 64.
//
// Products are computed from cells, see core/cache.h. If a cell is a pair of bf16 numbers, queries and the softmax's
// weights are rounded to pairs too, whether the instruction set multiplies pairs or not, and sums are f32. The weights
// are divided by the sum of the rounded ones, so that they still add up to one. int8 numbers are widened to f32 when
// they are loaded, once for all rows that are in registers.
//
// Unlike the functions of vector.h, this may fuse a multiplication with an addition: attention's results agree to the
// bit only within an instruction set.

#include "core/cache.h"
#include "kernels/attention_vectors_template.h"
#include "kernels/row_writer.h"

enum { ROWS = ATTENTION_ROWS, BLOCK = ECH_ATTENTION_BLOCK, KEY_BLOCKS = ECH_ATTENTION_BLOCK / ECH_KEY_BLOCK };

/// The maximum number of rows for which memory is the bound. They read keys in the order of memory, one block of 16
/// after another, and prefetch every second line: then the second-level cache's own prefetcher brings the rest
/// (docs/kernels.md). For more rows that prefetcher is too slow to notice. It does not follow smaller vectors, which
/// read the values a few columns at a time.
enum { MAX_MEMORY_BOUND_ROWS = LANES == 16 ? 2 : 0 };

/// The part of the next block that a group of rows prefetches while it computes with one. The cores' own prefetchers
/// lose track between heads and at the ends of pages. All groups of a block of rows read the same, and each prefetches
/// a part: more lines at once than a core has miss buffers would make it wait.
typedef struct {
    ech_range steps; ///< the steps of a loop that prefetch the next block's data for the same step
    int32_t few;     ///< 1 for at most MAX_MEMORY_BOUND_ROWS rows, else 0
} lookahead;

INLINE bool fetches(lookahead ahead, int32_t step) { return step >= ahead.steps.begin && step < ahead.steps.end; }
INLINE void fetch(const void *line) { __builtin_prefetch(line, 0, 2); }

/// The cache entry of a position that a reader at recurrence t uses, see ech_call.
INLINE int32_t entry_of(int32_t t, int32_t depth, int32_t entries) {
    if (t >= depth) t = depth > 0 ? depth - 1 : 0;
    return t % entries;
}

/// Sizes of a head, in cells.
typedef struct {
    int32_t dim16;           ///< the values of a position, or of a pair of positions
    int32_t key, padded_key; ///< a key of dim columns, and of dim16
    int64_t block;           ///< the keys, or the values, of 64 positions
    int64_t entry;           ///< from one entry to the next
} head_sizes;

INLINE head_sizes sizes_of(const ech_cache_memory *cache, const int32_t format) {
    const int32_t numbers = ech_cache_numbers(format);
    return (head_sizes){.dim16 = cache->dim16,
                        .key = (cache->dim + numbers - 1) / numbers,
                        .padded_key = cache->dim16 / numbers,
                        .block = (int64_t)BLOCK * cache->dim16 / numbers,
                        .entry = cache->entry_stride / numbers};
}

// MARK: One block of 64 positions

/// The addresses of a block's keys and values.
typedef struct {
    const void *keys[KEY_BLOCKS];
    const void *values[BLOCK];                    ///< by position, or by pair of positions
    float key_scales[BLOCK], value_scales[BLOCK]; ///< only in an int8 cache
} located_block;

/// Whether the first `count` entries are the same.
INLINE bool are_same(const int32_t *entries, int32_t count) {
    bool same = true;
    for (int32_t j = 1; j < count; j++) same = same && entries[j] == entries[0];
    return same;
}

/// A head's part of the cache, from entry 0 and some position on.
typedef struct {
    const void *keys, *values;
    const float *key_scales, *value_scales; ///< only in an int8 cache
} cached_head;

INLINE cached_head head_at(const ech_cache_memory *cache, int64_t offset, const int32_t format) {
    const int64_t index = offset / ech_cache_numbers(format);
    cached_head head = {cell_at(cache->keys, index, format), cell_at(cache->values, index, format), NULL, NULL};
    if (format == ECH_CACHE_INT8) {
        const int64_t scale = ech_cache_scale(cache, offset, 0);
        head.key_scales = cache->key_scales + scale;
        head.value_scales = cache->value_scales + scale;
    }
    return head;
}

/// Moves to the next block of positions.
INLINE void advance(cached_head *head, head_sizes size, const int32_t format) {
    head->keys = cell_at(head->keys, size.block, format);
    head->values = cell_at(head->values, size.block, format);
    if (format == ECH_CACHE_INT8) {
        head->key_scales += BLOCK;
        head->value_scales += BLOCK;
    }
}

/// Copies the scales of positions that have these entries.
INLINE void locate_scales(located_block *block, const cached_head *head, int64_t entry_stride, const int32_t *entries,
                          int32_t count) {
    if (are_same(entries, count)) {
        memcpy(block->key_scales, head->key_scales + entries[0] * entry_stride, sizeof block->key_scales);
        memcpy(block->value_scales, head->value_scales + entries[0] * entry_stride, sizeof block->value_scales);
        return;
    }
    for (int32_t j = 0; j < BLOCK; j++) {
        block->key_scales[j] = head->key_scales[entries[j] * entry_stride + j];
        block->value_scales[j] = head->value_scales[entries[j] * entry_stride + j];
    }
}

/// Locates the block of the head's first `count` positions. Keys and values of several entries are put together in
/// `gathered`, which has room for the keys of a block and, if they are pairs, the values. The readers are at recurrence
/// `t`.
INLINE void locate(located_block *block, const ech_attention_work *work, head_sizes size, const cached_head *head,
                   const int32_t *depth, int32_t t, int32_t count, cell *gathered, const int32_t format) {
    const ech_cache_memory *cache = work->cache;
    int32_t entries[BLOCK] = {0};
    if (ech_reads_by_depth(cache))
        for (int32_t j = 0; j < count; j++) entries[j] = entry_of(t, depth[j], cache->entries);
    if (format == ECH_CACHE_INT8) locate_scales(block, head, size.entry / size.dim16, entries, count);

    const int64_t key_block = (int64_t)ECH_KEY_BLOCK * size.padded_key;
    for (int32_t b = 0; b < KEY_BLOCKS; b++, gathered += key_block) {
        const int32_t *own = entries + b * ECH_KEY_BLOCK;
        const void *keys = cell_at(head->keys, b * key_block, format);
        if (are_same(own, ech_min(count - b * ECH_KEY_BLOCK, ECH_KEY_BLOCK))) {
            block->keys[b] = cell_at(keys, own[0] * size.entry, format);
            continue;
        }
        for (int32_t j = 0; j < ECH_KEY_BLOCK; j++)
            for (int64_t at = j; at < key_block; at += ECH_KEY_BLOCK)
                copy_cell(gathered, at, keys, own[j] * size.entry + at, format);
        block->keys[b] = gathered;
    }

    const int32_t numbers = ech_cache_numbers(format);
    for (int32_t j = 0, u = 0; j < count; j += numbers, u++, gathered += size.dim16) {
        const int32_t *own = entries + j;
        const void *values = cell_at(head->values, (int64_t)u * size.dim16, format);
        block->values[u] = cell_at(values, own[0] * size.entry, format);
        if (are_same(own, ech_min(count - j, numbers))) continue;
        const cell *first = block->values[u], *second = cell_at(values, own[1] * size.entry, format);
        for (int32_t d = 0; d < size.dim16; d++) gathered[d] = (first[d] & 0xffffu) | (second[d] & 0xffff0000u);
        block->values[u] = gathered;
    }
}

/// The scores of some rows with some blocks of 16 keys. Each row's scores begin 64 floats after those of the row
/// before.
INLINE void multiply_keys(const int rows, const int blocks, const cell *queries, const void *const *keys,
                          head_sizes size, float *scores, const int32_t format, lookahead ahead) {
    enum { PARTS = ECH_KEY_BLOCK / LANES };
    const int32_t columns = format == ECH_CACHE_INT8 ? 4 : 1; // in a line of memory
    vec sums[ROWS][SCORE_BLOCKS * PARTS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = zeros();
    for (int32_t c = 0; c < size.key; c++) {
        vec_bits key[SCORE_BLOCKS * PARTS];
        const int64_t line = (int64_t)c * ECH_KEY_BLOCK;
        for (int v = 0; v < blocks * PARTS; v++)
            key[v] = load_cached(cell_at(keys[v / PARTS], line + v % PARTS * LANES, format), format);
        if (fetches(ahead, c) && c % columns == 0 && !(c / columns & ahead.few))
            for (int b = 0; b < blocks; b++) fetch(cell_at(keys[b], line + size.block, format));
        for (int i = 0; i < rows; i++) {
            const vec_bits query = repeated_cell(queries[(int64_t)i * size.padded_key + c]);
            for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = add_products(sums[i][v], query, key[v], format);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) vec_store(scores + i * BLOCK + v * LANES, sums[i][v]);
}

/// multiply_keys for any number of blocks. The last of four may be past the last position: the cache has room for it.
INLINE void score(const int rows, int32_t blocks, const cell *queries, const void *const *keys, head_sizes size,
                  float *scores, const int32_t format, lookahead ahead) {
    const bool in_order = rows <= MAX_MEMORY_BOUND_ROWS && ahead.few;
    for (int32_t b = 0; b < blocks;) {
        float *to = scores + b * ECH_KEY_BLOCK;
        if (SCORE_BLOCKS == 4 && !in_order && blocks - b > 2) {
            multiply_keys(rows, SCORE_BLOCKS, queries, keys + b, size, to, format, ahead);
            b += 4;
        } else if (SCORE_BLOCKS >= 2 && !in_order && blocks - b > 1) {
            multiply_keys(rows, SCORE_BLOCKS >= 2 ? 2 : 1, queries, keys + b, size, to, format, ahead);
            b += 2;
        } else {
            multiply_keys(rows, 1, queries, keys + b, size, to, format, ahead);
            b += 1;
        }
    }
}

/// The softmax of a block of rows so far.
typedef struct {
    vec totals[ECH_ROW_BLOCK];   ///< for each row: the sum of its weights, in lanes
    float maxima[ECH_ROW_BLOCK]; ///< for each row: its largest score; weights are relative to it
    float maxima_before[ECH_ROW_BLOCK];
    float decays[ECH_ROW_BLOCK]; ///< for each row: the factor by which the last block scales the weights before it
} running_softmax;

/// The largest of a row's first `count` scores in a block, or −∞. The scores get the scales of their keys. The other
/// scores up to a multiple of 16 become −∞.
INLINE float largest_score(float *scores, int32_t count, const located_block *block, const int32_t format) {
    const v16i lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const v16f nothing = splat(-__builtin_inff());
    v16f top = nothing;
    for (int32_t j = 0; j < count; j += 16) {
        v16f score = load(scores + j);
        if (format == ECH_CACHE_INT8) score *= load(block->key_scales + j);
        score = select(lanes < count - j, score, nothing);
        top = select(score > top, score, top);
        store(scores + j, score);
    }
    return largest(top);
}

/// Raises rows' maxima to the block's scores. Row i sees the first counts[i] of them.
INLINE void raise_maxima(running_softmax *softmax, int32_t begin, int32_t rows, float *scores, const int32_t *counts,
                         const located_block *block, const int32_t format) {
    for (int32_t i = begin; i < rows; i++) {
        const float before = softmax->maxima[i];
        const float largest = largest_score(scores + i * BLOCK, counts[i], block, format);
        softmax->maxima_before[i] = before;
        softmax->maxima[i] = largest > before ? largest : before;
    }
    for (int32_t i = begin / LANES * LANES; i < rows; i += LANES)
        vec_store(softmax->decays + i,
                  fused_exponential(vec_load(softmax->maxima_before + i) - vec_load(softmax->maxima + i), false));
}

/// Turns the scores of a row's first `count` positions into weights, as cells, with the scales of the values. The other
/// weights up to a multiple of 16 are zero, or not a number where the cache has no position yet.
INLINE void weigh(running_softmax *softmax, int32_t row, float *scores, int32_t count, const located_block *block,
                  const int32_t format) {
    const float maximum = softmax->maxima[row];
    vec total = softmax->totals[row] * softmax->decays[row];
    for (int32_t j = 0; j < ech_round_up(count, 16); j += LANES) {
        // The exponential stops at e^−87, but positions after the row's own must have the weight zero.
        const vec score = vec_load(scores + j);
        const vec_bits counts = ~(vec_bits)(score == repeated(-__builtin_inff()));
        const vec_bits weight = (vec_bits)fused_exponential(score - maximum, is_pairs(format)) & counts;
        if (is_pairs(format)) {
            // To bf16, ties to even. A NaN's lower half is zero, so that nothing is carried.
            const vec_bits rounded = (weight + 0x7fffu + ((weight >> 16) & 1u)) & 0xffff0000u;
            total += (vec)rounded;
            *(halves_any *)(scores + j / 2) = __builtin_convertvector(rounded >> 16, vec_halves);
        } else {
            total += (vec)weight;
            const bool scaled = format == ECH_CACHE_INT8;
            vec_store(scores + j, scaled ? (vec)weight * vec_load(block->value_scales + j) : (vec)weight);
        }
    }
    softmax->totals[row] = total;
}

static const lookahead nothing_ahead = {0};

/// Prefetches some columns of a position's values, or of a pair's.
INLINE void fetch_values(const void *from, const int columns, int32_t column, lookahead ahead, const int32_t format) {
    const int32_t per_line = (int32_t)(64 / cell_bytes(format));
    for (int32_t c = 0; c < columns; c += per_line)
        if (!((column + c) / per_line & ahead.few)) fetch(cell_at(from, c, format));
}

/// results += the weighted values of positions, or pairs, begin ..< end of the block, for some rows and vectors of
/// columns. `decays` is NULL, or has the factor by which each row's results are multiplied first.
INLINE void add_columns(const int rows, const int vectors, float *results, head_sizes size, const float *decays,
                        const cell *weights, const located_block *block, int32_t column, int32_t begin, int32_t end,
                        const int32_t format, lookahead ahead) {
    vec sums[ROWS][VALUE_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            sums[i][v] = vec_load(results + (int64_t)i * size.dim16 + column + v * LANES);
            if (decays) sums[i][v] *= decays[i];
        }
    for (int32_t u = begin; u < end; u++) {
        vec_bits value[VALUE_VECTORS];
        const void *from = cell_at(block->values[u], column, format);
        for (int v = 0; v < vectors; v++) value[v] = load_cached(cell_at(from, v * LANES, format), format);
        if (fetches(ahead, u)) fetch_values(cell_at(from, size.block, format), vectors * LANES, column, ahead, format);
        for (int i = 0; i < rows; i++) {
            const vec_bits weight = repeated_cell(weights[i * BLOCK + u]);
            for (int v = 0; v < vectors; v++) sums[i][v] = add_products(sums[i][v], weight, value[v], format);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) vec_store(results + (int64_t)i * size.dim16 + column + v * LANES, sums[i][v]);
}

INLINE void add_values(const int rows, float *results, head_sizes size, const float *decays, const cell *weights,
                       const located_block *block, int32_t begin, int32_t end, const int32_t format, lookahead ahead) {
    int32_t column = 0;
    for (; column + VALUE_VECTORS * LANES <= size.dim16; column += VALUE_VECTORS * LANES)
        add_columns(rows, VALUE_VECTORS, results, size, decays, weights, block, column, begin, end, format, ahead);
    for (; column + 2 * LANES <= size.dim16; column += 2 * LANES)
        add_columns(rows, 2, results, size, decays, weights, block, column, begin, end, format, ahead);
    for (; column < size.dim16; column += LANES)
        add_columns(rows, 1, results, size, decays, weights, block, column, begin, end, format, ahead);
}

/// Adds the first position of a pair for a row that does not see the second. The value of the second must not reach the
/// row, not even times a weight of zero.
INLINE void add_half_pair(float *results, int32_t dim16, cell weight, const cell *values) {
    for (int32_t column = 0; column < dim16; column += LANES) {
        const vec_bits first = load_cells(values + column) & 0xffffu;
        vec_store(results + column,
                  add_products(vec_load(results + column), repeated_cell(weight), first, ECH_CACHE_BF16));
    }
}

/// add_values for rows that see different counts of the block's positions. Counts do not decrease from row to row.
INLINE void add_ragged_values(const int rows, const int32_t *counts, float *results, head_sizes size,
                              const float *decays, const cell *weights, const located_block *block,
                              const int32_t format, lookahead ahead) {
    const int32_t numbers = ech_cache_numbers(format), common = counts[0] / numbers;
    add_values(rows, results, size, decays, weights, block, 0, common, format, ahead);
    for (int i = 0; i < rows; i++, results += size.dim16, weights += BLOCK) {
        const int32_t whole = counts[i] / numbers;
        if (whole > common) add_values(1, results, size, NULL, weights, block, common, whole, format, nothing_ahead);
        if (counts[i] % numbers) add_half_pair(results, size.dim16, weights[whole], block->values[whole]);
    }
}

// MARK: A block of rows

INLINE int32_t groups_of(int32_t rows) { return rows / ROWS + (ROWS > 2 ? rows % ROWS / 2 : 0) + rows % 2; }

INLINE lookahead lookahead_of(int32_t rows, int32_t group, int32_t steps) {
    return (lookahead){ech_range_of(steps, group, groups_of(rows)), rows <= MAX_MEMORY_BOUND_ROWS};
}

/// Does something for the rows from `begin` on, in groups as large as fit in registers. The steps of a loop that
/// prefetch are divided among them.
#define FOR_GROUPS(begin, rows, steps, what)                                                                           \
    do {                                                                                                               \
        int32_t i = (begin), group = 0;                                                                                \
        for (; i + ROWS <= (rows); i += ROWS) what(ROWS, i, lookahead_of((rows) - (begin), group++, steps));           \
        for (; ROWS > 2 && i + 2 <= (rows); i += 2) what(2, i, lookahead_of((rows) - (begin), group++, steps));        \
        for (; i < (rows); i++) what(1, i, lookahead_of((rows) - (begin), group++, steps));                            \
    } while (0)

/// The scratch memory of a block of rows.
typedef struct {
    cell *queries;  ///< padded_key cells for each row
    float *results; ///< dim16 for each row
    float *weights; ///< 64 for each row: a block's scores, then its weights, which may take less space
    cell *gathered;
} row_memory;

INLINE void attend(const ech_attention_work *work, const ech_ordered_row *ordered, int32_t rows, int32_t head,
                   const row_memory *memory, const int32_t format) {
    const ech_cache_memory *cache = work->cache;
    const head_sizes size = sizes_of(cache, format);
    const int32_t slot = ordered[0].slot, last = ordered[rows - 1].position;
    // All rows of the block have this depth where it matters.
    const int32_t t = work->row_depths[ordered[0].row] + work->recurrence;
    cached_head cached = head_at(cache, ech_cache_head(cache, slot, 0, head), format);
    const int32_t *depth = work->depth + (int64_t)slot * work->context;
    int32_t counts[ECH_ROW_BLOCK]; // the number of the block's positions that each row sees
    running_softmax softmax = {0};
    for (int32_t i = 0; i < ECH_ROW_BLOCK; i++) softmax.maxima[i] = -__builtin_inff();
    memset(memory->results, 0, (size_t)rows * (size_t)size.dim16 * sizeof(float));

    int32_t begin = 0; // the first row that sees the block: positions ascend
    for (int32_t first = 0;; first += BLOCK, depth += BLOCK, advance(&cached, size, format)) {
        while (ordered[begin].position < first) begin++;
        for (int32_t i = begin; i < rows; i++) counts[i] = ech_min(ordered[i].position - first + 1, BLOCK);
        const int32_t count = counts[rows - 1], blocks = (count + ECH_KEY_BLOCK - 1) / ECH_KEY_BLOCK;
        located_block block;
        locate(&block, work, size, &cached, depth, t, count, memory->gathered, format);
        const bool more = last - first >= BLOCK;
#define SCORE(n, i, ahead)                                                                                             \
    score(n, blocks, memory->queries + (int64_t)(i)*size.padded_key, block.keys, size, memory->weights + (i)*BLOCK,    \
          format, ahead)
        FOR_GROUPS(begin, rows, more ? size.key : 0, SCORE);
#undef SCORE
        raise_maxima(&softmax, begin, rows, memory->weights, counts, &block, format);
        for (int32_t i = begin; i < rows; i++)
            weigh(&softmax, i, memory->weights + i * BLOCK, counts[i], &block, format);
#define ADD_VALUES(n, i, ahead)                                                                                        \
    add_ragged_values(n, counts + (i), memory->results + (int64_t)(i)*size.dim16, size, softmax.decays + (i),          \
                      (const cell *)(memory->weights + (i)*BLOCK), &block, format, ahead)
        FOR_GROUPS(begin, rows, more ? BLOCK / ech_cache_numbers(format) : 0, ADD_VALUES);
#undef ADD_VALUES
        if (!more) break;
    }
    for (int32_t i = 0; i < rows; i++) {
        float *result = memory->results + (int64_t)i * size.dim16;
        float total = 0;
        for (int lane = 0; lane < LANES; lane++) total += softmax.totals[i][lane];
        const v16f reciprocal = splat(1.0f / total);
        for (int32_t d = 0; d < size.dim16; d += 16) store(result + d, load(result + d) * reciprocal);
    }
}
#undef FOR_GROUPS

/// Writes a row's query for one head, scaled, as cells. The padding after its last column is zero.
INLINE void put_query(const float *from, int32_t dim, v16f scale, cell *to, const int32_t format) {
    for (int32_t d = 0; d < dim; d += 16) {
        const v16f query = load_first(from + d, dim - d) * scale;
        if (is_pairs(format)) *(v16h_any *)(to + d / 2) = to_bf16(query);
        else *(v16f_any *)(to + d) = query;
    }
}

INLINE void write_head(const ech_attention_work *work, int32_t row, int32_t head, const float *result) {
    const int32_t dim = work->cache->dim, column = head * dim;
    row_writer out = writer(&work->out, row);
    if (dim % 16 == 0 || out.floats) {
        for (int32_t d = 0; d < dim; d += 16) put(out, column + d, load(result + d), dim - d);
    } else {
        // Heads share vectors of the output: `put` for one head would zero columns of another.
        for (int32_t d = 0; d < dim; d++) {
            const v16h half = to_bf16(splat(result[d]));
            out.halves[(column + d) / 32 * out.block + (column + d) % 32] = half[0];
        }
    }
    if (out.halves && head + 1 == work->cache->heads)
        for (int32_t c = column + dim; c % 32; c++) out.halves[c / 32 * out.block + c % 32] = 0;
}

/// Does the work, over a cache of the given format.
INLINE void attend_heads(const ech_attention_work *work, const int32_t format) {
    const int32_t dim = work->cache->dim, dim16 = work->cache->dim16, blocks = work->wavefront->block_count;
    const int32_t padded_key = sizes_of(work->cache, format).padded_key;
    const v16f scale = splat(1.0f / __builtin_sqrtf((float)dim));
    row_memory memory = {.results = work->scratch};
    memory.weights = memory.results + (int64_t)ECH_ROW_BLOCK * dim16;
    memory.queries = (cell *)memory.weights + ECH_ROW_BLOCK * BLOCK;
    memory.gathered = memory.queries + (int64_t)ECH_ROW_BLOCK * padded_key;
    for (int64_t unit = work->begin; unit < work->end; unit++) {
        const int32_t head = (int32_t)(unit / blocks);
        const ech_row_block *block = &work->wavefront->blocks[unit % blocks];
        const ech_ordered_row *ordered = work->wavefront->rows + block->begin;
        const int32_t rows = block->end - block->begin;
        for (int32_t i = 0; i < rows; i++)
            put_query(reader(&work->queries, ordered[i].row) + (int64_t)head * dim, dim, scale,
                      memory.queries + (int64_t)i * padded_key, format);
        attend(work, ordered, rows, head, &memory, format);
        for (int32_t i = 0; i < rows; i++) write_head(work, ordered[i].row, head, memory.results + (int64_t)i * dim16);
    }
}
