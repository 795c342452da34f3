/// Formats of caches, and the check of a cache's sizes.
#include "core/cache.h"
#include "core/failure.h"

const ech_cache_format_record ech_cache_formats[ECH_CACHE_FORMAT_COUNT] = {
    [ECH_CACHE_F32] = {.name = "f32", .number_bytes = sizeof(float)},
    [ECH_CACHE_BF16] = {.name = "bf16", .number_bytes = sizeof(uint16_t)},
};

const char *ech_cache_format_name(int32_t format) {
    return format >= 0 && format < ECH_CACHE_FORMAT_COUNT ? ech_cache_formats[format].name : NULL;
}

bool ech_caches_check(const ech_cache *caches, int32_t count, char *message) {
    for (int32_t i = 0; i < count; i++)
        if (caches[i].heads < 1 || caches[i].dim < 1 || (int64_t)caches[i].heads * caches[i].dim > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Cache %d has %d heads of %d columns; their product has to be in 1 ... %d.", i,
                            caches[i].heads, caches[i].dim, ECH_WIDTH_LIMIT);
    return true;
}
