// Strips on AMX tiles, for formats whose blocks are tiles in memory: a panel of a block is a tile of weights of 16 rows
// of 64 bytes, and a block of an input tile is a tile of inputs. Included after AMX_MULTIPLY names the product. Sums
// are of four bytes, f32 or i32. No include guard: this is a template.
#include "formats/panel_lines.h"
#include "formats/strip_groups.h"
#include "machine/amx_tiles.h"

#include <string.h>

enum {
    CACHE_LINE = 64,
    BLOCK_LINES = ECH_LINES_BLOCK_BYTES / CACHE_LINE,
    /// Blocks that all rows are multiplied with while their weights (32 KiB) stay in the first-level cache, which has
    /// 48 KiB on processors with AMX. The partial sums in between are stored and loaded exactly, and a bf16 product
    /// adds a block's sum to the accumulator as a whole, so this number changes no result.
    CHUNK_BLOCKS = 16,
    /// The number of blocks ahead that are prefetched if each weight is read once.
    AHEAD_BLOCKS = 16,
};

/// The place of one input tile's sums, 32 for each row.
typedef struct {
    float *sums;
    ptrdiff_t stride; ///< bytes from row to row
} sums_place;

/// Some blocks of a strip.
typedef struct {
    const char *weights;
    int32_t blocks;
    bool first;        ///< the sums start from zero rather than from what is stored
    ptrdiff_t x_block; ///< bytes from one block of an input tile to the next
    /// Where the weights to prefetch begin for the first block; the next block's follow ECH_LINES_BLOCK_BYTES later. It
    /// is an address, because it may be past the weights' end.
    uintptr_t ahead;
    int32_t ahead_lines; ///< the number of cache lines that are prefetched for each block
} chunk;

AMX_TARGET static inline void prefetch(uintptr_t ahead, int32_t lines) {
    for (int32_t line = 0; line < lines; line++) amx_prefetch(ahead + (uintptr_t)line * CACHE_LINE);
}

AMX_TARGET static void one_tile(const chunk *c, const char *x, sums_place place) {
    if (c->first) {
        amx_zero(SUMS_00);
        amx_zero(SUMS_01);
    } else {
        amx_load(SUMS_00, place.sums, place.stride);
        amx_load(SUMS_01, place.sums + ECH_PANEL_OUTPUTS, place.stride);
    }
    const char *weights = c->weights;
    uintptr_t ahead = c->ahead;
    for (int32_t block = 0; block < c->blocks; block++) {
        prefetch(ahead, c->ahead_lines);
        amx_load(X_0, x, AMX_ROW_BYTES);
        amx_load(W_0, weights, AMX_ROW_BYTES);
        AMX_MULTIPLY(SUMS_00, X_0, W_0);
        amx_load(W_1, weights + ECH_PANEL_BYTES, AMX_ROW_BYTES);
        AMX_MULTIPLY(SUMS_01, X_0, W_1);
        weights += ECH_LINES_BLOCK_BYTES;
        ahead += ECH_LINES_BLOCK_BYTES;
        x += c->x_block;
    }
    amx_store(SUMS_00, place.sums, place.stride);
    amx_store(SUMS_01, place.sums + ECH_PANEL_OUTPUTS, place.stride);
}

AMX_TARGET static void two_tiles(const chunk *c, const char *x0, const char *x1, sums_place place0, sums_place place1) {
    if (c->first) {
        amx_zero(SUMS_00);
        amx_zero(SUMS_01);
        amx_zero(SUMS_10);
        amx_zero(SUMS_11);
    } else {
        amx_load(SUMS_00, place0.sums, place0.stride);
        amx_load(SUMS_01, place0.sums + ECH_PANEL_OUTPUTS, place0.stride);
        amx_load(SUMS_10, place1.sums, place1.stride);
        amx_load(SUMS_11, place1.sums + ECH_PANEL_OUTPUTS, place1.stride);
    }
    const char *weights = c->weights;
    uintptr_t ahead = c->ahead;
    for (int32_t block = 0; block < c->blocks; block++) {
        prefetch(ahead, c->ahead_lines);
        amx_load(X_0, x0, AMX_ROW_BYTES);
        amx_load(W_0, weights, AMX_ROW_BYTES);
        AMX_MULTIPLY(SUMS_00, X_0, W_0);
        amx_load(W_1, weights + ECH_PANEL_BYTES, AMX_ROW_BYTES);
        AMX_MULTIPLY(SUMS_01, X_0, W_1);
        amx_load(X_1, x1, AMX_ROW_BYTES);
        AMX_MULTIPLY(SUMS_10, X_1, W_0);
        AMX_MULTIPLY(SUMS_11, X_1, W_1);
        weights += ECH_LINES_BLOCK_BYTES;
        ahead += ECH_LINES_BLOCK_BYTES;
        x0 += c->x_block;
        x1 += c->x_block;
    }
    amx_store(SUMS_00, place0.sums, place0.stride);
    amx_store(SUMS_01, place0.sums + ECH_PANEL_OUTPUTS, place0.stride);
    amx_store(SUMS_10, place1.sums, place1.stride);
    amx_store(SUMS_11, place1.sums + ECH_PANEL_OUTPUTS, place1.stride);
}

/// The address of the weights that are prefetched while a chunk of a strip is multiplied. If each weight is read once,
/// they are `end_blocks` further on, and at the strip's end they are those that come after it. Otherwise they are the
/// same chunk of the next strip, and during the last strip the next chunk of the first.
static uintptr_t weights_ahead(const ech_strips *strips, const chunk *c, int32_t block, int32_t strip,
                               int32_t end_blocks) {
    const uintptr_t weights = (uintptr_t)c->weights, strip_bytes = (uintptr_t)strips->blocks * ECH_LINES_BLOCK_BYTES;
    const bool ends_strip = block + c->blocks == strips->blocks;
    if (end_blocks > 0)
        return ends_strip ? (uintptr_t)strips->next : weights + (uintptr_t)end_blocks * ECH_LINES_BLOCK_BYTES;
    if (strip + 1 < strips->strips) return weights + strip_bytes;
    if (ends_strip) return (uintptr_t)strips->next;
    return (uintptr_t)strips->weights + (uintptr_t)(block + c->blocks) * ECH_LINES_BLOCK_BYTES;
}

/// Writes the sums of all rows and strips. Needs ech_amx_thread_begin(ECH_ISA_AMX, rows) on this thread.
AMX_TARGET static void amx_strips(const ech_strips *strips) {
    const char *weights = strips->weights, *x = strips->x;
    float *out = strips->out;
    const ptrdiff_t out_stride = strips->out_stride;
    const int32_t rows = strips->rows, blocks = strips->blocks;
    const int32_t height = ech_min(rows, ECH_TILE_ROWS);
    const int32_t tiles = (rows + height - 1) / height;
    const int32_t last_rows = rows - (tiles - 1) * height;
    const int32_t pairs = (tiles + 1) / 2;
    const ptrdiff_t x_tile = (ptrdiff_t)height * blocks * ECH_ROW_BYTES;

    // The last tile is computed in full even if it has fewer rows. Rows do not mix, so the contents of unused rows do
    // no harm. But `out` has no room for those rows: the tile's sums are kept here until the end.
    float last[ECH_STRIPS_AT_ONCE][ECH_TILE_ROWS * ECH_STRIP];
    const bool last_is_short = last_rows < height;
    const ptrdiff_t out_bytes = out_stride * (ptrdiff_t)sizeof(float);

    // Up to two tiles read each weight once, so there is no reason to keep it in the cache: a chunk is a whole strip
    // but for its end, in which the next weights are prefetched.
    const int32_t end_blocks = tiles <= 2 ? ech_min(AHEAD_BLOCKS, blocks / 2) : 0;
    const int32_t chunk_blocks = tiles <= 2 ? blocks - end_blocks : CHUNK_BLOCKS;
    for (int32_t block = 0; block < blocks; block += chunk_blocks) {
        chunk c = {
            .blocks = ech_min(chunk_blocks, blocks - block),
            .first = block == 0,
            .x_block = (ptrdiff_t)height * ECH_ROW_BYTES,
            .ahead_lines = (BLOCK_LINES + pairs - 1) / pairs,
        };
        for (int32_t strip = 0; strip < strips->strips; strip++) {
            c.weights = weights + ((ptrdiff_t)strip * blocks + block) * ECH_LINES_BLOCK_BYTES;
            const uintptr_t ahead = weights_ahead(strips, &c, block, strip, end_blocks);
            const sums_place last_place = {last[strip], ECH_STRIP * (ptrdiff_t)sizeof(float)};
            for (int32_t tile = 0; tile < tiles; tile += 2) {
                c.ahead = ahead + (uintptr_t)(tile / 2 * c.ahead_lines * CACHE_LINE);
                const char *x0 = x + tile * x_tile + block * c.x_block;
                const bool pair = tile + 1 < tiles;
                const bool ends_short = last_is_short && tile + 2 >= tiles;
                const sums_place place0 =
                    ends_short && !pair
                        ? last_place
                        : (sums_place){out + (ptrdiff_t)tile * height * out_stride + strip * ECH_STRIP, out_bytes};
                if (!pair) {
                    one_tile(&c, x0, place0);
                    continue;
                }
                const sums_place place1 =
                    ends_short ? last_place : (sums_place){place0.sums + height * out_stride, out_bytes};
                two_tiles(&c, x0, x0 + x_tile, place0, place1);
            }
        }
    }
    if (!last_is_short) return;
    float *rest = out + (ptrdiff_t)(tiles - 1) * height * out_stride;
    for (int32_t i = 0; i < last_rows; i++)
        for (int32_t strip = 0; strip < strips->strips; strip++)
            memcpy(rest + i * out_stride + strip * ECH_STRIP, last[strip] + i * ECH_STRIP, ECH_STRIP * sizeof(float));
}
