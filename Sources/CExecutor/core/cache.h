/// The layout of a cache's memory, and the functions that write rows to it. attention_template.h reads it.
///
/// A cache is made of *cells*. A cell is one f32 number, a pair of bf16 numbers, which a product takes at once, or one
/// int8 number. Each slot has [entry][head], and each head has
///
/// - keys, transposed in blocks of 16 positions, [columns][16]: a cell is one column of a key, or two neighboring
///   columns. 16 cells are multiplied with one cell of a query, and the scores of 16 positions grow in the lanes of a
///   vector and are never summed across lanes.
/// - values as [positions][dim16]: a cell is one column of one position, or of two neighboring positions. 16 cells are
///   multiplied with one cell of weights and added to 16 columns of a result.
/// - in an int8 cache, a scale for the key and one for the value of each position, [positions]. A score is multiplied
///   with its key's scale, and a weight with its value's.
///
/// dim16 is the head's width rounded up to vectors of 16. All instruction sets use the same layout.
#ifndef ECHELON_CACHE_H
#define ECHELON_CACHE_H

#include "core/arithmetic.h"
#include "core/bf16.h"
#include "core/session.h"

#include <string.h>

/// Positions that are side by side in a block of keys.
enum { ECH_KEY_BLOCK = 16 };

/// The record of a cache format.
typedef struct {
    const char *name;
    int64_t number_bytes; ///< the size of a number
    int64_t scale_bytes;  ///< the size of the scale of a head's key, and of its value; 0 without scales
} ech_cache_format_record;

extern const ech_cache_format_record ech_cache_formats[ECH_CACHE_FORMAT_COUNT];

/// Checks heads and widths of caches, for programs and sessions alike.
bool ech_caches_check(const ech_cache *caches, int32_t count, char *message);

/// The width of a head of `dim` columns in memory, dim16.
static inline int64_t ech_cache_padded(int32_t dim) { return ech_round_up(dim, 16); }

/// The numbers in a cell. Not read from the table, so that compilers see a power of two.
static inline int32_t ech_cache_numbers(int32_t format) { return format == ECH_CACHE_BF16 ? 2 : 1; }

/// Whether a thread has to write a whole head at once, because the head has a scale.
static inline bool ech_cache_is_scaled(const ech_cache_memory *cache) { return cache->format == ECH_CACHE_INT8; }

/// The index of the first number of a head's keys, and of its values.
static inline int64_t ech_cache_head(const ech_cache_memory *cache, int32_t slot, int32_t entry, int32_t head) {
    return slot * cache->slot_stride + entry * cache->entry_stride + head * cache->head_stride;
}

/// The index of the scale of a position's key, and of its value; `head` is ech_cache_head.
static inline int64_t ech_cache_scale(const ech_cache_memory *cache, int64_t head, int32_t position) {
    return head / cache->dim16 + position;
}

/// The entry that a row writes at the call's recurrence `recurrence`.
static inline int32_t ech_written_entry(const ech_cache_memory *cache, int32_t depth, int32_t recurrence) {
    return cache->recurrent ? (depth + recurrence) % cache->entries : 0;
}

/// Whether rows of different depths read different entries.
static inline bool ech_reads_by_depth(const ech_cache_memory *cache) { return cache->recurrent && cache->entries > 1; }

/// The index of a column of a position in a head's keys, in numbers. In a bf16 cache the column is even.
static inline int64_t ech_cache_key(const ech_cache_memory *cache, int64_t position, int64_t column) {
    const int64_t block = position / ECH_KEY_BLOCK * ECH_KEY_BLOCK, within = position % ECH_KEY_BLOCK;
    return block * cache->dim16 + column * ECH_KEY_BLOCK + within * ech_cache_numbers(cache->format);
}

/// The index of a column of a position in a head's values, in numbers.
static inline int64_t ech_cache_value(const ech_cache_memory *cache, int64_t position, int64_t column) {
    const int64_t numbers = ech_cache_numbers(cache->format);
    return position / numbers * numbers * cache->dim16 + column * numbers + position % numbers;
}

/// Columns that are rounded together. Compilers vectorize that loop, but not those that scatter.
enum { ECH_CACHE_CHUNK = 32 };

static inline void ech_cache_round(const float *x, int32_t count, uint16_t out[ECH_CACHE_CHUNK]) {
    for (int32_t j = 0; j < count; j++) out[j] = ech_bf16_of(x[j]);
}

/// The numbers x · inverse, rounded to the nearest integers with ties to even. They need no clamp: two roundings do not
/// bring the largest product to 127.5. Adding 1.5 · 2^23 leaves the integer in the low bits.
static inline void ech_cache_quantize(const float *x, int32_t count, float inverse, int8_t *out) {
    if (inverse == 0) { // also if x has an infinity, whose product would be a NaN
        memset(out, 0, (size_t)count);
        return;
    }
    for (int32_t j = 0; j < count; j++) {
        const float shifted = x[j] * inverse + 12582912.0f;
        int32_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        out[j] = (int8_t)bits;
    }
}

/// The scale of a head, and the factor that quantizes it; see ECH_Q8 for a head of zeros or with an infinity or a NaN.
static inline float ech_cache_scale_of(const float *x, int32_t count, float *inverse) {
    int32_t largest = 0; // the bits of magnitudes are ordered as the magnitudes are; those of infinity and NaN are last
    for (int32_t j = 0; j < count; j++) {
        int32_t bits;
        memcpy(&bits, x + j, sizeof bits);
        largest = ech_max(largest, bits & 0x7fffffff);
    }
    float magnitude;
    memcpy(&magnitude, &largest, sizeof magnitude);
    *inverse = 127.0f / magnitude;
    const bool is_number = magnitude <= __FLT_MAX__, is_zero = !(*inverse <= __FLT_MAX__);
    if (is_number && !is_zero) return magnitude / 127.0f;
    *inverse = 0;
    return is_number ? 0 : __builtin_nanf("");
}

/// Writes columns first ..< first + count of one position's key; `head` is ech_cache_head. `first` is even. In an int8
/// cache these are all columns of the head.
static inline void ech_cache_put_key(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                     const float *x, int32_t count) {
    const int64_t at = head + ech_cache_key(cache, position, first);
    if (cache->format == ECH_CACHE_F32) {
        float *to = (float *)cache->keys + at;
        for (int32_t j = 0; j < count; j++) to[j * ECH_KEY_BLOCK] = x[j];
        return;
    }
    if (cache->format == ECH_CACHE_INT8) {
        int8_t *to = (int8_t *)cache->keys + at, bytes[ECH_CACHE_CHUNK];
        float inverse;
        const float scale = ech_cache_scale_of(x, count, &inverse);
        cache->key_scales[ech_cache_scale(cache, head, position)] = scale;
        for (int32_t begin = 0; begin < count; begin += ECH_CACHE_CHUNK) {
            const int32_t n = ech_min(count - begin, ECH_CACHE_CHUNK);
            ech_cache_quantize(x + begin, n, inverse, bytes);
            for (int32_t j = 0; j < n; j++, to += ECH_KEY_BLOCK) *to = bytes[j];
        }
        return;
    }
    uint16_t *to = (uint16_t *)cache->keys + at, halves[ECH_CACHE_CHUNK];
    for (int32_t begin = 0; begin < count; begin += ECH_CACHE_CHUNK) {
        const int32_t n = ech_min(count - begin, ECH_CACHE_CHUNK);
        ech_cache_round(x + begin, n, halves);
        for (int32_t j = 0; j + 2 <= n; j += 2) memcpy(to + j * ECH_KEY_BLOCK, halves + j, 2 * sizeof *to);
        if (n % 2) to[(n - 1) * ECH_KEY_BLOCK] = halves[n - 1];
        to += n * ECH_KEY_BLOCK;
    }
}

/// Writes columns first ..< first + count of one position's value; `head` is ech_cache_head. The other half of a pair
/// may be another thread's to write at the same time. In an int8 cache these are all columns of the head.
static inline void ech_cache_put_value(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                       const float *x, int32_t count) {
    const int64_t at = head + ech_cache_value(cache, position, first);
    if (cache->format == ECH_CACHE_F32) {
        memcpy((float *)cache->values + at, x, (size_t)count * sizeof *x);
        return;
    }
    if (cache->format == ECH_CACHE_INT8) {
        float inverse;
        const float scale = ech_cache_scale_of(x, count, &inverse);
        cache->value_scales[ech_cache_scale(cache, head, position)] = scale;
        ech_cache_quantize(x, count, inverse, (int8_t *)cache->values + at);
        return;
    }
    uint16_t *to = (uint16_t *)cache->values + at, halves[ECH_CACHE_CHUNK];
    for (int32_t begin = 0; begin < count; begin += ECH_CACHE_CHUNK) {
        const int32_t n = ech_min(count - begin, ECH_CACHE_CHUNK);
        ech_cache_round(x + begin, n, halves);
        for (int32_t j = 0; j < n; j++, to += 2) *to = halves[j];
    }
}

#endif
