/// Row blocks of attention: orders the rows of a call by slot and position, and divides them by slot and depth.
#include "core/wavefront.h"
#include "parallel/work_stealing.h"

#include <stdbool.h>
#include <stdlib.h>

static bool comes_before(const ech_ordered_row *a, const ech_ordered_row *b) {
    return a->slot < b->slot || (a->slot == b->slot && a->position < b->position);
}

static int by_slot_and_position(const void *a, const void *b) { return comes_before(a, b) ? -1 : comes_before(b, a); }

static bool are_together(const ech_ordered_row *a, const ech_ordered_row *b, const int32_t *depths) {
    return a->slot == b->slot && (!depths || depths[a->row] == depths[b->row]);
}

/// Divides ordered rows into blocks of at most `max_rows` rows of one slot and, if there are depths, one depth. Returns
/// the number of blocks.
static int32_t divide(const ech_ordered_row *ordered, const int32_t *depths, int32_t rows, int32_t max_rows,
                      ech_row_block *blocks) {
    int32_t count = 0;
    for (int32_t first = 0, end; first < rows; first = end) {
        for (end = first + 1; end < rows && are_together(&ordered[first], &ordered[end], depths);) end++;
        // Equal parts: a last block of few rows would read all keys and values for little work.
        const int parts = (end - first + max_rows - 1) / max_rows;
        for (int part = 0; part < parts; part++) {
            const ech_range range = ech_range_of(end - first, part, parts);
            blocks[count++] = (ech_row_block){first + (int32_t)range.begin, first + (int32_t)range.end};
        }
    }
    return count;
}

ech_wavefront ech_wavefront_of(const int32_t *slots, const int32_t *positions, int32_t rows, int32_t group,
                               ech_ordered_row *ordered, ech_row_block *blocks) {
    bool sorted = true;
    int64_t keys = 0;
    for (int32_t i = 0; i < rows; i++) {
        ordered[i] = (ech_ordered_row){slots[i], positions[i], i};
        keys += (int64_t)positions[i] + 1;
        sorted = sorted && (i == 0 || comes_before(&ordered[i - 1], &ordered[i]));
    }
    if (!sorted) qsort(ordered, (size_t)rows, sizeof *ordered, by_slot_and_position);
    const int32_t max_rows = ECH_QUERY_BLOCK / group;
    return (ech_wavefront){ordered, blocks, divide(ordered, NULL, rows, max_rows, blocks), max_rows, keys};
}

ech_wavefront ech_wavefront_by_depth(const ech_wavefront *by_slot, const int32_t *depths, int32_t rows,
                                     ech_row_block *blocks) {
    const ech_ordered_row *ordered = by_slot->rows;
    bool mixed = false;
    for (int32_t i = 1; i < rows && !mixed; i++)
        mixed = ordered[i].slot == ordered[i - 1].slot && depths[ordered[i].row] != depths[ordered[i - 1].row];
    if (!mixed) return *by_slot;
    const int32_t max_rows = by_slot->max_rows;
    return (ech_wavefront){ordered, blocks, divide(ordered, depths, rows, max_rows, blocks), max_rows, by_slot->keys};
}

int32_t ech_rising_depth(const ech_wavefront *wavefront, const int32_t *depths, int32_t rows) {
    const ech_ordered_row *ordered = wavefront->rows;
    for (int32_t i = 1; i < rows; i++)
        if (ordered[i].slot == ordered[i - 1].slot && depths[ordered[i].row] > depths[ordered[i - 1].row]) return i;
    return -1;
}
