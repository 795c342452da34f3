/// Wavefront attention: splits heads and rows over the threads. The computation is in attention_template.h.
#include "executor.h"

void ech_run_attention(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    // All rows of one head before the next head's: what they read of the cache is mostly the same.
    const ech_share share = ech_share_of((int64_t)cache->heads * run->call->rows, walk->thread, walk->threads);
    const ech_attention_work work = {
        .cache = cache,
        .depth = run->session->depth,
        .slots = run->slots,
        .positions = run->positions,
        .queries = ech_view_of(run, instruction->in[0]),
        .out = ech_view_of(run, instruction->out[0]),
        .scratch = (float *)walk->scratch,
        .context = run->session->context,
        .recurrence = ech_recurrence(walk, instruction),
        .rows = run->call->rows,
        .begin = share.begin,
        .end = share.end,
    };
    run->kernels->attention(&work);
}
