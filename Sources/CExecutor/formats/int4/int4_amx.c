/// The int4 kernel for AMX.
#include "formats/int4/int4.h"

#if defined(ECH_HAS_AMX)
#include "machine/amx_tiles.h"

// Each group of 32 columns has its own scale, so its products are summed separately. The tiles of weights have 8 rows,
// the tiles of inputs have 32 bytes in each row, and the 16 × 16 sums of every product are stored, scaled and added to
// the float sums in AVX-512. The nibbles of a chunk are unpacked to signed bytes before they are multiplied with all
// rows.
enum {
    GROUP_TILE_BYTES = ECH_INT4_QUADS * AMX_ROW_BYTES, ///< a panel's weights of one group, unpacked
    CACHE_LINE = 64,
    /// The distance in bytes at which packed weights are prefetched: the next chunk.
    AHEAD_BYTES = ECH_CHUNK_BLOCKS * ECH_INT4_BLOCK_BYTES,
};

/// A block's weights as tiles, and its scales.
typedef struct {
    int8_t tiles[2][2][GROUP_TILE_BYTES]; ///< [group][panel]
    float scales[2][ECH_STRIP];           ///< [group]
} unpacked_block;

AMX_TARGET static void unpack(const uint8_t *block, unpacked_block *unpacked) {
    for (uintptr_t line = 0; line < ECH_INT4_BLOCK_BYTES; line += CACHE_LINE)
        amx_prefetch((uintptr_t)block + AHEAD_BYTES + line);
    for (int panel = 0; panel < 2; panel++) {
        const uint8_t *nibbles = block + panel * ECH_INT4_PANEL_BYTES;
        for (int i = 0; i < GROUP_TILE_BYTES; i++) {
            unpacked->tiles[0][panel][i] = (int8_t)((nibbles[i] & 15) - ECH_INT4_OFFSET);
            unpacked->tiles[1][panel][i] = (int8_t)((nibbles[i] >> 4) - ECH_INT4_OFFSET);
        }
    }
    for (int group = 0; group < 2; group++)
        for (int j = 0; j < ECH_STRIP; j++) unpacked->scales[group][j] = ech_int4_scale(block, group, j);
}

/// Adds one block's products with a tile of the inputs. The tile has `rows` rows.
AMX_TARGET static void add_block(const unpacked_block *block, const int8_t *x, int32_t rows, float *out,
                                 ptrdiff_t out_stride) {
    _Alignas(64) int32_t sums[2][2][AMX_ROWS][ECH_PANEL_OUTPUTS]; // [group][panel]
    amx_zero(SUMS_00);
    amx_zero(SUMS_01);
    amx_zero(SUMS_10);
    amx_zero(SUMS_11);
    amx_load(X_0, x, ECH_ROW_BYTES);
    amx_load(W_0, block->tiles[0][0], AMX_ROW_BYTES);
    amx_multiply_int8(SUMS_00, X_0, W_0);
    amx_load(W_1, block->tiles[0][1], AMX_ROW_BYTES);
    amx_multiply_int8(SUMS_01, X_0, W_1);
    amx_load(X_1, x + ECH_INT4_GROUP_K, ECH_ROW_BYTES);
    amx_load(W_0, block->tiles[1][0], AMX_ROW_BYTES);
    amx_multiply_int8(SUMS_10, X_1, W_0);
    amx_load(W_1, block->tiles[1][1], AMX_ROW_BYTES);
    amx_multiply_int8(SUMS_11, X_1, W_1);
    amx_store(SUMS_00, sums[0][0], AMX_ROW_BYTES);
    amx_store(SUMS_01, sums[0][1], AMX_ROW_BYTES);
    amx_store(SUMS_10, sums[1][0], AMX_ROW_BYTES);
    amx_store(SUMS_11, sums[1][1], AMX_ROW_BYTES);
    for (int32_t i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++) {
            float *place = out + i * out_stride + panel * ECH_PANEL_OUTPUTS;
            const float *scale0 = block->scales[0] + panel * ECH_PANEL_OUTPUTS;
            const float *scale1 = block->scales[1] + panel * ECH_PANEL_OUTPUTS;
            for (int j = 0; j < ECH_PANEL_OUTPUTS; j++) {
                const float sum = place[j] + scale0[j] * (float)sums[0][panel][i][j];
                place[j] = sum + scale1[j] * (float)sums[1][panel][i][j];
            }
        }
}

/// The kernel, with pointers as parameters: compilers know that those do not point to `chunk`, and vectorize. They
/// would not know it of pointers loaded from ech_strips.
AMX_TARGET __attribute__((noinline)) static void multiply(const uint8_t *weights, const int8_t *x, const float *scales,
                                                          int32_t rows, int32_t blocks, int32_t strips, float *out,
                                                          ptrdiff_t out_stride) {
    const int32_t outputs = strips * ECH_STRIP;
    const int32_t height = ech_min(rows, ECH_TILE_ROWS);
    amx_shape(rows, ECH_INT4_GROUP_K, ECH_INT4_QUADS);
    for (int32_t i = 0; i < rows; i++) memset(out + i * out_stride, 0, (size_t)outputs * sizeof *out);
    for (int32_t block = 0; block < blocks; block += ECH_CHUNK_BLOCKS) {
        const int32_t chunk_blocks = ech_min(ECH_CHUNK_BLOCKS, blocks - block);
        for (int32_t strip = 0; strip < strips; strip++) {
            _Alignas(64) unpacked_block chunk[ECH_CHUNK_BLOCKS];
            const uint8_t *packed = weights + ((ptrdiff_t)strip * blocks + block) * ECH_INT4_BLOCK_BYTES;
            for (int32_t b = 0; b < chunk_blocks; b++) unpack(packed + b * ECH_INT4_BLOCK_BYTES, &chunk[b]);
            for (int32_t row = 0; row < rows; row += height) {
                const int8_t *tile = x + ((ptrdiff_t)row * blocks + (ptrdiff_t)block * height) * ECH_ROW_BYTES;
                for (int32_t b = 0; b < chunk_blocks; b++)
                    add_block(&chunk[b], tile + b * height * ECH_ROW_BYTES, ech_min(height, rows - row),
                              out + row * out_stride + strip * ECH_STRIP, out_stride);
            }
        }
    }
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < outputs; j++) out[i * out_stride + j] *= scales[i];
    amx_shape(rows, AMX_ROW_BYTES, AMX_ROWS);
}

/// Leaves the calling thread's tiles in the shapes of ech_amx_thread_begin(ECH_ISA_AMX, rows).
void ech_strips_int4_amx(const ech_strips *strips) {
    multiply(strips->weights, strips->x, strips->scales, strips->rows, strips->blocks, strips->strips, strips->out,
             strips->out_stride);
}

#endif
