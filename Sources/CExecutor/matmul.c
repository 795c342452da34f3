/// Matrix products and what is fused to them. Threads take contiguous ranges of the outputs, in units of a strip (packed
/// weights) or a block of weight rows (f32). Where the units lie does not depend on the number of threads, so neither do
/// the results.
#include "cache.h"
#include "executor.h"

#include <cblas.h>
#include <string.h>

void ech_blas_single_threaded(void) { openblas_set_num_threads(1); }

/// A product x wᵀ of the call.
typedef struct {
    const ech_run_state *run;
    const ech_weight *weight;
    ech_view input;
    int32_t unit; ///< outputs at a time
} product;

static product product_of(const ech_walk *walk, const ech_instruction *instruction) {
    const ech_weight *weight = &walk->run->program->weights[instruction->weight[0]];
    return (product){walk->run, weight, ech_view_of(walk->run, instruction->in[0]),
                     weight->format == ECH_WEIGHT_F32 ? ECH_F32_CHUNK : ECH_STRIP};
}

static void compute_f32(const product *p, int64_t first, int32_t count, float *out, ptrdiff_t stride) {
    const int32_t rows = p->run->call->rows, columns = p->weight->columns;
    const float *weight = (const float *)p->weight->data + first * columns, *x = p->input.data;
    if (rows == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, count, columns, 1, weight, columns, x, 1, 0, out, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, count, columns, 1, x, columns, weight, columns, 0,
                    out, (blasint)stride);
}

/// Computes outputs first ..< first + count of every row. With a packed weight, `first` is a multiple of 32 and 32
/// outputs are written whatever the count, those past the weight's rows being zero.
static void compute(const product *p, int64_t first, int32_t count, float *out, ptrdiff_t stride) {
    const int32_t rows = p->run->call->rows;
    const ech_weight *w = p->weight;
    const int64_t blocks32 = ech_round_up(w->columns, 32) / 32, blocks64 = ech_round_up(w->columns, 64) / 64;
    switch (w->format) {
    case ECH_WEIGHT_BF16:
        p->run->strip_bf16((const uint16_t *)w->data + first * blocks32 * 32, p->input.data, rows, (int32_t)blocks32,
                           out, stride);
        break;
    case ECH_WEIGHT_INT8: {
        const ech_int8_strip strip = ech_int8_strip_at(w->data, w->rows, w->columns, first);
        const ech_q8_rows x = ech_q8_of(&p->input);
        p->run->strip_int8(&strip, &x, rows, (int32_t)blocks64, out, stride);
        break;
    }
    case ECH_WEIGHT_INT4: {
        const ech_q8_rows x = ech_q8_of(&p->input);
        p->run->strip_int4((const uint8_t *)w->data + first / ECH_STRIP * blocks64 * ECH_INT4_BLOCK_BYTES, &x, rows,
                           (int32_t)blocks64, out, stride);
        break;
    }
    default: compute_f32(p, first, count, out, stride); break;
    }
}

static ech_share share_of_units(const ech_walk *walk, int64_t outputs, int32_t unit) {
    return ech_share_of((outputs + unit - 1) / unit, walk->thread, walk->threads);
}

void ech_run_linear(ech_walk *walk, const ech_instruction *instruction) {
    const product p = product_of(walk, instruction);
    const int32_t outputs = p.weight->rows, rows = walk->run->call->rows;
    float *out = ech_view_of(walk->run, instruction->out[0]).data, *scratch = (float *)walk->scratch;
    const ech_share share = share_of_units(walk, outputs, p.unit);
    for (int64_t unit = share.begin; unit < share.end; unit++) {
        const int32_t first = (int32_t)unit * p.unit, count = ech_min(p.unit, outputs - first);
        if (p.weight->format == ECH_WEIGHT_F32) {
            compute(&p, first, count, out + first, outputs);
            continue;
        }
        // Not straight to the output: where its rows are a multiple of 4 KiB apart, as those of the head, the kernel's
        // partial sums would compete for one set of the first-level cache.
        compute(&p, first, count, scratch, ECH_STRIP);
        for (int64_t i = 0; i < rows; i++)
            memcpy(out + i * outputs + first, scratch + i * ECH_STRIP, (size_t)count * sizeof *out);
    }
}

/// Gate and up of the same columns, from a packed weight. Where the width is no multiple of 32, the up half begins
/// inside a strip, and 32 columns of it lie in two strips; the second is kept for the next columns.
static void gate_packed(const product *p, ech_share share, float *scratch, ech_view out) {
    const ech_kernels *kernels = p->run->kernels;
    const int32_t rows = p->run->call->rows, strip_size = rows * ECH_STRIP, offset = out.width % ECH_STRIP;
    float *gate = scratch, *up = scratch + strip_size;
    int64_t held = -1; // the strip of which `up` holds the results
    for (int64_t unit = share.begin; unit < share.end; unit++) {
        const int32_t column = (int32_t)unit * ECH_STRIP, count = ech_min(ECH_STRIP, out.width - column);
        const int64_t strip = ((int64_t)out.width + column) / ECH_STRIP;
        compute(p, column, ECH_STRIP, gate, ECH_STRIP);
        if (offset == 0) {
            compute(p, strip * ECH_STRIP, ECH_STRIP, up, ECH_STRIP);
            kernels->silu_gate(gate, ECH_STRIP, up, ECH_STRIP, rows, count, out, column);
            continue;
        }
        // Both strips side by side, so that a row's columns are contiguous.
        const ptrdiff_t stride = 2 * ECH_STRIP;
        if (held == strip)
            for (int64_t i = 0; i < rows; i++)
                memcpy(up + i * stride, up + i * stride + ECH_STRIP, ECH_STRIP * sizeof *up);
        else
            compute(p, strip * ECH_STRIP, ECH_STRIP, up, stride);
        if (offset + count > ECH_STRIP) {
            compute(p, (strip + 1) * ECH_STRIP, ECH_STRIP, up + ECH_STRIP, stride);
            held = strip + 1;
        }
        kernels->silu_gate(gate, ECH_STRIP, up + offset, stride, rows, count, out, column);
    }
}

static void gate_f32(const product *p, ech_share share, float *scratch, ech_view out) {
    const int32_t rows = p->run->call->rows;
    float *gate = scratch, *up = scratch + (int64_t)rows * ECH_F32_CHUNK;
    for (int64_t unit = share.begin; unit < share.end; unit++) {
        const int32_t column = (int32_t)unit * ECH_F32_CHUNK, count = ech_min(ECH_F32_CHUNK, out.width - column);
        compute(p, column, count, gate, ECH_F32_CHUNK);
        compute(p, (int64_t)out.width + column, count, up, ECH_F32_CHUNK);
        p->run->kernels->silu_gate(gate, ECH_F32_CHUNK, up, ECH_F32_CHUNK, rows, count, out, column);
    }
}

void ech_run_linear_silu_gate(ech_walk *walk, const ech_instruction *instruction) {
    const product p = product_of(walk, instruction);
    const ech_view out = ech_view_of(walk->run, instruction->out[0]);
    const ech_share share = share_of_units(walk, out.width, p.unit);
    if (p.weight->format == ECH_WEIGHT_F32) gate_f32(&p, share, (float *)walk->scratch, out);
    else gate_packed(&p, share, (float *)walk->scratch, out);
}

// MARK: Argmax

/// A thread's best outputs so far: rows values, then rows columns.
static float *best_values(const ech_run_state *run, int thread) {
    return (float *)(run->arena.scratch + thread * run->arena.scratch_stride + run->arena.best_offset);
}

static int32_t *best_columns(const ech_run_state *run, int thread) {
    return (int32_t *)(best_values(run, thread) + run->arena.capacity);
}

void ech_run_linear_argmax(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const product p = product_of(walk, instruction);
    const int32_t outputs = p.weight->rows, rows = run->call->rows;
    float *scratch = (float *)walk->scratch, *values = best_values(run, walk->thread);
    int32_t *columns = best_columns(run, walk->thread);
    for (int32_t i = 0; i < rows; i++) {
        values[i] = -__builtin_inff();
        columns[i] = 0;
    }
    const ech_share share = share_of_units(walk, outputs, p.unit);
    for (int64_t unit = share.begin; unit < share.end; unit++) {
        const int32_t first = (int32_t)unit * p.unit, count = ech_min(p.unit, outputs - first);
        compute(&p, first, count, scratch, p.unit);
        run->kernels->best(scratch, p.unit, rows, count, first, values, columns);
    }
    ech_walk_barrier(walk);
    // Threads in order hold columns in order, so a later one wins only by a larger value.
    int32_t *out = ech_view_of(run, instruction->out[0]).data;
    const ech_share combined = ech_share_of(rows, walk->thread, walk->threads);
    for (int64_t i = combined.begin; i < combined.end; i++) {
        float value = -__builtin_inff();
        out[i] = 0;
        for (int thread = 0; thread < walk->threads; thread++)
            if (best_values(run, thread)[i] > value) {
                value = best_values(run, thread)[i];
                out[i] = best_columns(run, thread)[i];
            }
    }
    // The next linear_argmax would overwrite what another thread still reads.
    ech_walk_barrier(walk);
}

// MARK: Queries, keys and values

/// Where columns first ..< first + count of one row's queries, keys and values go. They lie in one head's queries, keys
/// or values.
static void place_projected(const ech_run_state *run, const ech_instruction *instruction, const float *x, int64_t first,
                            int32_t count, int32_t row, int32_t entry, const ech_rope_table *rope) {
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int64_t width = (int64_t)cache->heads * cache->dim;
    const int32_t head = (int32_t)(first % width / cache->dim), column = (int32_t)(first % cache->dim);
    const int32_t position = run->positions[row];
    const int64_t cached = ech_cache_head(cache, run->slots[row], entry, head);
    if (first >= 2 * width) {
        ech_cache_put_value(cache, cached, position, column, x, count);
        return;
    }
    const float *bias = (const float *)run->program->weights[instruction->weight[1]].data + first;
    const float *cosine = rope->values + (int64_t)position * 2 * cache->dim + column;
    float *queries = ech_view_of(run, instruction->out[0]).data, key[ECH_F32_CHUNK];
    float *out = first < width ? queries + row * width + first : key;
    run->kernels->bias_rope(x, bias, cosine, cosine + cache->dim, count, out);
    if (first >= width) ech_cache_put_key(cache, cached, position, column, key, count);
}

void ech_run_project_rope_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const product p = product_of(walk, instruction);
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_rope_table *rope = ech_session_rope(run->session, instruction->f0, cache->dim);
    const int32_t entry = cache->recurrent ? ech_recurrence(walk, instruction) % cache->entries : 0;
    const int32_t outputs = p.weight->rows;
    float *scratch = (float *)walk->scratch;
    const ech_share share = share_of_units(walk, outputs, p.unit);
    for (int64_t unit = share.begin; unit < share.end; unit++) {
        const int32_t first = (int32_t)unit * p.unit, count = ech_min(p.unit, outputs - first);
        compute(&p, first, count, scratch, p.unit);
        for (int32_t i = 0; i < run->call->rows; i++)
            // Pieces of one head. Units begin at even columns and heads have even widths: no pair is torn.
            for (int32_t j = 0; j < count;) {
                const int32_t piece = ech_min(count - j, cache->dim - (first + j) % cache->dim);
                place_projected(run, instruction, scratch + (int64_t)i * p.unit + j, first + j, piece, i, entry, rope);
                j += piece;
            }
    }
}
