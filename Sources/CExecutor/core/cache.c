/// Formats of caches, and the check of a cache's sizes.
#include "core/cache.h"
#include "core/failure.h"

const ech_cache_format_record ech_cache_formats[ECH_CACHE_FORMAT_COUNT] = {
    [ECH_CACHE_F32] = {.name = "f32", .number_bytes = sizeof(float)},
    [ECH_CACHE_BF16] = {.name = "bf16", .number_bytes = sizeof(uint16_t)},
    [ECH_CACHE_INT8] = {.name = "int8", .number_bytes = sizeof(int8_t), .scale_bytes = sizeof(float)},
};

const char *ech_cache_format_name(int32_t format) {
    return format >= 0 && format < ECH_CACHE_FORMAT_COUNT ? ech_cache_formats[format].name : NULL;
}

static bool has_valid_sizes(const ech_cache *cache) {
    return cache->heads >= 1 && cache->dim >= 1 && (int64_t)cache->heads * cache->dim <= ECH_WIDTH_LIMIT;
}

int64_t ech_cache_entry_bytes(const ech_cache *cache, int32_t format) {
    if (!ech_cache_format_name(format) || !has_valid_sizes(cache)) return 0;
    const ech_cache_format_record *record = &ech_cache_formats[format];
    return 2 * cache->heads * (ech_cache_padded(cache->dim) * record->number_bytes + record->scale_bytes);
}

bool ech_caches_check(const ech_cache *caches, int32_t count, char *message) {
    for (int32_t i = 0; i < count; i++)
        if (!has_valid_sizes(&caches[i]))
            return ech_fail(message, "Cache %d has %d heads of %d columns; their product has to be in 1 ... %d.", i,
                            caches[i].heads, caches[i].dim, ECH_WIDTH_LIMIT);
    return true;
}
