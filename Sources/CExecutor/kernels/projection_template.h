// Placing queries, keys and values: the bias and the rotary embedding, and the write to the cache. Included by a
// kernels_*.c file for each instruction set, after rows_template.h. No include guard: this is a template.

#include "kernels/cache_writer.h"

/// Adds the bias, if there is one, to some columns of one row's queries or keys, and turns them. `out` may be `x`.
INLINE void turn(const ech_projection *p, const float *x, int32_t first, int32_t count, int32_t row, float *out) {
    const int32_t dim = p->cache->dim;
    const float *cosine = p->rope + (int64_t)p->positions[row] * 2 * dim + first % dim;
    bias_rope(x, p->bias ? p->bias + first : NULL, cosine, cosine + dim, count, out);
}

KERNEL_TARGET static void place_projected(const ech_projection *p, float *x, ptrdiff_t stride, int32_t first,
                                          int32_t count) {
    const ech_cache_memory *cache = p->cache;
    const int32_t dim = cache->dim, width = cache->heads * dim, query_width = p->queries.width;
    if (first < query_width) {
        float *queries = (float *)p->queries.data + first;
        for (int64_t i = 0; i < p->rows; i++)
            turn(p, x + i * stride, first, count, (int32_t)i, queries + i * query_width);
        return;
    }
    const int32_t after_queries = first - query_width, head = after_queries % width / dim, column = first % dim;
    for (int32_t i = 0; i < p->rows; i++, x += stride) {
        const int64_t cached = ech_projected_head(p, i, head);
        if (after_queries >= width) {
            put_value(cache, cached, p->positions[i], column, x, count);
            continue;
        }
        turn(p, x, first, count, i, x);
        put_key(cache, cached, p->positions[i], column, x, count);
    }
}

KERNEL_TARGET static void write_cached(const ech_cache_memory *cache, int64_t head, int32_t position, const float *key,
                                       const float *value) {
    put_key(cache, head, position, 0, key, cache->dim);
    put_value(cache, head, position, 0, value, cache->dim);
}
