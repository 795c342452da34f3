/// What the bf16 kernels share: the layout's numbers, and the loop over a strip that all but AMX run.
#ifndef ECHELON_MATMUL_BF16_KERNELS_H
#define ECHELON_MATMUL_BF16_KERNELS_H

#include "matmul_bf16.h"

enum {
    ECH_BLOCK_K = 32,          ///< columns of a block
    ECH_PANEL_N = 16,          ///< outputs of a panel; a block is two panels side by side
    ECH_STRIP_N = 32,          ///< outputs of a strip
    ECH_PAIRS = 16,            ///< pairs of columns in a block
    ECH_PAIR_ELEMENTS = 32,    ///< bf16 elements of a pair in one panel (64 bytes)
    ECH_PANEL_ELEMENTS = 512,  ///< bf16 elements of a panel
    ECH_BLOCK_ELEMENTS = 1024, ///< bf16 elements of a block
    ECH_TILE_ROWS = 16,        ///< most rows of a tile of the input

    /// Blocks of a chunk, the stretch of K that all rows pass over before any goes on. A chunk's weights (16 KiB) stay
    /// in a first-level cache of 32 KiB beside a tile's share of the input (8 KiB). Each chunk is summed from zero and
    /// then added to the output: that is the fixed order of summation, and it makes the longest chain of additions
    /// 256 + K / 256 long instead of K.
    ECH_CHUNK_BLOCKS = 8,
};

static inline int32_t ech_min(int32_t a, int32_t b) { return a < b ? a : b; }

void ech_strip_bf16_portable(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                             ptrdiff_t out_stride);
void ech_strip_bf16_avx2(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                         ptrdiff_t out_stride);
void ech_strip_bf16_avx512(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                           ptrdiff_t out_stride);
void ech_strip_bf16_amx(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                        ptrdiff_t out_stride);

/// Loads the calling thread's tile configuration for `rows` rows, and gives the tiles back.
void ech_amx_tiles_begin(int32_t rows);
void ech_amx_tiles_end(void);

/// A few rows of one tile, times one chunk of a strip.
typedef struct {
    const uint16_t *weights; ///< the chunk's first block
    const uint16_t *x;       ///< the group's first row in the chunk's first block; the next row follows 32 elements on
    ptrdiff_t x_block;       ///< elements from one block of the input to the next
    int32_t blocks;          ///< of the chunk
    bool first;              ///< the strip's first chunk: `out` is written rather than added to
    float *out;
    ptrdiff_t out_stride;
    /// The piece of the next chunk that this group prefetches: each group takes its share, so that memory is read all
    /// the time and not in bursts while the first group is at work. An address, as it may lie past the weights' end.
    uintptr_t ahead;
    uintptr_t ahead_step; ///< bytes of it for each 128 bytes of weights that the group multiplies
} ech_row_group;

/// A kernel's function for groups of a certain number of rows.
typedef void (*ech_group_kernel)(const ech_row_group *group);

/// Runs a strip: chunk by chunk, in a chunk tile by tile, in a tile in groups of at most `most` rows, all about as
/// large. kernels[n - 1] serves groups of n rows.
static inline void ech_strip_in_groups(const ech_group_kernel *kernels, int32_t most, const uint16_t *strip,
                                       const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                                       ptrdiff_t out_stride) {
    const int32_t tile_rows = ech_min(rows, ECH_TILE_ROWS);
    const int32_t full_tiles = rows / tile_rows;
    const int32_t rest = rows % tile_rows;
    const int32_t groups = full_tiles * ((tile_rows + most - 1) / most) + (rest + most - 1) / most;
    const uintptr_t ahead_step = (uintptr_t)((128 + groups - 1) / groups);

    for (int32_t block = 0; block < blocks; block += ECH_CHUNK_BLOCKS) {
        const int32_t count = ech_min(ECH_CHUNK_BLOCKS, blocks - block);
        const uint16_t *weights = strip + (ptrdiff_t)block * ECH_BLOCK_ELEMENTS;
        uintptr_t ahead = (uintptr_t)(weights + (ptrdiff_t)count * ECH_BLOCK_ELEMENTS);
        for (int32_t row = 0; row < rows; row += tile_rows) {
            const int32_t height = ech_min(tile_rows, rows - row);
            const uint16_t *tile = x + ((ptrdiff_t)row * blocks + (ptrdiff_t)block * tile_rows) * ECH_BLOCK_K;
            int32_t done = 0;
            for (int32_t left = (height + most - 1) / most; left > 0; left--) {
                const int32_t n = (height - done + left - 1) / left;
                const ech_row_group group = {
                    .weights = weights,
                    .x = tile + done * ECH_BLOCK_K,
                    .x_block = (ptrdiff_t)tile_rows * ECH_BLOCK_K,
                    .blocks = count,
                    .first = block == 0,
                    .out = out + (ptrdiff_t)(row + done) * out_stride,
                    .out_stride = out_stride,
                    .ahead = ahead,
                    .ahead_step = ahead_step,
                };
                kernels[n - 1](&group);
                done += n;
                ahead += (uintptr_t)count * ECH_PAIRS * ahead_step; // a block is 16 times 128 bytes
            }
        }
    }
}

#endif
