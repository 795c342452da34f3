/// The layout of a cache's memory. kernels/cache_writer.h writes it, and kernels/attention_template.h reads it.
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
#include "core/session.h"

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

#endif
