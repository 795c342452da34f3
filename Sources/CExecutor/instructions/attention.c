/// Wavefront attention: divides the call's rows into blocks that share what they read, and the blocks of all heads over
/// the threads. The computation is in attention_template.h.
#include "core/executor.h"

#include <stdlib.h>

// MARK: Row blocks

static bool comes_before(const ech_ordered_row *a, const ech_ordered_row *b) {
    return a->slot < b->slot || (a->slot == b->slot && a->position < b->position);
}

static int by_slot_and_position(const void *a, const void *b) { return comes_before(a, b) ? -1 : comes_before(b, a); }

ech_wavefront ech_wavefront_of(const ech_arena *arena, const int32_t *slots, const int32_t *positions, int32_t rows) {
    ech_ordered_row *ordered = arena->ordered_rows;
    bool sorted = true;
    int64_t keys = 0;
    for (int32_t i = 0; i < rows; i++) {
        ordered[i] = (ech_ordered_row){slots[i], positions[i], i};
        keys += (int64_t)positions[i] + 1;
        sorted = sorted && (i == 0 || comes_before(&ordered[i - 1], &ordered[i]));
    }
    if (!sorted) qsort(ordered, (size_t)rows, sizeof *ordered, by_slot_and_position);

    ech_row_block *blocks = arena->row_blocks;
    int32_t count = 0;
    for (int32_t first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && ordered[end].slot == ordered[first].slot;) end++;
        // Equal parts: a last block of few rows would read the keys and values for little.
        const int parts = (end - first + ECH_ROW_BLOCK - 1) / ECH_ROW_BLOCK;
        for (int part = 0; part < parts; part++) {
            const ech_share share = ech_share_of(end - first, part, parts);
            blocks[count++] = (ech_row_block){first + (int32_t)share.begin, first + (int32_t)share.end};
        }
    }
    return (ech_wavefront){ordered, blocks, count, keys};
}

// MARK: Threads

void ech_run_attention(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_wavefront *wavefront = &run->wavefront;
    ech_attention_work work = {
        .cache = cache,
        .depth = run->session->depth,
        .wavefront = wavefront,
        .queries = ech_view_of(run, instruction->in[0]),
        .out = ech_view_of(run, instruction->out[0]),
        .scratch = (float *)walk->scratch,
        .context = run->session->context,
        .recurrence = ech_recurrence(walk, instruction),
    };
    // All blocks of one head before the next head's: those of one slot read the same keys and values.
    const int64_t pairs = (int64_t)wavefront->block_count * cache->heads;
    const int64_t unit = pairs / ECH_UNITS_LIMIT + 1; // 1 in all but the largest of calls
    const int32_t at_once = 4;                        // a look at what is left costs nothing beside four
    const ech_division division = ech_walk_divide(walk, instruction, (pairs + unit - 1) / unit, at_once,
                                                  2.0 * (double)wavefront->keys * cache->heads * cache->dim);
    for (ech_share units; ech_take(&division, &units);) {
        work.begin = units.begin * unit;
        work.end = units.end * unit < pairs ? units.end * unit : pairs;
        run->kernels->attention(&work);
    }
}
