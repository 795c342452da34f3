/// project_rope_write: a matrix product that gives queries, keys and values. Keys and values go to the cache.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/product.h"

/// The maximum number of outputs in the strips that a head lies in.
static int64_t max_covering_outputs(const ech_format_record *format, int32_t dim) {
    return ech_round_up(dim, format->strip_outputs) + format->strip_outputs;
}

bool ech_check_project_rope_write(const ech_check *c) {
    const int64_t width = ech_cache_width(c);
    ech_need_outputs(c, 1);
    ech_need(&c->program->scratch.per_row,
             (int64_t)sizeof(float) *
                 max_covering_outputs(ech_formats[ech_weight_at(c, 0)->format], ech_cache_at(c)->dim));
    return ech_check_cache_heads(c) && ech_check_rotation(c, ech_cache_at(c)->dim) && ech_check_cache_use(c, 1, true) &&
           ech_same_width(c, ech_weight_at(c, 0)->rows, 3 * width, "its weight's outputs") &&
           ech_same_width(c, ech_weight_at(c, 1)->columns, 2 * width, "its bias") &&
           ech_same_width(c, ech_out(c, 0)->width, width, "its output");
}

/// The work of one instruction.
typedef struct {
    const ech_run_state *run;
    const ech_instruction *instruction;
    const ech_cache_memory *cache;
    const float *rope;
    int32_t recurrence;
} projection;

/// Adds the bias to columns first ..< first + count of one row's queries or keys, and turns them. They are in one head.
static void turn(const projection *p, const float *x, int64_t first, int32_t count, int32_t row, float *out) {
    const ech_run_state *run = p->run;
    const int32_t dim = p->cache->dim;
    const float *bias = (const float *)run->program->weights[p->instruction->weight[1]].data + first;
    const float *cosine = p->rope + (int64_t)run->positions[row] * 2 * dim + first % dim;
    run->program->kernels->bias_rope(x, bias, cosine, cosine + dim, count, out);
}

/// Puts columns first ..< first + count of one row's queries, keys and values in their place. They are in one head's
/// queries, keys or values. Keys are turned where they are.
static void place_projected(const projection *p, float *x, int64_t first, int32_t count, int32_t row) {
    const ech_cache_memory *cache = p->cache;
    const ech_run_state *run = p->run;
    const int64_t width = (int64_t)cache->heads * cache->dim;
    if (first < width) {
        turn(p, x, first, count, row, (float *)ech_view_of(run, p->instruction->out[0]).data + row * width + first);
        return;
    }
    const int32_t head = (int32_t)(first % width / cache->dim), column = (int32_t)(first % cache->dim);
    const int32_t position = run->positions[row];
    const int32_t entry = ech_written_entry(cache, run->depths[row], p->recurrence);
    const int64_t cached = ech_cache_head(cache, run->slots[row], entry, head);
    if (first >= 2 * width) {
        ech_cache_put_value(cache, cached, position, column, x, count);
        return;
    }
    turn(p, x, first, count, row, x);
    ech_cache_put_key(cache, cached, position, column, x, count);
}

/// Divides the outputs in the product's units.
static void project_units(ech_walk *walk, const projection *p, const ech_product *product) {
    const int32_t outputs = product->weight->rows, stride = product->max_outputs, dim = p->cache->dim;
    float *scratch = (float *)walk->scratch;
    const ech_loop loop = ech_product_begin_loop(walk, p->instruction, product, outputs);
    for (ech_outputs next; ech_next_outputs(&loop, product, outputs, &next);) {
        ech_compute(product, next.first, next.count, scratch, stride);
        for (int32_t i = 0; i < product->rows; i++)
            // Parts of one head. Units begin at even columns and heads have even widths: no pair is torn.
            for (int32_t j = 0; j < next.count;) {
                const int32_t first = next.first + j;
                const int32_t part = ech_min(next.count - j, dim - first % dim);
                place_projected(p, scratch + (int64_t)i * stride + j, first, part, i);
                j += part;
            }
    }
}

/// Computes the strips that a head lies in, and puts the head in its place.
static void project_head(const projection *p, const ech_product *product, int32_t first, float *scratch) {
    const int32_t dim = p->cache->dim, strip = product->format->strip_outputs;
    const int32_t at_once = product->format->unit * product->format->max_units;
    const int32_t begin = first / strip * strip, end = first + dim;
    const int64_t stride = max_covering_outputs(product->format, dim);
    for (int32_t j = begin; j < end; j += at_once)
        ech_compute(product, j, ech_min(at_once, end - j), scratch + (j - begin), (ptrdiff_t)stride);
    for (int32_t i = 0; i < product->rows; i++)
        place_projected(p, scratch + i * stride + (first - begin), first, dim, i);
}

/// Divides the outputs in whole heads, whose scales need all columns. Two heads may share a strip, which is computed
/// twice.
static void project_heads(ech_walk *walk, const projection *p, const ech_product *product) {
    const int32_t outputs = product->weight->rows, dim = p->cache->dim, max_batch = 1;
    const ech_loop loop = ech_walk_begin_loop(walk, p->instruction, outputs / dim, max_batch,
                                              (double)outputs * product->weight->columns * product->rows);
    for (ech_range head; ech_pop(&loop, &head);)
        project_head(p, product, (int32_t)head.begin * dim, (float *)walk->scratch);
}

void ech_run_project_rope_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const projection p = {.run = run,
                          .instruction = instruction,
                          .cache = cache,
                          .rope = ech_rope_values(run, instruction->f0, cache->dim),
                          .recurrence = ech_recurrence(walk, instruction)};
    const ech_product product = ech_product_of(walk, instruction);
    if (ech_cache_is_scaled(cache)) project_heads(walk, &p, &product);
    else project_units(walk, &p, &product);
}
