/// project_rope_write: a matrix product that gives queries, keys and values. Keys and values go to the cache.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/product.h"

/// The maximum number of outputs in the strips that a head lies in.
static int64_t max_covering_outputs(const ech_format_record *format, int32_t dim) {
    return ech_round_up(dim, format->strip_outputs) + format->strip_outputs;
}

bool ech_check_project_rope_write(const ech_check *c) {
    const int64_t width = ech_cache_width(c), queries = ech_query_width(c);
    ech_need_outputs(c, 1);
    ech_need(&c->program->scratch.per_row,
             (int64_t)sizeof(float) *
                 max_covering_outputs(ech_formats[ech_weight_at(c, 0)->format], ech_cache_at(c)->dim));
    return ech_check_query_heads(c) && ech_check_rotation(c, 1, c->instruction->f0, ech_cache_at(c)->dim) &&
           ech_check_cache_use(c, 1, true) &&
           ech_same_width(c, ech_weight_at(c, 0)->rows, queries + 2 * width, "its weight's outputs") &&
           (!ech_has_weight(c, 2) || ech_same_width(c, ech_weight_at(c, 2)->columns, queries + width, "its bias")) &&
           ech_same_width(c, ech_out(c, 0)->width, queries, "its output");
}

/// With more rows than this, their places in the cache are not prefetched: neighboring positions share lines, and the
/// first row brings them.
enum { MAX_FETCHED_ROWS = 32 };

/// Prefetches the lines of the cache that outputs first ..< first + count of every row are written to, which are in one
/// head: a column of a key is a line of its own, and the row's step before this one is long ago.
static void fetch_places(const ech_projection *p, int32_t first, int32_t count) {
    const ech_cache_memory *cache = p->cache;
    const int32_t width = cache->heads * cache->dim, cached = first - p->queries.width, line = 64;
    if (p->rows > MAX_FETCHED_ROWS || cached < 0) return;
    const int32_t head = cached % width / cache->dim, column = cached % cache->dim;
    const bool keys = cached < width;
    const int64_t bytes = ech_cache_formats[cache->format].number_bytes;
    for (int32_t i = 0; i < p->rows; i++) {
        const int32_t position = p->positions[i];
        const int64_t at = keys ? ech_cache_key(cache, position, column) : ech_cache_value(cache, position, column);
        const char *to =
            (const char *)(keys ? cache->keys : cache->values) + (ech_projected_head(p, i, head) + at) * bytes;
        const int64_t end = count * bytes * (keys ? ECH_KEY_BLOCK : ech_cache_numbers(cache->format));
        for (int64_t next = 0; next < end; next += line) __builtin_prefetch(to + next, 1, 3);
    }
}

/// Calls `what` for parts of outputs first ..< first + count that are in one head each. Units begin at even columns and
/// heads have even widths: no pair is torn.
#define FOR_PARTS(dim, outputs, what)                                                                                  \
    for (int32_t j = 0, part; j < (outputs).count; j += part) {                                                        \
        part = ech_min((outputs).count - j, (dim) - ((outputs).first + j) % (dim));                                    \
        what;                                                                                                          \
    }

/// Divides the outputs in the product's units.
static void project_units(ech_walk *walk, const ech_projection *p, const ech_product *product) {
    const ech_kernels *kernels = walk->run->program->kernels;
    const int32_t outputs = product->weight->rows, stride = product->max_outputs, dim = p->cache->dim;
    float *scratch = (float *)walk->scratch;
    for (ech_outputs next; ech_next_outputs(walk->loop, product, outputs, &next);) {
        FOR_PARTS(dim, next, fetch_places(p, next.first + j, part))
        ech_compute(product, next.first, next.count, scratch, stride);
        FOR_PARTS(dim, next, kernels->place_projected(p, scratch + j, stride, next.first + j, part))
    }
}
#undef FOR_PARTS

/// Computes the strips that a head lies in, and puts the head in its place.
static void project_head(const ech_kernels *kernels, const ech_projection *p, const ech_product *product, int32_t first,
                         float *scratch) {
    const int32_t dim = p->cache->dim, strip = product->format->strip_outputs;
    const int32_t at_once = product->format->unit * product->format->max_units;
    const int32_t begin = first / strip * strip, end = first + dim;
    const int64_t stride = max_covering_outputs(product->format, dim);
    fetch_places(p, first, dim);
    for (int32_t j = begin; j < end; j += at_once)
        ech_compute(product, j, ech_min(at_once, end - j), scratch + (j - begin), (ptrdiff_t)stride);
    kernels->place_projected(p, scratch + (first - begin), (ptrdiff_t)stride, first, dim);
}

/// Divides the outputs in whole heads, whose scales need all columns. Two heads may share a strip, which is computed
/// twice.
static void project_heads(ech_walk *walk, const ech_projection *p, const ech_product *product) {
    for (ech_range head; ech_pop(walk->loop, &head);)
        project_head(walk->run->program->kernels, p, product, (int32_t)head.begin * p->cache->dim,
                     (float *)walk->scratch);
}

ech_work ech_divide_project_rope_write(const ech_run_state *run, const ech_instruction *instruction) {
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_product product = ech_product_of(run, instruction);
    ech_work work = ech_product_work(&product, product.weight->rows);
    if (ech_cache_is_scaled(cache)) work.count = product.weight->rows / cache->dim, work.max_batch = 1;
    return work;
}

void ech_run_project_rope_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int32_t bias = instruction->weight[2];
    const ech_projection p = {.cache = cache,
                              .slots = run->slots,
                              .positions = run->positions,
                              .depths = run->depths,
                              .rope = ech_rope_values(run, instruction, 1, instruction->f0, cache->dim),
                              .bias = bias < 0 ? NULL : run->program->weights[bias].data,
                              .queries = ech_view_of(run, instruction->out[0]),
                              .rows = run->call->rows,
                              .recurrence = ech_recurrence(walk, instruction)};
    const ech_product product = ech_product_of(run, instruction);
    if (ech_cache_is_scaled(cache)) project_heads(walk, &p, &product);
    else project_units(walk, &p, &product);
}
