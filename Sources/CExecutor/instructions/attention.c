/// wavefront_attention: threads share the pairs of a head of the cache and a block of rows. The computation is in
/// kernels/attention_template.h.
#include "core/cache.h"
#include "core/kernels.h"
#include "instructions/operation.h"

bool ech_check_wavefront_attention(const ech_check *c) {
    const int64_t width = ech_query_width(c);
    if (!ech_check_query_heads(c)) return false;
    ech_need(&c->program->scratch.fixed,
             ech_attention_scratch(ech_round_up(ech_cache_at(c)->dim, 16)) * (int64_t)sizeof(float));
    return ech_check_cache_use(c, 1, false) && ech_same_width(c, ech_in(c, 0)->width, width, "the queries") &&
           ech_same_width(c, ech_out(c, 0)->width, width, "its output");
}

static const ech_wavefront *wavefront_of(const ech_run_state *run, const ech_instruction *instruction) {
    return ech_reads_by_depth(&run->session->caches[instruction->cache]) ? &run->wavefront_by_depth : &run->wavefront;
}

ech_work ech_divide_wavefront_attention(const ech_run_state *run, const ech_instruction *instruction) {
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_wavefront *wavefront = wavefront_of(run, instruction);
    const int32_t max_batch = 4; // taking units costs nothing compared with four of them
    return (ech_work){.count = (int64_t)wavefront->block_count * cache->heads,
                      .min_batch = 1,
                      .max_batch = max_batch,
                      .steals = ech_is_worth_stealing(2.0 * (double)wavefront->keys * instruction->i0 * cache->dim)};
}

void ech_run_wavefront_attention(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    ech_attention_work work = {
        .cache = cache,
        .depth = run->session->depth,
        .row_depths = run->depths,
        .wavefront = wavefront_of(run, instruction),
        .queries = ech_view_of(run, instruction->in[0]),
        .out = ech_view_of(run, instruction->out[0]),
        .scratch = (float *)walk->scratch,
        .context = run->session->context,
        .group = instruction->i0 / cache->heads,
        .recurrence = ech_recurrence(walk, instruction),
    };
    work.read_next = ech_loop_first_end(walk->loop);
    // All blocks of one head come before those of the next head: blocks of one slot read the same keys and values.
    for (ech_range pairs; ech_pop(walk->loop, &pairs);) {
        work.begin = pairs.begin;
        work.end = pairs.end;
        run->program->kernels->attention(&work);
    }
}
