/// Matrix products and what is fused to them. Threads divide the outputs, in units of a strip (packed weights) or a
/// block of weight rows (f32). Where the units lie does not depend on the threads, so neither do the results.
#include "core/cache.h"
#include "core/executor.h"

#include <cblas.h>
#include <string.h>

void ech_blas_single_threaded(void) { openblas_set_num_threads(1); }

/// A product x wᵀ of the call.
typedef struct {
    const ech_run_state *run;
    const ech_weight *weight;
    ech_view input;
    int32_t unit;    ///< outputs by which shares are measured
    int32_t at_once; ///< most units that are computed together
} product;

/// More rows than these read strips together. Fewer stay in a core's own cache, or nearly, from one strip to the next.
enum { FEW_ROWS = 32 };

static product product_of(const ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_weight *weight = &run->program->weights[instruction->weight[0]];
    const ech_view input = ech_view_of(run, instruction->in[0]);
    if (weight->format == ECH_WEIGHT_F32) return (product){run, weight, input, ECH_F32_CHUNK, 1};
    return (product){run, weight, input, ECH_STRIP, run->call->rows > FEW_ROWS ? ECH_STRIPS_AT_ONCE : 1};
}

/// The division of the first `outputs` outputs among the threads.
static ech_division divide(ech_walk *walk, const ech_instruction *instruction, const product *p, int64_t outputs) {
    return ech_walk_divide(walk, instruction, (outputs + p->unit - 1) / p->unit, p->at_once,
                           (double)outputs * p->weight->columns * walk->run->call->rows);
}

/// Outputs of a product that a thread computes at once.
typedef struct {
    int32_t first, count;
} piece;

/// Takes the thread's next piece of a product with `outputs` outputs; false after the last.
static bool next_piece(const ech_division *division, const product *p, int32_t outputs, piece *piece) {
    ech_share units;
    if (!ech_take(division, &units)) return false;
    piece->first = (int32_t)units.begin * p->unit;
    piece->count = ech_min((int32_t)(units.end - units.begin) * p->unit, outputs - piece->first);
    return true;
}

static void compute_f32(const product *p, int64_t first, int32_t count, float *out, ptrdiff_t stride) {
    const int32_t rows = p->run->call->rows, columns = p->weight->columns;
    const float *weight = (const float *)p->weight->data + first * columns, *x = p->input.data;
    if (rows == 1) cblas_sgemv(CblasRowMajor, CblasNoTrans, count, columns, 1, weight, columns, x, 1, 0, out, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, count, columns, 1, x, columns, weight, columns, 0,
                    out, (blasint)stride);
}

/// Computes outputs first ..< first + count of every row. With a packed weight, `first` is a multiple of 32 and outputs
/// are written to the end of a strip, those past the weight's rows being zero.
static void compute(const product *p, int64_t first, int32_t count, float *out, ptrdiff_t stride) {
    const ech_weight *w = p->weight;
    const int64_t blocks32 = ech_round_up(w->columns, 32) / 32, blocks64 = ech_round_up(w->columns, 64) / 64;
    const int64_t blocks = w->format == ECH_WEIGHT_BF16 ? blocks32 : blocks64;
    const ech_strips_size size = {p->run->call->rows, (int32_t)blocks, (count + ECH_STRIP - 1) / ECH_STRIP};
    switch (w->format) {
    case ECH_WEIGHT_BF16:
        p->run->strips_bf16((const uint16_t *)w->data + first * blocks * 32, p->input.data, size, out, stride);
        break;
    case ECH_WEIGHT_INT8: {
        const ech_int8_strip strip = ech_int8_strip_at(w->data, w->rows, w->columns, first);
        const ech_q8_rows x = ech_q8_of(&p->input);
        p->run->strips_int8(&strip, &x, size, out, stride);
        break;
    }
    case ECH_WEIGHT_INT4: {
        const ech_q8_rows x = ech_q8_of(&p->input);
        p->run->strips_int4((const uint8_t *)w->data + first / ECH_STRIP * blocks * ECH_INT4_BLOCK_BYTES, &x, size, out,
                            stride);
        break;
    }
    default: compute_f32(p, first, count, out, stride); break;
    }
}

void ech_run_linear(ech_walk *walk, const ech_instruction *instruction) {
    const product p = product_of(walk, instruction);
    const int32_t outputs = p.weight->rows, rows = walk->run->call->rows;
    float *out = ech_view_of(walk->run, instruction->out[0]).data, *scratch = (float *)walk->scratch;
    const int32_t stride = p.at_once * p.unit;
    const ech_division division = divide(walk, instruction, &p, outputs);
    for (piece piece; next_piece(&division, &p, outputs, &piece);) {
        if (p.weight->format == ECH_WEIGHT_F32) {
            compute(&p, piece.first, piece.count, out + piece.first, outputs);
            continue;
        }
        // Not straight to the output: where its rows are a multiple of 4 KiB apart, as those of the head, the kernel's
        // partial sums would compete for one set of the first-level cache.
        compute(&p, piece.first, piece.count, scratch, stride);
        for (int64_t i = 0; i < rows; i++)
            memcpy(out + i * outputs + piece.first, scratch + i * stride, (size_t)piece.count * sizeof *out);
    }
}

/// Gate and up of the same columns.
static void gate_aligned(const product *p, const ech_division *division, float *scratch, ech_view out) {
    const int32_t rows = p->run->call->rows, stride = p->at_once * p->unit;
    float *gate = scratch, *up = scratch + (int64_t)rows * stride;
    for (piece piece; next_piece(division, p, out.width, &piece);) {
        compute(p, piece.first, piece.count, gate, stride);
        compute(p, (int64_t)out.width + piece.first, piece.count, up, stride);
        p->run->kernels->silu_gate(gate, stride, up, stride, rows, piece.count, out, piece.first);
    }
}

/// The same where the up half begins inside a strip of a packed weight. 32 columns of it lie in two strips; the second
/// is kept for the next columns.
static void gate_across_strips(const product *p, const ech_division *division, float *scratch, ech_view out) {
    const int32_t rows = p->run->call->rows, offset = out.width % ECH_STRIP;
    const ptrdiff_t stride = 2 * ECH_STRIP; // both strips side by side, so that a row's columns are contiguous
    float *gate = scratch, *up = scratch + rows * ECH_STRIP;
    int64_t held = -1; // the strip of which `up` holds the results
    for (piece piece; next_piece(division, p, out.width, &piece);)
        for (int32_t column = piece.first; column < piece.first + piece.count; column += ECH_STRIP) {
            const int32_t count = ech_min(ECH_STRIP, out.width - column);
            const int64_t strip = ((int64_t)out.width + column) / ECH_STRIP;
            compute(p, column, ECH_STRIP, gate, ECH_STRIP);
            if (held == strip)
                for (int64_t i = 0; i < rows; i++)
                    memcpy(up + i * stride, up + i * stride + ECH_STRIP, ECH_STRIP * sizeof *up);
            else compute(p, strip * ECH_STRIP, ECH_STRIP, up, stride);
            if (offset + count > ECH_STRIP) {
                compute(p, (strip + 1) * ECH_STRIP, ECH_STRIP, up + ECH_STRIP, stride);
                held = strip + 1;
            }
            p->run->kernels->silu_gate(gate, ECH_STRIP, up + offset, stride, rows, count, out, column);
        }
}

void ech_run_linear_silu_gate(ech_walk *walk, const ech_instruction *instruction) {
    const product p = product_of(walk, instruction);
    const ech_view out = ech_view_of(walk->run, instruction->out[0]);
    const ech_division division = divide(walk, instruction, &p, out.width);
    const bool aligned = p.weight->format == ECH_WEIGHT_F32 || out.width % ECH_STRIP == 0;
    (aligned ? gate_aligned : gate_across_strips)(&p, &division, (float *)walk->scratch, out);
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
    const int32_t stride = p.at_once * p.unit;
    const ech_division division = divide(walk, instruction, &p, outputs);
    for (piece piece; next_piece(&division, &p, outputs, &piece);) {
        compute(&p, piece.first, piece.count, scratch, stride);
        run->kernels->best(scratch, stride, rows, piece.count, piece.first, values, columns);
    }
    ech_walk_barrier(walk);
    int32_t *out = ech_view_of(run, instruction->out[0]).data;
    const ech_share combined = ech_share_of(rows, walk->thread, walk->threads);
    for (int64_t i = combined.begin; i < combined.end; i++) {
        float value = -__builtin_inff();
        out[i] = 0;
        for (int thread = 0; thread < walk->threads; thread++)
            ech_better(best_values(run, thread)[i], best_columns(run, thread)[i], &value, &out[i]);
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
    const int32_t stride = p.at_once * p.unit;
    const ech_division division = divide(walk, instruction, &p, outputs);
    for (piece piece; next_piece(&division, &p, outputs, &piece);) {
        compute(&p, piece.first, piece.count, scratch, stride);
        for (int32_t i = 0; i < run->call->rows; i++)
            // Parts of one head. Pieces begin at even columns and heads have even widths: no pair is torn.
            for (int32_t j = 0; j < piece.count;) {
                const int32_t first = piece.first + j, part = ech_min(piece.count - j, cache->dim - first % cache->dim);
                place_projected(run, instruction, scratch + (int64_t)i * stride + j, first, part, i, entry, rope);
                j += part;
            }
    }
}
