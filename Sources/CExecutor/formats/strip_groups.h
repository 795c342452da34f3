/// What the kernels of all packed formats share: the numbers of their layouts, and the loop over a strip that all but
/// AMX run.
#ifndef ECHELON_STRIP_GROUPS_H
#define ECHELON_STRIP_GROUPS_H

#include "core/strips.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ECH_PANEL_N = 16,   ///< outputs of a panel; a block is two panels side by side
    ECH_TILE_ROWS = 16, ///< most rows of a tile of the input
    ECH_ROW_BYTES = 64, ///< of one row of the input in one block: 32 columns in bf16, 64 in q8

    /// Blocks of a chunk, the stretch of K that all rows pass over before any goes on. A chunk's weights (at most
    /// 24 KiB) stay in a first-level cache of 32 KiB beside what a group reads of the input (6 KiB for 8 rows). Fewer
    /// cost more for storing sums and loading them again: int8 on Zen 4 runs 4% slower with 8, and no faster with 16.
    ECH_CHUNK_BLOCKS = 12,
};

static inline int32_t ech_min(int32_t a, int32_t b) { return a < b ? a : b; }

/// A few rows of one tile, times one chunk of a strip.
typedef struct {
    const void *weights; ///< the chunk's first block
    const void *x;       ///< the group's first row in the chunk's first block; the next row follows 64 bytes on
    ptrdiff_t x_block;   ///< bytes from one block of the input to the next
    int32_t blocks;      ///< of the chunk
    bool first, last;    ///< whether it is the strip's first or last chunk
    float *out;          ///< between chunks it holds the kernel's sums, in a form of the kernel's choice
    ptrdiff_t out_stride;
    /// The piece of the next chunk that this group prefetches: each group takes its share, so that memory is read all
    /// the time and not in bursts while the first group is at work. An address, as it may lie past the weights' end.
    uintptr_t ahead;
    uintptr_t ahead_step; ///< bytes of it for each 128 bytes of weights that the group multiplies
    int32_t groups;       ///< that read the chunk, this one included

    // Of q8 rows only.
    const float *scales;        ///< of the group's rows
    const int32_t *totals;      ///< the sums of the rows' values
    const int32_t *sums;        ///< of the first row's columns, from the chunk's first on, in groups of 32
    ptrdiff_t sums_stride;      ///< from one row's sums to the next's
    const float *weight_scales; ///< of int8 weights only, for the strip's outputs
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

/// Runs strips: chunk by chunk, in a chunk strip by strip, in a strip tile by tile, in a tile in groups of at most
/// `most` rows, all about as large. kernels[n - 1] serves groups of n rows. `whole` tells where the weights, the input,
/// its scales and sums, and the output begin; a block of weights has `block_bytes`, a multiple of 128.
static inline void ech_strips_in_groups(const ech_group_kernel *kernels, int32_t most, ptrdiff_t block_bytes,
                                        const ech_row_group *whole, ech_strips_size size) {
    const int32_t rows = size.rows, blocks = size.blocks;
    const int32_t tile_rows = ech_min(rows, ECH_TILE_ROWS);
    const int32_t full_tiles = rows / tile_rows;
    const int32_t rest = rows % tile_rows;
    const int32_t groups = full_tiles * ((tile_rows + most - 1) / most) + (rest + most - 1) / most;

    ech_row_group group = *whole;
    group.x_block = (ptrdiff_t)tile_rows * ECH_ROW_BYTES;
    group.groups = groups;
    group.ahead_step = (uintptr_t)((128 + groups - 1) / groups);
    for (int32_t block = 0; block < blocks; block += ECH_CHUNK_BLOCKS) {
        group.blocks = ech_min(ECH_CHUNK_BLOCKS, blocks - block);
        group.first = block == 0;
        group.last = block + group.blocks == blocks;
        for (int32_t strip = 0; strip < size.strips; strip++) {
            group.weights = (const char *)whole->weights + ((ptrdiff_t)strip * blocks + block) * block_bytes;
            group.ahead = (uintptr_t)group.weights + (uintptr_t)(group.blocks * block_bytes);
            if (whole->weight_scales) group.weight_scales = whole->weight_scales + strip * ECH_STRIP;
            for (int32_t row = 0; row < rows; row += tile_rows) {
                const int32_t height = ech_min(tile_rows, rows - row);
                const char *tile =
                    (const char *)whole->x + ((ptrdiff_t)row * blocks + (ptrdiff_t)block * tile_rows) * ECH_ROW_BYTES;
                int32_t done = 0;
                for (int32_t left = (height + most - 1) / most; left > 0; left--) {
                    const int32_t n = (height - done + left - 1) / left;
                    const ptrdiff_t at = row + done;
                    group.x = tile + done * ECH_ROW_BYTES;
                    group.out = whole->out + at * whole->out_stride + strip * ECH_STRIP;
                    if (whole->sums) {
                        group.scales = whole->scales + at;
                        group.totals = whole->totals + at;
                        group.sums = whole->sums + at * whole->sums_stride + 2 * block;
                    }
                    kernels[n - 1](&group);
                    done += n;
                    group.ahead += (uintptr_t)(group.blocks * block_bytes / 128) * group.ahead_step;
                }
            }
        }
    }
}

#endif
