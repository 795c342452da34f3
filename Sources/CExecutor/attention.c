/// Wavefront attention: divides the call's rows into blocks that share what they read, and the blocks of all heads over
/// the threads. The computation is in attention_template.h.
#include "executor.h"

#include <stdlib.h>

// MARK: Row blocks

static bool comes_before(const ech_ordered_row *a, const ech_ordered_row *b) {
    return a->slot < b->slot || (a->slot == b->slot && a->position < b->position);
}

static int by_slot_and_position(const void *a, const void *b) {
    return comes_before(a, b) ? -1 : comes_before(b, a);
}

/// What a block costs for one head, in products of a query and a key. Getting a key and its value from memory takes about
/// as long as computing with them for 8 rows.
static int64_t cost_of(const ech_ordered_row *rows, int32_t begin, int32_t end) {
    const int64_t rows_per_read = 8;
    int64_t cost = rows_per_read * ((int64_t)rows[end - 1].position + 1);
    for (int32_t i = begin; i < end; i++) cost += (int64_t)rows[i].position + 1;
    return cost;
}

ech_wavefront ech_wavefront_of(const ech_arena *arena, const int32_t *slots, const int32_t *positions, int32_t rows) {
    ech_ordered_row *ordered = arena->ordered_rows;
    bool sorted = true;
    for (int32_t i = 0; i < rows; i++) {
        ordered[i] = (ech_ordered_row){slots[i], positions[i], i};
        sorted = sorted && (i == 0 || comes_before(&ordered[i - 1], &ordered[i]));
    }
    if (!sorted) qsort(ordered, (size_t)rows, sizeof *ordered, by_slot_and_position);

    ech_row_block *blocks = arena->row_blocks;
    int32_t count = 0;
    int64_t cost = 0;
    for (int32_t first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && ordered[end].slot == ordered[first].slot;) end++;
        // Equal parts: a last block of few rows would read the keys and values for little.
        const int parts = (end - first + ECH_ROW_BLOCK - 1) / ECH_ROW_BLOCK;
        for (int part = 0; part < parts; part++) {
            const ech_share share = ech_share_of(end - first, part, parts);
            ech_row_block *block = &blocks[count++];
            *block = (ech_row_block){first + (int32_t)share.begin, first + (int32_t)share.end, cost};
            cost += cost_of(ordered, block->begin, block->end);
        }
    }
    blocks[count].before = cost;
    return (ech_wavefront){ordered, blocks, count};
}

// MARK: Threads

/// The first pair of head and block of which the middle does not lie before `target` in the cost of them all.
static int64_t first_pair(const ech_wavefront *wavefront, int64_t target) {
    const ech_row_block *blocks = wavefront->blocks;
    const int64_t whole = blocks[wavefront->block_count].before, within = target % whole;
    int32_t low = 0, high = wavefront->block_count;
    while (low < high) {
        const int32_t block = low + (high - low) / 2;
        if (blocks[block].before + (blocks[block + 1].before - blocks[block].before) / 2 < within) low = block + 1;
        else high = block;
    }
    return target / whole * wavefront->block_count + low;
}

void ech_run_attention(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const ech_wavefront *wavefront = &run->wavefront;
    // All blocks of one head before the next head's: those of one slot read the same keys and values.
    const int64_t cost = wavefront->blocks[wavefront->block_count].before * cache->heads;
    const ech_share share = ech_share_of(cost, walk->thread, walk->threads);
    const ech_attention_work work = {
        .cache = cache,
        .depth = run->session->depth,
        .wavefront = wavefront,
        .queries = ech_view_of(run, instruction->in[0]),
        .out = ech_view_of(run, instruction->out[0]),
        .scratch = (float *)walk->scratch,
        .context = run->session->context,
        .recurrence = ech_recurrence(walk, instruction),
        .begin = first_pair(wavefront, share.begin),
        .end = first_pair(wavefront, share.end),
    };
    run->kernels->attention(&work);
}
