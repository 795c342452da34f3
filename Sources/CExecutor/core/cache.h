/// The layout of a cache's memory, and the functions that write rows to it. attention_template.h reads it.
///
/// A cache is made of *cells* of four bytes. A cell is one f32 number or a pair of bf16 numbers, which a product takes
/// at once. Each slot has [entry][head], and each head has
///
/// - keys, transposed in blocks of 16 positions, [columns][16]: a cell is one column of a key, or two neighboring
/// columns.
///   A line of 64 bytes is multiplied with one cell of a query, and the scores of 16 positions grow in the lanes of a
///   vector and are never summed across lanes.
/// - values as [positions][dim16]: a cell is one column of one position, or of two neighboring positions. A line is
///   multiplied with one cell of weights and added to 16 columns of a result.
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
    int64_t number_bytes; ///< the size of a number; a cell has four bytes
} ech_cache_format_record;

extern const ech_cache_format_record ech_cache_formats[ECH_CACHE_FORMAT_COUNT];

/// Checks heads and widths of caches, for programs and sessions alike.
bool ech_caches_check(const ech_cache *caches, int32_t count, char *message);

/// The numbers in a cell. Not read from the table, so that compilers see a power of two.
static inline int32_t ech_cache_numbers(int32_t format) { return format == ECH_CACHE_BF16 ? 2 : 1; }

/// The index of the first number of a head's keys, and of its values.
static inline int64_t ech_cache_head(const ech_cache_memory *cache, int32_t slot, int32_t entry, int32_t head) {
    return slot * cache->slot_stride + entry * cache->entry_stride + head * cache->head_stride;
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

/// Writes columns first ..< first + count of one position's key; `head` is ech_cache_head. `first` is even.
static inline void ech_cache_put_key(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                     const float *x, int32_t count) {
    const int64_t at = head + ech_cache_key(cache, position, first);
    if (cache->format == ECH_CACHE_F32) {
        float *to = (float *)cache->keys + at;
        for (int32_t j = 0; j < count; j++) to[j * ECH_KEY_BLOCK] = x[j];
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
/// may be another thread's to write at the same time.
static inline void ech_cache_put_value(const ech_cache_memory *cache, int64_t head, int32_t position, int32_t first,
                                       const float *x, int32_t count) {
    const int64_t at = head + ech_cache_value(cache, position, first);
    if (cache->format == ECH_CACHE_F32) {
        memcpy((float *)cache->values + at, x, (size_t)count * sizeof *x);
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
