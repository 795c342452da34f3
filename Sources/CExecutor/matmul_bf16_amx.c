/// The bf16 kernel for AMX.
#include "matmul_bf16_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#include "amx_tiles.h"

#include <string.h>

// A panel of a block is a tile of weights as it lies in memory, a block of an input tile is a tile of inputs. Two input
// tiles × two panels use all eight registers: four accumulators, so that products, one of which can start every 16
// cycles, hide the 52 cycles that each takes; and every loaded tile is used twice.
#define SUMS_00 0 // upper input tile, first panel
#define SUMS_01 1
#define SUMS_10 2 // lower input tile
#define SUMS_11 3
#define X_0 4
#define X_1 5
#define W_0 6
#define W_1 7

enum {
    TILE_ROW_BYTES = 64,
    BLOCK_BYTES = ECH_BLOCK_ELEMENTS * 2,
    CACHE_LINE = 64,
    /// Blocks that all rows pass over while their weights (32 KiB) stay in the first-level cache, which has 48 KiB on
    /// processors with AMX. The partial sums in between are stored and loaded exactly, and a product adds a block's sum
    /// to the accumulator as a whole, so this number changes no result.
    CHUNK_BLOCKS = 16,
    /// How far ahead weights are prefetched while they come from memory.
    AHEAD_BYTES = 16384,
};

AMX_TARGET void ech_amx_tiles_begin(int32_t rows) {
    const int32_t height = ech_min(rows, ECH_TILE_ROWS);
    amx_configuration configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        configuration.row_bytes[tile] = TILE_ROW_BYTES;
        configuration.rows[tile] = (uint8_t)(tile == W_0 || tile == W_1 ? ECH_PAIRS : height);
    }
    amx_configure(&configuration);
}

AMX_TARGET void ech_amx_tiles_end(void) { amx_release(); }

/// Where one input tile's 32 sums a row lie.
typedef struct {
    float *sums;
    ptrdiff_t stride; ///< bytes from row to row
} sums_place;

/// Some blocks of a strip.
typedef struct {
    const uint16_t *weights;
    int32_t blocks;
    bool first;       ///< the sums start from zero rather than from what is stored
    bool prefetch;    ///< the weights come from memory
    ptrdiff_t x_block; ///< elements from one block of an input tile to the next
} chunk;

AMX_TARGET static inline void prefetch_block(const uint16_t *weights) {
    // An address: it may lie past the weights' end.
    const uintptr_t ahead = (uintptr_t)weights + AHEAD_BYTES;
    for (uintptr_t line = 0; line < BLOCK_BYTES; line += CACHE_LINE) amx_prefetch(ahead + line);
}

AMX_TARGET static void one_tile(const chunk *c, const uint16_t *x, sums_place place) {
    if (c->first) {
        amx_zero(SUMS_00);
        amx_zero(SUMS_01);
    } else {
        amx_load(SUMS_00, place.sums, place.stride);
        amx_load(SUMS_01, place.sums + ECH_PANEL_N, place.stride);
    }
    const uint16_t *weights = c->weights;
    for (int32_t block = 0; block < c->blocks; block++) {
        if (c->prefetch) prefetch_block(weights);
        amx_load(X_0, x, TILE_ROW_BYTES);
        amx_load(W_0, weights, TILE_ROW_BYTES);
        amx_multiply_bf16(SUMS_00, X_0, W_0);
        amx_load(W_1, weights + ECH_PANEL_ELEMENTS, TILE_ROW_BYTES);
        amx_multiply_bf16(SUMS_01, X_0, W_1);
        weights += ECH_BLOCK_ELEMENTS;
        x += c->x_block;
    }
    amx_store(SUMS_00, place.sums, place.stride);
    amx_store(SUMS_01, place.sums + ECH_PANEL_N, place.stride);
}

AMX_TARGET static void two_tiles(const chunk *c, const uint16_t *x0, const uint16_t *x1, sums_place place0,
                                 sums_place place1) {
    if (c->first) {
        amx_zero(SUMS_00);
        amx_zero(SUMS_01);
        amx_zero(SUMS_10);
        amx_zero(SUMS_11);
    } else {
        amx_load(SUMS_00, place0.sums, place0.stride);
        amx_load(SUMS_01, place0.sums + ECH_PANEL_N, place0.stride);
        amx_load(SUMS_10, place1.sums, place1.stride);
        amx_load(SUMS_11, place1.sums + ECH_PANEL_N, place1.stride);
    }
    const uint16_t *weights = c->weights;
    for (int32_t block = 0; block < c->blocks; block++) {
        if (c->prefetch) prefetch_block(weights);
        amx_load(X_0, x0, TILE_ROW_BYTES);
        amx_load(W_0, weights, TILE_ROW_BYTES);
        amx_multiply_bf16(SUMS_00, X_0, W_0);
        amx_load(W_1, weights + ECH_PANEL_ELEMENTS, TILE_ROW_BYTES);
        amx_multiply_bf16(SUMS_01, X_0, W_1);
        amx_load(X_1, x1, TILE_ROW_BYTES);
        amx_multiply_bf16(SUMS_10, X_1, W_0);
        amx_multiply_bf16(SUMS_11, X_1, W_1);
        weights += ECH_BLOCK_ELEMENTS;
        x0 += c->x_block;
        x1 += c->x_block;
    }
    amx_store(SUMS_00, place0.sums, place0.stride);
    amx_store(SUMS_01, place0.sums + ECH_PANEL_N, place0.stride);
    amx_store(SUMS_10, place1.sums, place1.stride);
    amx_store(SUMS_11, place1.sums + ECH_PANEL_N, place1.stride);
}

/// Needs ech_amx_tiles_begin(rows) on this thread.
void ech_strip_bf16_amx(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                        ptrdiff_t out_stride) {
    const int32_t height = ech_min(rows, ECH_TILE_ROWS);
    const int32_t tiles = (rows + height - 1) / height;
    const int32_t last_rows = rows - (tiles - 1) * height;
    const ptrdiff_t x_tile = (ptrdiff_t)height * blocks * ECH_BLOCK_K;

    // The last tile is computed in full even where it has fewer rows (rows do not mix, so what its unused rows hold
    // does no harm), but `out` has no room for those: its sums are kept here until the end.
    float last[ECH_TILE_ROWS * ECH_STRIP_N];
    const bool last_is_short = last_rows < height;
    const sums_place last_place = {last, ECH_STRIP_N * (ptrdiff_t)sizeof(float)};
    const ptrdiff_t out_bytes = out_stride * (ptrdiff_t)sizeof(float);

    // Up to two tiles read each weight once; there is nothing to keep in the cache for.
    const int32_t chunk_blocks = tiles <= 2 ? blocks : CHUNK_BLOCKS;
    for (int32_t block = 0; block < blocks; block += chunk_blocks) {
        chunk c = {
            .weights = strip + (ptrdiff_t)block * ECH_BLOCK_ELEMENTS,
            .blocks = ech_min(chunk_blocks, blocks - block),
            .first = block == 0,
            .x_block = (ptrdiff_t)height * ECH_BLOCK_K,
        };
        for (int32_t tile = 0; tile < tiles; tile += 2) {
            c.prefetch = tile == 0;
            const uint16_t *x0 = x + tile * x_tile + block * c.x_block;
            const bool pair = tile + 1 < tiles;
            const bool ends_short = last_is_short && tile + 2 >= tiles;
            const sums_place place0 = ends_short && !pair
                                          ? last_place
                                          : (sums_place){out + (ptrdiff_t)tile * height * out_stride, out_bytes};
            if (!pair) {
                one_tile(&c, x0, place0);
                continue;
            }
            const sums_place place1 = ends_short ? last_place
                                                 : (sums_place){place0.sums + height * out_stride, out_bytes};
            two_tiles(&c, x0, x0 + x_tile, place0, place1);
        }
    }
    if (last_is_short) {
        float *rest = out + (ptrdiff_t)(tiles - 1) * height * out_stride;
        for (int32_t i = 0; i < last_rows; i++)
            memcpy(rest + i * out_stride, last + i * ECH_STRIP_N, ECH_STRIP_N * sizeof(float));
    }
}

#endif
