/// The loop over strips, tiles and groups of rows that the kernels of all packed formats run, except on AMX.
#ifndef ECHELON_STRIP_GROUPS_H
#define ECHELON_STRIP_GROUPS_H

#include "core/arithmetic.h"
#include "core/strips.h"
#include "core/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ECH_PANEL_OUTPUTS = 16, ///< outputs of a panel; a block is two panels

    /// Blocks of a chunk, the part of K that all rows are multiplied with before the next one. A chunk's weights (at
    /// most 24 KiB) stay in a first-level cache of 32 KiB together with a group's part of the input (6 KiB for 8 rows).
    /// Fewer blocks cost more for storing sums and loading them again, and more gain nothing (docs/kernels.md).
    ECH_CHUNK_BLOCKS = 12,
};

/// A few rows of one tile, times one chunk of a strip.
typedef struct {
    const void *weights; ///< the chunk's first block
    const void *x;       ///< the group's first row in the chunk's first block; the next row follows 64 bytes on
    ptrdiff_t x_block;   ///< bytes from one block of the input to the next
    int32_t blocks;      ///< blocks of the chunk
    bool first, last;    ///< whether it is the strip's first or last chunk
    float *out;          ///< holds the kernel's sums between chunks, in a form of the kernel's choice
    ptrdiff_t out_stride;
    /// The part of the next chunk that this group prefetches. Each group takes a part, so that memory is read all the
    /// time and not in bursts while the first group computes. It is an address, because it may be past the weights'
    /// end.
    uintptr_t ahead;
    uintptr_t ahead_step; ///< bytes that are prefetched for each 128 bytes of weights that the group multiplies
    int32_t groups;       ///< the number of groups that read the chunk

    // Only for q8 rows.
    const float *scales;        ///< the rows' scales
    const int32_t *totals;      ///< the sums of the rows' values
    const int32_t *sums;        ///< the sums of the first row's columns in groups of 32, from the chunk's first on
    ptrdiff_t sums_stride;      ///< from one row's sums to the next's
    const float *weight_scales; ///< the scales of the strip's outputs, in formats that have them
} ech_row_group;

/// The group's first row in one block of the chunk.
static inline const void *ech_group_x(const ech_row_group *group, int32_t block) {
    return (const char *)group->x + block * group->x_block;
}

/// One block of the chunk's weights.
static inline const void *ech_group_weights(const ech_row_group *group, int32_t block, ptrdiff_t block_bytes) {
    return (const char *)group->weights + block * block_bytes;
}

/// A kernel's function for groups of a certain number of rows.
typedef void (*ech_group_kernel)(const ech_row_group *group);

/// Runs strips: in chunks of `chunk_blocks` blocks, in a chunk strip by strip, in a strip tile by tile, in a tile in
/// groups of at most `max_rows` rows of about the same size. kernels[n - 1] computes groups of n rows. A block of
/// weights has `block_bytes` bytes, a multiple of 128.
static inline void ech_strips_in_chunks(int32_t chunk_blocks, const ech_group_kernel *kernels, int32_t max_rows,
                                        ptrdiff_t block_bytes, const ech_strips *strips) {
    const int32_t rows = strips->rows, blocks = strips->blocks;
    const int32_t tile_rows = ech_min(rows, ECH_TILE_ROWS);
    const int32_t full_tiles = rows / tile_rows;
    const int32_t rest = rows % tile_rows;
    const int32_t groups = full_tiles * ((tile_rows + max_rows - 1) / max_rows) + (rest + max_rows - 1) / max_rows;

    ech_row_group group = {
        .x_block = (ptrdiff_t)tile_rows * ECH_ROW_BYTES,
        .out_stride = strips->out_stride,
        .ahead_step = (uintptr_t)((128 + groups - 1) / groups),
        .groups = groups,
        .sums_stride = 2 * (ptrdiff_t)blocks,
    };
    for (int32_t block = 0; block < blocks; block += chunk_blocks) {
        group.blocks = ech_min(chunk_blocks, blocks - block);
        group.first = block == 0;
        group.last = block + group.blocks == blocks;
        for (int32_t strip = 0; strip < strips->strips; strip++) {
            group.weights = (const char *)strips->weights + ((ptrdiff_t)strip * blocks + block) * block_bytes;
            group.ahead = (uintptr_t)group.weights + (uintptr_t)(group.blocks * block_bytes);
            if (strips->weight_scales) group.weight_scales = strips->weight_scales + strip * ECH_STRIP;
            for (int32_t row = 0; row < rows; row += tile_rows) {
                const int32_t height = ech_min(tile_rows, rows - row);
                const char *tile =
                    (const char *)strips->x + ((ptrdiff_t)row * blocks + (ptrdiff_t)block * tile_rows) * ECH_ROW_BYTES;
                int32_t done = 0;
                for (int32_t left = (height + max_rows - 1) / max_rows; left > 0; left--) {
                    const int32_t n = (height - done + left - 1) / left;
                    const ptrdiff_t at = row + done;
                    group.x = tile + done * ECH_ROW_BYTES;
                    group.out = strips->out + at * strips->out_stride + strip * ECH_STRIP;
                    if (strips->sums) {
                        group.scales = strips->scales + at;
                        group.totals = strips->totals + at;
                        group.sums = strips->sums + at * group.sums_stride + 2 * block;
                    }
                    kernels[n - 1](&group);
                    done += n;
                    group.ahead += (uintptr_t)(group.blocks * block_bytes / 128) * group.ahead_step;
                }
            }
        }
    }
}

static inline void ech_strips_in_groups(const ech_group_kernel *kernels, int32_t max_rows, ptrdiff_t block_bytes,
                                        const ech_strips *strips) {
    ech_strips_in_chunks(ECH_CHUNK_BLOCKS, kernels, max_rows, block_bytes, strips);
}

#endif
