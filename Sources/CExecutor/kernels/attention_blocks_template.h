// The blocks of 64 positions that wavefront attention reads: where their keys, values and scales are. Included by
// attention_template.h. No include guard: this is a template.
#include "core/kernels.h"
#include "kernels/attention_vectors_template.h"

enum { BLOCK = ECH_ATTENTION_BLOCK, KEY_BLOCKS = ECH_ATTENTION_BLOCK / ECH_KEY_BLOCK };

/// The cache entry of a position that a reader at recurrence t uses, see ech_call.
INLINE int32_t entry_of(int32_t t, int32_t depth, int32_t entries) {
    if (t >= depth) t = depth > 0 ? depth - 1 : 0;
    return t % entries;
}

/// Sizes of a head, in cells.
typedef struct {
    int32_t dim16;           ///< the values of a position, or of a pair of positions
    int32_t key, padded_key; ///< a key of dim columns, and of dim16
    int64_t block;           ///< the keys, or the values, of 64 positions
    int64_t entry;           ///< from one entry to the next
} head_sizes;

INLINE head_sizes sizes_of(const ech_cache_memory *cache, const int32_t format) {
    const int32_t numbers = ech_cache_numbers(format);
    return (head_sizes){.dim16 = cache->dim16,
                        .key = (cache->dim + numbers - 1) / numbers,
                        .padded_key = cache->dim16 / numbers,
                        .block = (int64_t)BLOCK * cache->dim16 / numbers,
                        .entry = cache->entry_stride / numbers};
}

/// The addresses of a block's keys and values.
typedef struct {
    const void *keys[KEY_BLOCKS];
    const void *values[BLOCK];                    ///< by position, or by pair of positions
    float key_scales[BLOCK], value_scales[BLOCK]; ///< only in an int8 cache
} located_block;

/// Whether the first `count` entries are the same.
INLINE bool are_same(const int32_t *entries, int32_t count) {
    bool same = true;
    for (int32_t j = 1; j < count; j++) same = same && entries[j] == entries[0];
    return same;
}

/// A head's part of the cache, from entry 0 and some position on.
typedef struct {
    const void *keys, *values;
    const float *key_scales, *value_scales; ///< only in an int8 cache
} cached_head;

INLINE cached_head head_at(const ech_cache_memory *cache, int64_t offset, const int32_t format) {
    const int64_t index = offset / ech_cache_numbers(format);
    cached_head head = {cell_at(cache->keys, index, format), cell_at(cache->values, index, format), NULL, NULL};
    if (format == ECH_CACHE_INT8) {
        const int64_t scale = ech_cache_scale(cache, offset, 0);
        head.key_scales = cache->key_scales + scale;
        head.value_scales = cache->value_scales + scale;
    }
    return head;
}

/// Moves to the next block of positions.
INLINE void advance(cached_head *head, head_sizes size, const int32_t format) {
    head->keys = cell_at(head->keys, size.block, format);
    head->values = cell_at(head->values, size.block, format);
    if (format == ECH_CACHE_INT8) {
        head->key_scales += BLOCK;
        head->value_scales += BLOCK;
    }
}

/// Copies the scales of positions that have these entries.
INLINE void locate_scales(located_block *block, const cached_head *head, int64_t entry_stride, const int32_t *entries,
                          int32_t count) {
    if (are_same(entries, count)) {
        memcpy(block->key_scales, head->key_scales + entries[0] * entry_stride, sizeof block->key_scales);
        memcpy(block->value_scales, head->value_scales + entries[0] * entry_stride, sizeof block->value_scales);
        return;
    }
    for (int32_t j = 0; j < BLOCK; j++) {
        block->key_scales[j] = head->key_scales[entries[j] * entry_stride + j];
        block->value_scales[j] = head->value_scales[entries[j] * entry_stride + j];
    }
}

/// Locates a block whose positions all have this entry.
INLINE void locate_entry(located_block *block, head_sizes size, const cached_head *head, int32_t entry,
                         const int32_t format) {
    const int64_t key_block = (int64_t)ECH_KEY_BLOCK * size.padded_key;
    const void *keys = cell_at(head->keys, entry * size.entry, format);
    const void *values = cell_at(head->values, entry * size.entry, format);
    for (int32_t b = 0; b < KEY_BLOCKS; b++) block->keys[b] = cell_at(keys, b * key_block, format);
    for (int32_t u = 0; u < BLOCK / ech_cache_numbers(format); u++)
        block->values[u] = cell_at(values, (int64_t)u * size.dim16, format);
}

/// Locates the block of the head's first `count` positions. Keys and values of several entries are put together in
/// `gathered`, which has room for the keys of a block and, if they are pairs, the values. The readers are at recurrence
/// `t`.
INLINE void locate(located_block *block, const ech_attention_work *work, head_sizes size, const cached_head *head,
                   const int32_t *depth, int32_t t, int32_t count, cell *gathered, const int32_t format) {
    const ech_cache_memory *cache = work->cache;
    const bool by_depth = ech_reads_by_depth(cache);
    int32_t entries[BLOCK] = {0};
    // Usually all positions have had recurrence t.
    int32_t before = 0;
    if (by_depth)
        for (int32_t j = 0; j < count; j++) before |= depth[j] <= t;
    if (before)
        for (int32_t j = 0; j < count; j++) entries[j] = entry_of(t, depth[j], cache->entries);
    else entries[0] = by_depth ? t % cache->entries : 0;
    if (format == ECH_CACHE_INT8) locate_scales(block, head, size.entry / size.dim16, entries, before ? count : 1);
    if (!before) {
        locate_entry(block, size, head, entries[0], format);
        return;
    }

    const int64_t key_block = (int64_t)ECH_KEY_BLOCK * size.padded_key;
    for (int32_t b = 0; b < KEY_BLOCKS; b++, gathered += key_block) {
        const int32_t *own = entries + b * ECH_KEY_BLOCK;
        const void *keys = cell_at(head->keys, b * key_block, format);
        if (are_same(own, ech_min(count - b * ECH_KEY_BLOCK, ECH_KEY_BLOCK))) {
            block->keys[b] = cell_at(keys, own[0] * size.entry, format);
            continue;
        }
        for (int32_t j = 0; j < ECH_KEY_BLOCK; j++)
            for (int64_t at = j; at < key_block; at += ECH_KEY_BLOCK)
                copy_cell(gathered, at, keys, own[j] * size.entry + at, format);
        block->keys[b] = gathered;
    }

    const int32_t numbers = ech_cache_numbers(format);
    for (int32_t j = 0, u = 0; j < count; j += numbers, u++, gathered += size.dim16) {
        const int32_t *own = entries + j;
        const void *values = cell_at(head->values, (int64_t)u * size.dim16, format);
        block->values[u] = cell_at(values, own[0] * size.entry, format);
        if (are_same(own, ech_min(count - j, numbers))) continue;
        const cell *first = block->values[u], *second = cell_at(values, own[1] * size.entry, format);
        for (int32_t d = 0; d < size.dim16; d++) gathered[d] = (first[d] & 0xffffu) | (second[d] & 0xffff0000u);
        block->values[u] = gathered;
    }
}
