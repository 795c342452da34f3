/// Writing keys and values to a cache, see core/cache.h. Included by the kernel files after KERNEL_TARGET, like
/// vector.h.
#ifndef ECHELON_CACHE_WRITER_H
#define ECHELON_CACHE_WRITER_H

#include "core/cache.h"
#include "kernels/vector.h"

#include <stdbool.h>

/// The scale of a head of an int8 cache, and the factor that quantizes it; see ECH_Q8 for a head of zeros or with an
/// infinity or a NaN.
INLINE float scale_of_head(const float *x, int32_t count, float *inverse) {
    // The magnitudes' bits are ordered as the magnitudes are; those of infinity and NaN are last.
    v16i bits = {0};
    for (int32_t c = 0; c < count; c += 16) bits = larger(bits, (v16i)load_first(x + c, count - c) & 0x7fffffff);
    const int32_t largest = largest_integer(bits);
    float magnitude;
    memcpy(&magnitude, &largest, sizeof magnitude);
    *inverse = 127.0f / magnitude;
    const bool is_number = magnitude <= __FLT_MAX__, is_zero = !(*inverse <= __FLT_MAX__);
    if (is_number && !is_zero) return magnitude / 127.0f;
    *inverse = 0;
    return is_number ? 0 : __builtin_nanf("");
}

/// x · inverse, rounded to the nearest integers. They need no clamp: two roundings do not bring the largest product to
/// 127.5. An inverse of 0 also stands for a head with an infinity, whose product would be a NaN.
INLINE v16b quantized(v16f x, float inverse) {
    return inverse == 0 ? (v16b){0} : __builtin_convertvector(nearest(x * inverse), v16b);
}

/// Writes columns first ..< first + count of one position's key; `head` is ech_cache_head. `first` is even. In an int8
/// cache these are all columns of the head.
INLINE void put_key(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first, const float *x,
                    int32_t count) {
    const int64_t at = head + ech_cache_key(cache, position, first);
    float inverse = 0;
    if (cache->format == ECH_CACHE_INT8)
        cache->key_scales[ech_cache_scale(cache, head, position)] = scale_of_head(x, count, &inverse);
    for (int32_t c = 0; c < count; c += 16) {
        const int32_t n = ech_min(count - c, 16);
        const v16f columns = load_first(x + c, n);
        const int64_t to = at + (int64_t)c * ECH_KEY_BLOCK;
        if (cache->format == ECH_CACHE_BF16) {
            uint32_t pairs[8];
            const v16h halves = to_bf16(columns);
            memcpy(pairs, &halves, sizeof pairs);
            // The second half of a last odd pair is zero, as the padding is.
            for (int32_t j = 0; j < (n + 1) / 2; j++)
                memcpy((uint16_t *)cache->keys + to + j * 2 * ECH_KEY_BLOCK, &pairs[j], sizeof *pairs);
        } else if (cache->format == ECH_CACHE_INT8) {
            int8_t bytes[16];
            *(v16b_any *)bytes = quantized(columns, inverse);
            for (int32_t j = 0; j < n; j++) ((int8_t *)cache->keys)[to + j * ECH_KEY_BLOCK] = bytes[j];
        } else {
            for (int32_t j = 0; j < n; j++) ((float *)cache->keys)[to + j * ECH_KEY_BLOCK] = x[c + j];
        }
    }
}

/// Writes columns first ..< first + count of one position's value; `head` is ech_cache_head. The other half of a pair
/// may be another thread's to write at the same time. In an int8 cache these are all columns of the head.
INLINE void put_value(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first, const float *x,
                      int32_t count) {
    const int64_t at = head + ech_cache_value(cache, position, first);
    if (cache->format == ECH_CACHE_F32) {
        memcpy((float *)cache->values + at, x, (size_t)count * sizeof *x);
        return;
    }
    float inverse = 0;
    if (cache->format == ECH_CACHE_INT8)
        cache->value_scales[ech_cache_scale(cache, head, position)] = scale_of_head(x, count, &inverse);
    for (int32_t c = 0; c < count; c += 16) {
        const int32_t n = ech_min(count - c, 16);
        const v16f columns = load_first(x + c, n);
        if (cache->format == ECH_CACHE_INT8) {
            const v16b bytes = quantized(columns, inverse);
            memcpy((int8_t *)cache->values + at + c, &bytes, (size_t)n);
            continue;
        }
        uint16_t halves[16];
        *(v16h_any *)halves = to_bf16(columns);
        uint16_t *to = (uint16_t *)cache->values + at + (int64_t)c * 2;
        for (int32_t j = 0; j < n; j++) to[j * 2] = halves[j];
    }
}

#endif
