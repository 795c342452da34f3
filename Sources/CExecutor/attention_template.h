// Wavefront attention: causal attention of ragged rows over the caches. Included by a kernels_*.c file for each
// instruction set, after rows_template.h. No include guard: this is a template.
//
// The softmax is computed as it goes (Milakov and Gimelshein, arXiv 1805.02867), over blocks of 64 positions that
// begin at multiples of 64. So a row's result depends on its own position and the cache alone.

/// The cache entry that a reader at recurrence t takes of a position, see ech_call.depth.
INLINE int32_t entry_of(int32_t t, int32_t depth, int32_t entries) {
    if (t >= depth) t = depth > 0 ? depth - 1 : 0;
    return t % entries;
}

/// The sums of 16 vectors' lanes, one lane each. Four rounds, each adding the halves of two vectors.
INLINE v16f sums_of(const v16f x[16]) {
    v16f eight[8], four[4], two[2];
    for (int j = 0; j < 8; j++)
        eight[j] = __builtin_shufflevector(x[j], x[j + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                   __builtin_shufflevector(x[j], x[j + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int j = 0; j < 4; j++)
        four[j] = __builtin_shufflevector(eight[j], eight[j + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
                  __builtin_shufflevector(eight[j], eight[j + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    for (int j = 0; j < 2; j++)
        two[j] = __builtin_shufflevector(four[j], four[j + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                 __builtin_shufflevector(four[j], four[j + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    return __builtin_shufflevector(two[0], two[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           __builtin_shufflevector(two[0], two[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
}

/// The scores of `count` ≤ 16 positions, whose keys lie at the given offsets; the other lanes are −∞.
INLINE v16f scores_of(const float *query, const float *keys, const int64_t offsets[16], int32_t count, int32_t dim16) {
    v16f products[16];
    for (int32_t j = 0; j < count; j++) {
        const float *key = keys + offsets[j];
        v16f product = load(query) * load(key);
        for (int32_t d = 16; d < dim16; d += 16) product += load(query + d) * load(key + d);
        products[j] = product;
    }
    for (int32_t j = count; j < 16; j++) products[j] = splat(-__builtin_inff());
    return sums_of(products);
}

/// result = result · decay + the weighted sum of values, for `vectors` ≤ 4 vectors of columns: as many sums run at once.
INLINE void add_values(float *result, v16f decay, const float *weights, const float *values,
                       const int64_t offsets[ECH_ATTENTION_BLOCK], int32_t count, const int vectors) {
    v16f sums[4];
    for (int v = 0; v < vectors; v++) sums[v] = load(result + 16 * v) * decay;
    for (int32_t j = 0; j < count; j++) {
        const v16f weight = splat(weights[j]);
        for (int v = 0; v < vectors; v++) sums[v] += weight * load(values + offsets[j] + 16 * v);
    }
    for (int v = 0; v < vectors; v++) store(result + 16 * v, sums[v]);
}

/// One row and head. `keys` and `values` are those of the row's slot and head, at entry 0 and position 0.
INLINE void attend(const ech_attention_work *work, const float *keys, const float *values, const int32_t *depth,
                   int32_t position, const float *query, float *result, float *weights) {
    const ech_cache_memory *cache = work->cache;
    const int32_t dim16 = cache->dim16;
    const bool by_depth = cache->recurrent && cache->entries > 1;
    float maximum = -__builtin_inff();
    v16f total = splat(0);
    for (int32_t d = 0; d < dim16; d += 16) store(result + d, splat(0));

    for (int32_t first = 0; first <= position; first += ECH_ATTENTION_BLOCK) {
        const int32_t count = ech_min(position - first + 1, ECH_ATTENTION_BLOCK);
        int64_t offsets[ECH_ATTENTION_BLOCK];
        for (int32_t j = 0; j < count; j++) offsets[j] = (int64_t)(first + j) * dim16;
        if (by_depth)
            for (int32_t j = 0; j < count; j++)
                offsets[j] += cache->entry_stride * entry_of(work->recurrence, depth[first + j], cache->entries);
        v16f scores[ECH_ATTENTION_BLOCK / 16];
        float above = maximum;
        const int32_t vectors = (count + 15) / 16;
        for (int32_t v = 0; v < vectors; v++) {
            scores[v] = scores_of(query, keys, offsets + 16 * v, ech_min(count - 16 * v, 16), dim16);
            const float score = largest(scores[v]);
            above = score > above ? score : above;
        }
        const v16f decay = exponential(splat(maximum - above));
        maximum = above;
        total *= decay;
        for (int32_t v = 0; v < vectors; v++) {
            // exponential() stops at e^−87; what lies past the row's position has to weigh nothing at all.
            v16f weight = exponential(scores[v] - maximum);
            weight = select(scores[v] == splat(-__builtin_inff()), splat(0), weight);
            total += weight;
            store(weights + 16 * v, weight);
        }
        int32_t d = 0;
        for (; d + 64 <= dim16; d += 64) add_values(result + d, decay, weights, values + d, offsets, count, 4);
        for (; d + 32 <= dim16; d += 32) add_values(result + d, decay, weights, values + d, offsets, count, 2);
        for (; d < dim16; d += 16) add_values(result + d, decay, weights, values + d, offsets, count, 1);
    }
    const v16f reciprocal = splat(1.0f / sum(total));
    for (int32_t d = 0; d < dim16; d += 16) store(result + d, load(result + d) * reciprocal);
}

KERNEL_TARGET static void attention(const ech_attention_work *work) {
    const ech_cache_memory *cache = work->cache;
    const int32_t dim = cache->dim, dim16 = cache->dim16;
    float *query = work->scratch, *result = query + dim16, *weights = result + dim16;
    const v16f scale = splat(1.0f / __builtin_sqrtf((float)dim));
    for (int64_t pair = work->begin; pair < work->end; pair++) {
        const int32_t head = (int32_t)(pair / work->rows), row = (int32_t)(pair % work->rows);
        const int32_t slot = work->slots[row];
        const float *from = reader(&work->queries, row) + (int64_t)head * dim;
        for (int32_t d = 0; d < dim16; d += 16) store(query + d, load_first(from + d, dim - d) * scale);
        const int64_t offset = ech_cache_offset(cache, slot, 0, head, 0);
        attend(work, cache->keys + offset, cache->values + offset, work->depth + (int64_t)slot * work->context,
               work->positions[row], query, result, weights);

        row_writer out = writer(&work->out, row);
        const int32_t column = head * dim;
        if (dim % 16 == 0 || out.floats) {
            for (int32_t d = 0; d < dim; d += 16) put(out, column + d, load(result + d), dim - d);
        } else {
            // Heads share vectors of the output, which the put of one would zero in another.
            for (int32_t d = 0; d < dim; d++) {
                const v16h half = to_bf16(splat(result[d]));
                out.halves[(column + d) / 32 * out.block + (column + d) % 32] = half[0];
            }
        }
        if (out.halves && head + 1 == cache->heads)
            for (int32_t c = column + dim; c % 32; c++) out.halves[c / 32 * out.block + c % 32] = 0;
    }
}
