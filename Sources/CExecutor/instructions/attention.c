/// wavefront_attention: threads share the pairs of a head and a block of rows. The computation is in
/// kernels/attention_template.h.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/operation.h"

bool ech_check_wavefront_attention(const ech_check *c) {
    const int64_t width = ech_cache_width(c);
    if (!ech_check_cache_heads(c)) return false;
    ech_need(&c->program->scratch.fixed,
             ech_attention_scratch(ech_round_up(ech_cache_at(c)->dim, 16)) * (int64_t)sizeof(float));
    return ech_check_cache_use(c, 1, false) && ech_same_width(c, ech_in(c, 0)->width, width, "the queries") &&
           ech_same_width(c, ech_out(c, 0)->width, width, "its output");
}

void ech_run_wavefront_attention(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_wavefront *wavefront = ech_reads_by_depth(cache) ? &run->wavefront_by_depth : &run->wavefront;
    ech_attention_work work = {
        .cache = cache,
        .depth = run->session->depth,
        .row_depths = run->depths,
        .wavefront = wavefront,
        .queries = ech_view_of(run, instruction->in[0]),
        .out = ech_view_of(run, instruction->out[0]),
        .scratch = (float *)walk->scratch,
        .context = run->session->context,
        .recurrence = ech_recurrence(walk, instruction),
    };
    // All blocks of one head come before those of the next head: blocks of one slot read the same keys and values.
    const int64_t pairs = (int64_t)wavefront->block_count * cache->heads;
    const int64_t unit = pairs / ECH_UNITS_LIMIT + 1; // 1 except in the largest calls
    const int32_t max_batch = 4;                      // popping costs nothing compared with four units
    const ech_loop loop = ech_walk_begin_loop(walk, instruction, (pairs + unit - 1) / unit, max_batch,
                                              2.0 * (double)wavefront->keys * cache->heads * cache->dim);
    work.read_next = ech_range_of(loop.count, loop.thread, loop.threads).end * unit;
    for (ech_range units; ech_pop(&loop, &units);) {
        work.begin = units.begin * unit;
        work.end = units.end * unit < pairs ? units.end * unit : pairs;
        run->program->kernels->attention(&work);
    }
}
