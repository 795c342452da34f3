/// How attention divides the rows of a call into blocks.
#ifndef ECHELON_WAVEFRONT_H
#define ECHELON_WAVEFRONT_H

#include <stdint.h>

enum {
    ECH_ATTENTION_BLOCK = 64, ///< positions between two corrections of the running softmax: four blocks of keys
    /// The maximum number of queries that a head's keys and values are read for at a time: enough that arithmetic hides
    /// the time in which they arrive, and few enough that the queries' intermediate results stay in a core's own cache.
    ECH_QUERY_BLOCK = 32,
};

/// A row of the call, in the order of slots and then positions.
typedef struct {
    int32_t slot, position, row;
} ech_ordered_row;

/// Rows that attention computes together, so that they share each key and value that it reads: rows of one slot and,
/// for caches whose entries depend on the depth of the reader, of one depth. If several query heads share a head of the
/// cache, each of the rows has as many queries there.
typedef struct {
    int32_t begin, end; ///< a range of the ordered rows
} ech_row_block;

typedef struct {
    const ech_ordered_row *rows;
    const ech_row_block *blocks;
    int32_t block_count;
    int32_t max_rows; ///< the maximum number of rows in a block
    int64_t keys;     ///< the sum over all rows of the number of keys that the row sees
} ech_wavefront;

/// Orders the rows of a call and divides them into blocks by slot, for at most `group` query heads to each head of a
/// cache. `ordered` and `blocks` have room for one entry for each row.
ech_wavefront ech_wavefront_of(const int32_t *slots, const int32_t *positions, int32_t rows, int32_t group,
                               ech_ordered_row *ordered, ech_row_block *blocks);

/// The same rows in blocks by slot and depth. Depths do not rise along a slot, so the order of the rows is the same.
/// The given wavefront if no slot has two depths; else `blocks` has room for one entry for each row.
ech_wavefront ech_wavefront_by_depth(const ech_wavefront *by_slot, const int32_t *depths, int32_t rows,
                                     ech_row_block *blocks);

/// The number of the first ordered row that is deeper than the row before it in its slot, -1 if there is none.
int32_t ech_rising_depth(const ech_wavefront *wavefront, const int32_t *depths, int32_t rows);

#endif
