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
// Rows of one slot are computed together, so that each key and value is read once for all of them. If several query
// heads share a head of the cache, each row of the call brings as many neighboring rows of the same position here: the
// functions for blocks and rows below do not tell them from rows of the call. Yet a row's result depends on its own
// position and the cache alone: each of its scores is one sum over the columns in order, and each column of its result
// is one sum over the positions in order, for any number of rows and positions in registers. The softmax is computed
// online (Milakov and Gimelshein, arXiv 1805.02867), over blocks of 64 positions that begin at multiples of 64.
//
// Products are computed from cells, see core/cache.h. If a cell is a pair of bf16 numbers, queries and the softmax's
// weights are rounded to pairs too, whether the instruction set multiplies pairs or not, and sums are f32. The weights
// are divided by the sum of the rounded ones, so that they still add up to one. int8 numbers are widened to f32 when
// they are loaded, once for all rows that are in registers.
//
// Unlike the functions of vector.h, this may fuse a multiplication with an addition: attention's results agree to the
// bit only within an instruction set.

#include "core/cache.h"
#include "kernels/attention_blocks_template.h"
#include "kernels/row_writer.h"

enum { ROWS = ATTENTION_ROWS };

/// A step of a loop, which prefetches some lines: this many columns of keys, or this many positions (or pairs) of
/// values.
enum { STEP_COLUMNS = 8, STEP_VALUES = 2, LINE_BYTES = 64 };

/// Lines of memory that come next, the keys or the values of the next block, which are prefetched while this one is
/// computed: the cores' own prefetchers lose track between heads and at the ends of pages. The lines are divided evenly
/// among the steps of a loop: more at once than a core has miss buffers would make it wait.
typedef struct {
    const char *next;
    int32_t lines;         ///< the number of lines left
    int32_t lines_of_step; ///< the number of lines that a step prefetches
} lookahead;

INLINE void fetch_lines(lookahead *ahead) {
    for (int32_t i = ech_min(ahead->lines_of_step, ahead->lines); i > 0; i--, ahead->lines--) {
        __builtin_prefetch(ahead->next, 0, 2);
        ahead->next += LINE_BYTES;
    }
}

/// Divides `cells` cells among `steps` steps.
INLINE lookahead lookahead_of(const void *next, int64_t cells, int32_t steps, const int32_t format) {
    const int32_t lines = (int32_t)((cells * cell_bytes(format) + LINE_BYTES - 1) / LINE_BYTES);
    return (lookahead){next, lines, (lines + steps - 1) / steps};
}

// MARK: One block of 64 positions

/// The scores of some rows with some blocks of 16 keys. Each row's scores begin 64 floats after those of the row
/// before.
INLINE void multiply_keys(const int rows, const int blocks, const cell *queries, const void *const *keys,
                          head_sizes size, float *scores, const int32_t format, lookahead *ahead) {
    enum { PARTS = ECH_KEY_BLOCK / LANES };
    vec sums[ROWS][SCORE_BLOCKS * PARTS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = zeros();
    for (int32_t step = 0; step < size.key; step += STEP_COLUMNS) {
        fetch_lines(ahead);
        const int32_t end = ech_min(step + STEP_COLUMNS, size.key);
        for (int32_t c = step; c < end; c++) {
            vec_bits key[SCORE_BLOCKS * PARTS];
            const int64_t line = (int64_t)c * ECH_KEY_BLOCK;
            for (int v = 0; v < blocks * PARTS; v++)
                key[v] = load_cached(cell_at(keys[v / PARTS], line + v % PARTS * LANES, format), format);
            for (int i = 0; i < rows; i++) {
                const vec_bits query = repeated_cell(queries[(int64_t)i * size.padded_key + c]);
                for (int v = 0; v < blocks * PARTS; v++) sums[i][v] = add_products(sums[i][v], query, key[v], format);
            }
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < blocks * PARTS; v++) vec_store(scores + i * BLOCK + v * LANES, sums[i][v]);
}

/// multiply_keys for any number of blocks. The last of four may be past the last position: the cache has room for it.
INLINE void score(const int rows, int32_t blocks, const cell *queries, const void *const *keys, head_sizes size,
                  float *scores, const int32_t format, lookahead *ahead) {
    for (int32_t b = 0; b < blocks;) {
        float *to = scores + b * ECH_KEY_BLOCK;
        if (SCORE_BLOCKS == 4 && blocks - b > 2) {
            multiply_keys(rows, SCORE_BLOCKS, queries, keys + b, size, to, format, ahead);
            b += 4;
        } else if (SCORE_BLOCKS >= 2 && blocks - b > 1) {
            multiply_keys(rows, SCORE_BLOCKS >= 2 ? 2 : 1, queries, keys + b, size, to, format, ahead);
            b += 2;
        } else {
            multiply_keys(rows, 1, queries, keys + b, size, to, format, ahead);
            b += 1;
        }
    }
}

/// The steps of `score`.
INLINE int32_t score_steps(int32_t blocks, head_sizes size) {
    return (blocks + SCORE_BLOCKS - 1) / SCORE_BLOCKS * ((size.key + STEP_COLUMNS - 1) / STEP_COLUMNS);
}

/// The softmax of a block of rows so far.
typedef struct {
    vec totals[ECH_QUERY_BLOCK];   ///< for each row: the sum of its weights, in lanes
    float maxima[ECH_QUERY_BLOCK]; ///< for each row: its largest score; weights are relative to it
    float maxima_before[ECH_QUERY_BLOCK];
    float decays[ECH_QUERY_BLOCK]; ///< for each row: the factor by which the last block scales the weights before it
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

/// results += the weighted values of positions, or pairs, begin ..< end of the block, for some rows and vectors of
/// columns. `decays` is NULL, or has the factor by which each row's results are multiplied first.
INLINE void add_columns(const int rows, const int vectors, float *results, head_sizes size, const float *decays,
                        const cell *weights, const located_block *block, int32_t column, int32_t begin, int32_t end,
                        const int32_t format, lookahead *ahead) {
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
        if (u % STEP_VALUES == 0) fetch_lines(ahead);
        for (int i = 0; i < rows; i++) {
            const vec_bits weight = repeated_cell(weights[i * BLOCK + u]);
            for (int v = 0; v < vectors; v++) sums[i][v] = add_products(sums[i][v], weight, value[v], format);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) vec_store(results + (int64_t)i * size.dim16 + column + v * LANES, sums[i][v]);
}

INLINE void add_values(const int rows, float *results, head_sizes size, const float *decays, const cell *weights,
                       const located_block *block, int32_t begin, int32_t end, const int32_t format, lookahead *ahead) {
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

/// The steps of add_values for the first `end` positions, or pairs.
INLINE int32_t value_steps(int32_t end, head_sizes size) {
    const int32_t vectors = size.dim16 / LANES, rest = vectors % VALUE_VECTORS;
    return (vectors / VALUE_VECTORS + rest / 2 + rest % 2) * ((end + STEP_VALUES - 1) / STEP_VALUES);
}

/// add_values for rows that see different counts of the block's positions. Counts do not decrease from row to row.
INLINE void add_ragged_values(const int rows, const int32_t *counts, float *results, head_sizes size,
                              const float *decays, const cell *weights, const located_block *block,
                              const int32_t format, lookahead *ahead) {
    const int32_t numbers = ech_cache_numbers(format), common = counts[0] / numbers;
    lookahead nothing = {0};
    add_values(rows, results, size, decays, weights, block, 0, common, format, ahead);
    for (int i = 0; i < rows; i++, results += size.dim16, weights += BLOCK) {
        const int32_t whole = counts[i] / numbers;
        if (whole > common) add_values(1, results, size, NULL, weights, block, common, whole, format, &nothing);
        if (counts[i] % numbers) add_half_pair(results, size.dim16, weights[whole], block->values[whole]);
    }
}

// MARK: A block of rows

INLINE int32_t groups_of(int32_t rows) { return rows / ROWS + (ROWS > 2 ? rows % ROWS / 2 : 0) + rows % 2; }

/// Does something for the rows from `begin` on, in groups as large as fit in registers.
#define FOR_GROUPS(begin, rows, what)                                                                                  \
    do {                                                                                                               \
        int32_t i = (begin);                                                                                           \
        for (; i + ROWS <= (rows); i += ROWS) what(ROWS, i);                                                           \
        for (; ROWS > 2 && i + 2 <= (rows); i += 2) what(2, i);                                                        \
        for (; i < (rows); i++) what(1, i);                                                                            \
    } while (0)

/// The scratch memory of a block of rows.
typedef struct {
    cell *queries;  ///< padded_key cells for each row
    float *results; ///< dim16 for each row
    float *weights; ///< 64 for each row: a block's scores, then its weights, which may take less space
    cell *gathered;
} row_memory;

/// Keys and values that are read next: the first `positions` of a block.
typedef struct {
    const void *keys, *values;
    int32_t positions;
} next_block;

/// The next block of a head after `block`, in which `positions` positions are read.
INLINE next_block block_after(const located_block *block, head_sizes size, int32_t positions, const int32_t format) {
    return (next_block){cell_at(block->keys[0], size.block, format), cell_at(block->values[0], size.block, format),
                        ech_min(positions, BLOCK)};
}

/// The first block that rows read of a head, if their positions have all had the rows' recurrence.
INLINE next_block first_block(const ech_attention_work *work, const ech_ordered_row *ordered, int32_t rows,
                              int32_t head, const int32_t format) {
    const ech_cache_memory *cache = work->cache;
    const int32_t t = work->row_depths[ordered[0].row] + work->recurrence;
    const int32_t entry = ech_reads_by_depth(cache) ? t % cache->entries : 0;
    const cached_head first = head_at(cache, ech_cache_head(cache, ordered[0].slot, entry, head), format);
    return (next_block){first.keys, first.values, ech_min(ordered[rows - 1].position + 1, BLOCK)};
}

/// Computes the queries of rows of one slot and depth that read a head of the cache. Prefetches `after` in the end.
INLINE void attend(const ech_attention_work *work, const ech_ordered_row *ordered, int32_t row_count, int32_t head,
                   const row_memory *memory, next_block after, const int32_t format) {
    const ech_cache_memory *cache = work->cache;
    const head_sizes size = sizes_of(cache, format);
    const int32_t slot = ordered[0].slot, last = ordered[row_count - 1].position, numbers = ech_cache_numbers(format);
    const int32_t group = work->group, rows = row_count * group;
    // All rows of the block have this depth where it matters.
    const int32_t t = work->row_depths[ordered[0].row] + work->recurrence;
    cached_head cached = head_at(cache, ech_cache_head(cache, slot, 0, head), format);
    const int32_t *depth = work->depth + (int64_t)slot * work->context;
    int32_t positions[ECH_QUERY_BLOCK]; // that of each query
    int32_t counts[ECH_QUERY_BLOCK];    // the number of the block's positions that each query sees
    for (int32_t row = 0, i = 0; row < row_count; row++)
        for (int32_t shared = 0; shared < group; shared++) positions[i++] = ordered[row].position;
    running_softmax softmax = {0};
    for (int32_t i = 0; i < ECH_QUERY_BLOCK; i++) softmax.maxima[i] = -__builtin_inff();
    memset(memory->results, 0, (size_t)rows * (size_t)size.dim16 * sizeof(float));

    int32_t begin = 0; // the first query that sees the block: positions ascend
    for (int32_t first = 0;; first += BLOCK, depth += BLOCK, advance(&cached, size, format)) {
        while (positions[begin] < first) begin++;
        for (int32_t i = begin; i < rows; i++) counts[i] = ech_min(positions[i] - first + 1, BLOCK);
        const int32_t count = counts[rows - 1], blocks = (count + ECH_KEY_BLOCK - 1) / ECH_KEY_BLOCK;
        located_block block;
        locate(&block, work, size, &cached, depth, t, count, memory->gathered, format);
        const bool more = last - first >= BLOCK;
        const next_block next = more ? block_after(&block, size, last - first - BLOCK + 1, format) : after;
        const int32_t groups = groups_of(rows - begin);
        lookahead ahead = lookahead_of(next.keys, ech_round_up(next.positions, ECH_KEY_BLOCK) * size.padded_key,
                                       groups * score_steps(blocks, size), format);
#define SCORE(n, i)                                                                                                    \
    score(n, blocks, memory->queries + (int64_t)(i)*size.padded_key, block.keys, size, memory->weights + (i)*BLOCK,    \
          format, &ahead)
        FOR_GROUPS(begin, rows, SCORE);
#undef SCORE
        raise_maxima(&softmax, begin, rows, memory->weights, counts, &block, format);
        for (int32_t i = begin; i < rows; i++)
            weigh(&softmax, i, memory->weights + i * BLOCK, counts[i], &block, format);
        ahead = lookahead_of(next.values, (next.positions + numbers - 1) / numbers * (int64_t)size.dim16,
                             groups * value_steps(ech_max(counts[begin] / numbers, 1), size), format);
#define ADD_VALUES(n, i)                                                                                               \
    add_ragged_values(n, counts + (i), memory->results + (int64_t)(i)*size.dim16, size, softmax.decays + (i),          \
                      (const cell *)(memory->weights + (i)*BLOCK), &block, format, &ahead)
        FOR_GROUPS(begin, rows, ADD_VALUES);
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

/// Writes a row's query of one head, scaled, as cells. The padding after its last column is zero.
INLINE void put_query(const float *from, int32_t dim, v16f scale, cell *to, const int32_t format) {
    for (int32_t d = 0; d < dim; d += 16) {
        const v16f query = load_first(from + d, dim - d) * scale;
        if (is_pairs(format)) *(v16h_any *)(to + d / 2) = to_bf16(query);
        else *(v16f_any *)(to + d) = query;
    }
}

/// Writes a row's result of one query head.
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
    if (out.halves && column + dim == work->out.width)
        for (int32_t c = column + dim; c % 32; c++) out.halves[c / 32 * out.block + c % 32] = 0;
}

/// Does the work, over a cache of the given format.
INLINE void attend_heads(const ech_attention_work *work, const int32_t format) {
    const int32_t dim = work->cache->dim, dim16 = work->cache->dim16, blocks = work->wavefront->block_count;
    const int32_t group = work->group;
    const int32_t padded_key = sizes_of(work->cache, format).padded_key;
    const v16f scale = splat(1.0f / __builtin_sqrtf((float)dim));
    row_memory memory = {.results = work->scratch};
    memory.weights = memory.results + (int64_t)ECH_QUERY_BLOCK * dim16;
    memory.queries = (cell *)memory.weights + ECH_QUERY_BLOCK * BLOCK;
    memory.gathered = memory.queries + (int64_t)ECH_QUERY_BLOCK * padded_key;
    for (int64_t unit = work->begin; unit < work->end; unit++) {
        const int32_t head = (int32_t)(unit / blocks);
        const ech_row_block *block = &work->wavefront->blocks[unit % blocks];
        const ech_ordered_row *ordered = work->wavefront->rows + block->begin;
        const int32_t rows = block->end - block->begin;
        for (int32_t row = 0, i = 0; row < rows; row++)
            for (int32_t shared = 0; shared < group; shared++, i++)
                put_query(reader(&work->queries, ordered[row].row) + ((int64_t)head * group + shared) * dim, dim, scale,
                          memory.queries + (int64_t)i * padded_key, format);
        next_block after = {0};
        if (unit + 1 < work->read_next) {
            const ech_row_block *follower = &work->wavefront->blocks[(unit + 1) % blocks];
            after = first_block(work, work->wavefront->rows + follower->begin, follower->end - follower->begin,
                                (int32_t)((unit + 1) / blocks), format);
        }
        attend(work, ordered, rows, head, &memory, after, format);
        for (int32_t row = 0, i = 0; row < rows; row++)
            for (int32_t shared = 0; shared < group; shared++, i++)
                write_head(work, ordered[row].row, head * group + shared, memory.results + (int64_t)i * dim16);
    }
}
