/// How a cache's memory is laid out, and how rows are written to it. attention_template.h reads it.
///
/// Per slot: [entry][head][position][dim16], dim16 being the head's width rounded up to vectors of 16. Values lie just so:
/// attention adds up whole rows of them. Keys lie transposed in blocks of 16 positions, [dim16][16]: one column of 16 keys
/// is a vector, and the scores of 16 positions grow in its lanes without ever being summed across.
#ifndef ECHELON_CACHE_H
#define ECHELON_CACHE_H

#include "executor.h"

#include <string.h>

/// Positions side by side in a block of keys.
enum { ECH_KEY_BLOCK = 16 };

/// The element at which a head's keys, and its values, begin.
static inline int64_t ech_cache_head(const ech_cache_memory *cache, int32_t slot, int32_t entry, int32_t head) {
    return slot * cache->slot_stride + entry * cache->entry_stride + head * cache->head_stride;
}

/// Where in a head's keys column 0 of a position lies; its columns are ECH_KEY_BLOCK elements apart.
static inline int64_t ech_cache_key(const ech_cache_memory *cache, int32_t position) {
    return (int64_t)(position / ECH_KEY_BLOCK) * ECH_KEY_BLOCK * cache->dim16 + position % ECH_KEY_BLOCK;
}

/// Rounds to bf16, ties to even; a NaN stays a (quiet) NaN.
static inline uint16_t ech_bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

/// Writes columns first ..< first + count of one position's key; `head` is ech_cache_head.
static inline void ech_cache_put_key(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                     const float *x, int32_t count) {
    const int64_t to = head + ech_cache_key(cache, position) + (int64_t)first * ECH_KEY_BLOCK;
    if (cache->format == ECH_CACHE_BF16)
        for (int32_t j = 0; j < count; j++) ((uint16_t *)cache->keys)[to + j * ECH_KEY_BLOCK] = ech_bf16_of(x[j]);
    else
        for (int32_t j = 0; j < count; j++) ((float *)cache->keys)[to + j * ECH_KEY_BLOCK] = x[j];
}

/// Writes columns first ..< first + count of one position's value; `head` is ech_cache_head.
static inline void ech_cache_put_value(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                       const float *x, int32_t count) {
    const int64_t to = head + (int64_t)position * cache->dim16 + first;
    if (cache->format == ECH_CACHE_BF16)
        for (int32_t j = 0; j < count; j++) ((uint16_t *)cache->values)[to + j] = ech_bf16_of(x[j]);
    else
        memcpy((float *)cache->values + to, x, (size_t)count * sizeof *x);
}

#endif
