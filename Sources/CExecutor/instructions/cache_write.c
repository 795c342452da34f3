/// cache_write: stores keys and values.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/operation.h"
#include "instructions/rows.h"

bool ech_check_cache_write(const ech_check *c) {
    const int64_t width = ech_cache_width(c);
    return ech_check_cache_use(c, 2, true) && ech_same_width(c, ech_in(c, 0)->width, width, "the keys") &&
           ech_same_width(c, ech_in(c, 1)->width, width, "the values");
}

void ech_run_cache_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_row_work work = ech_row_work_of(walk, instruction);
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int32_t recurrence = ech_recurrence(walk, instruction);
    const int64_t dim = cache->dim, width = dim * cache->heads;
    for (int64_t i = work.begin; i < work.end; i++) {
        const int32_t entry = ech_written_entry(cache, run->depths[i], recurrence);
        for (int32_t head = 0; head < cache->heads; head++) {
            const int64_t to = ech_cache_head(cache, run->slots[i], entry, head), from = i * width + head * dim;
            run->program->kernels->write_cached(cache, to, run->positions[i], (const float *)work.in[0].data + from,
                                                (const float *)work.in[1].data + from);
        }
    }
}
