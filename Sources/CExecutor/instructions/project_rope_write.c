/// project_rope_write: a matrix product that gives queries, keys and values. Keys and values go to the cache.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/product.h"

bool ech_check_project_rope_write(const ech_check *c) {
    const int64_t width = ech_cache_width(c);
    ech_need_outputs(c, 1);
    return ech_check_cache_heads(c) && ech_check_rotation(c, ech_cache_at(c)->dim) && ech_check_cache_use(c, 1, true) &&
           ech_same_width(c, ech_weight_at(c, 0)->rows, 3 * width, "its weight's outputs") &&
           ech_same_width(c, ech_weight_at(c, 1)->columns, 2 * width, "its bias") &&
           ech_same_width(c, ech_out(c, 0)->width, width, "its output");
}

/// The maximum number of columns that are placed together.
enum { MAX_PART = 128 };

/// Puts columns first ..< first + count of one row's queries, keys and values in their place. They are in one head's
/// queries, keys or values.
static void place_projected(const ech_run_state *run, const ech_instruction *instruction, const float *x, int64_t first,
                            int32_t count, int32_t row, int32_t recurrence, const float *rope) {
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int64_t width = (int64_t)cache->heads * cache->dim;
    const int32_t head = (int32_t)(first % width / cache->dim), column = (int32_t)(first % cache->dim);
    const int32_t position = run->positions[row];
    const int32_t entry = ech_written_entry(cache, run->depths[row], recurrence);
    const int64_t cached = ech_cache_head(cache, run->slots[row], entry, head);
    if (first >= 2 * width) {
        ech_cache_put_value(cache, cached, position, column, x, count);
        return;
    }
    const float *bias = (const float *)run->program->weights[instruction->weight[1]].data + first;
    const float *cosine = rope + (int64_t)position * 2 * cache->dim + column;
    float *queries = ech_view_of(run, instruction->out[0]).data, key[MAX_PART];
    float *out = first < width ? queries + row * width + first : key;
    run->program->kernels->bias_rope(x, bias, cosine, cosine + cache->dim, count, out);
    if (first >= width) ech_cache_put_key(cache, cached, position, column, key, count);
}

void ech_run_project_rope_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_product p = ech_product_of(walk, instruction);
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const float *rope = ech_rope_values(run, instruction->f0, cache->dim);
    const int32_t recurrence = ech_recurrence(walk, instruction);
    const int32_t outputs = p.weight->rows, stride = p.max_outputs;
    float *scratch = (float *)walk->scratch;
    const ech_loop loop = ech_product_begin_loop(walk, instruction, &p, outputs);
    for (ech_outputs next; ech_next_outputs(&loop, &p, outputs, &next);) {
        ech_compute(&p, next.first, next.count, scratch, stride);
        for (int32_t i = 0; i < p.rows; i++)
            // Parts of one head. Units begin at even columns and heads have even widths: no pair is torn.
            for (int32_t j = 0; j < next.count;) {
                const int32_t first = next.first + j;
                const int32_t part = ech_min(ech_min(next.count - j, cache->dim - first % cache->dim), MAX_PART);
                place_projected(run, instruction, scratch + (int64_t)i * stride + j, first, part, i, recurrence, rope);
                j += part;
            }
    }
}
