/// How a cache's memory is laid out, and how rows are written to it. attention_template.h reads it.
///
/// It is made of *cells* of four bytes. A cell is one f32 number or a pair of bf16 numbers, which a product takes at once.
/// Per slot: [entry][head], and then
///
/// - keys transposed in blocks of 16 positions, [columns][16]: a cell is one column of a key, or two neighbouring columns.
///   A line of 64 bytes meets one cell of a query, and the scores of 16 positions grow in the lanes of a vector without
///   ever being summed across.
/// - values as [positions][dim16]: a cell is one column of one position, or of two neighbouring positions. A line meets
///   one cell of weights and goes to 16 columns of a result.
///
/// dim16 is the head's width rounded up to vectors of 16. No instruction set has a layout of its own.
#ifndef ECHELON_CACHE_H
#define ECHELON_CACHE_H

#include "executor.h"

#include <string.h>

/// Positions side by side in a block of keys.
enum { ECH_KEY_BLOCK = 16 };

/// Numbers in a cell.
static inline int32_t ech_cache_numbers(int32_t format) { return format == ECH_CACHE_BF16 ? 2 : 1; }

/// The number at which a head's keys, and its values, begin.
static inline int64_t ech_cache_head(const ech_cache_memory *cache, int32_t slot, int32_t entry, int32_t head) {
    return slot * cache->slot_stride + entry * cache->entry_stride + head * cache->head_stride;
}

/// Where in a head's keys a column of a position lies, in numbers; n = ech_cache_numbers.
static inline int64_t ech_cache_key(int64_t dim16, int64_t position, int64_t column, int64_t n) {
    return position / ECH_KEY_BLOCK * ECH_KEY_BLOCK * dim16 + column / n * ECH_KEY_BLOCK * n +
           position % ECH_KEY_BLOCK * n + column % n;
}

/// Where in a head's values a column of a position lies, in numbers; n = ech_cache_numbers.
static inline int64_t ech_cache_value(int64_t dim16, int64_t position, int64_t column, int64_t n) {
    return position / n * n * dim16 + column * n + position % n;
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
    const int64_t dim16 = cache->dim16;
    if (cache->format == ECH_CACHE_BF16) {
        uint16_t *to = (uint16_t *)cache->keys + head;
        for (int32_t j = 0; j < count; j++) to[ech_cache_key(dim16, position, first + j, 2)] = ech_bf16_of(x[j]);
    } else {
        float *to = (float *)cache->keys + head;
        for (int32_t j = 0; j < count; j++) to[ech_cache_key(dim16, position, first + j, 1)] = x[j];
    }
}

/// Writes columns first ..< first + count of one position's value; `head` is ech_cache_head.
static inline void ech_cache_put_value(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                       const float *x, int32_t count) {
    const int64_t dim16 = cache->dim16;
    if (cache->format == ECH_CACHE_BF16) {
        uint16_t *to = (uint16_t *)cache->values + head;
        for (int32_t j = 0; j < count; j++) to[ech_cache_value(dim16, position, first + j, 2)] = ech_bf16_of(x[j]);
    } else {
        memcpy((float *)cache->values + head + ech_cache_value(dim16, position, first, 1), x, (size_t)count * sizeof *x);
    }
}

#endif
