/// norm_rope_write: norms of queries and keys, which need whole rows, the rotary embedding, and the write to the cache.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/operation.h"
#include "instructions/rows.h"

bool ech_check_norm_rope_write(const ech_check *c) {
    const int64_t keys = ech_cache_width(c);
    if (!ech_check_query_heads(c) || !ech_check_eps(c)) return false;
    const int64_t queries = ech_query_width(c);
    // A row of normed and turned keys.
    ech_need_row(c, keys);
    return ech_check_rotation(c, 2, 1, ech_cache_at(c)->dim) && ech_check_cache_use(c, 1, true) &&
           ech_same_width(c, ech_in(c, 0)->width, queries + 2 * keys, "its input") &&
           ech_same_width(c, ech_weight_at(c, 0)->columns, queries, "the norm of its queries") &&
           ech_same_width(c, ech_weight_at(c, 1)->columns, keys, "the norm of its keys") &&
           ech_same_width(c, ech_out(c, 0)->width, queries, "its output");
}

void ech_run_norm_rope_write(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_kernels *kernels = run->program->kernels;
    const ech_row_work work = ech_row_work_of(walk, instruction);
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int32_t dim = cache->dim, keys = dim * cache->heads, queries = dim * instruction->i0;
    const float *table = ech_rope_values(run, instruction, 2, 1, dim);
    const int32_t recurrence = ech_recurrence(walk, instruction);
    for (int64_t i = work.begin; i < work.end; i++) {
        const float *x = (const float *)work.in[0].data + i * work.in[0].width, *values = x + queries + keys;
        const float *angles = table + (int64_t)run->positions[i] * 2 * dim;
        kernels->norm_rope(x, queries, dim, work.constant, work.weight[0], angles,
                           (float *)work.out[0].data + i * queries);
        kernels->norm_rope(x + queries, keys, dim, work.constant, work.weight[1], angles, work.scratch);
        const int32_t entry = ech_written_entry(cache, run->depths[i], recurrence);
        for (int32_t head = 0; head < cache->heads; head++) {
            const int64_t to = ech_cache_head(cache, run->slots[i], entry, head);
            kernels->write_cached(cache, to, run->positions[i], work.scratch + head * dim, values + head * dim);
        }
    }
}
