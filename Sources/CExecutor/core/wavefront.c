/// Row blocks of attention: orders the rows of a call by slot and position, and divides them.
#include "core/wavefront.h"
#include "parallel/work_stealing.h"

#include <stdbool.h>
#include <stdlib.h>

static bool comes_before(const ech_ordered_row *a, const ech_ordered_row *b) {
    return a->slot < b->slot || (a->slot == b->slot && a->position < b->position);
}

static int by_slot_and_position(const void *a, const void *b) { return comes_before(a, b) ? -1 : comes_before(b, a); }

ech_wavefront ech_wavefront_of(const int32_t *slots, const int32_t *positions, int32_t rows, ech_ordered_row *ordered,
                               ech_row_block *blocks) {
    bool sorted = true;
    int64_t keys = 0;
    for (int32_t i = 0; i < rows; i++) {
        ordered[i] = (ech_ordered_row){slots[i], positions[i], i};
        keys += (int64_t)positions[i] + 1;
        sorted = sorted && (i == 0 || comes_before(&ordered[i - 1], &ordered[i]));
    }
    if (!sorted) qsort(ordered, (size_t)rows, sizeof *ordered, by_slot_and_position);

    int32_t count = 0;
    for (int32_t first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && ordered[end].slot == ordered[first].slot;) end++;
        // Equal parts: a last block of few rows would read all keys and values for little work.
        const int parts = (end - first + ECH_ROW_BLOCK - 1) / ECH_ROW_BLOCK;
        for (int part = 0; part < parts; part++) {
            const ech_range range = ech_range_of(end - first, part, parts);
            blocks[count++] = (ech_row_block){first + (int32_t)range.begin, first + (int32_t)range.end};
        }
    }
    return (ech_wavefront){ordered, blocks, count, keys};
}
