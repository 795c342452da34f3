/// int4 weights, multiplied with q8 rows.
///
/// The weight is nibbles with a scale for each output's 32 columns ("group"), w ≈ q · scale with q in −8 ... 7, padded
/// like int8 weights. A strip of 32 outputs is K64 / 64 blocks of 1152 bytes. A block has two groups of columns: two
/// panels of 512 bytes, then 128 bytes of scales. Row r = 0 ... 7 of a panel is 64 bytes. Its byte 4 * n + j has q(n, 4
/// * r + j) + 8 in the low nibble and q(n, 32 + 4 * r + j) + 8 in the high one (n in the panel, columns in the block).
/// The scales are bf16: those of the 32 outputs for the first group, then for the second.
///
/// out[i][j] = acc * x.scales[i] with
///   acc = the sum over groups g of 32 columns of scale[j][g] * (float)(the sum over k in g of x.values[i][k] *
///   q[j][k]).
/// The inner sums are exact. The outer sum starts from zero and takes the groups in order, rounding each product and
/// each sum, so every kernel gives the same bits. Between chunks the kernels keep their float sums in the output.
///
/// Nibbles hold q + 8, so that they unpack with a mask and a shift. With n = q + 8, the sum of a group is
/// Σ q x = Σ n x − 8 Σ x, and q8 rows come with Σ x.
#ifndef ECHELON_INT4_WEIGHTS_H
#define ECHELON_INT4_WEIGHTS_H

#include "core/bf16.h"
#include "formats/formats.h"
#include "formats/strip_groups.h"

#include <string.h>

enum {
    ECH_INT4_BLOCK_COLUMNS = 64,
    ECH_INT4_GROUP_K = 32,    ///< columns of a group; a block has two
    ECH_INT4_QUADS = 8,       ///< quads of columns in a group
    ECH_INT4_QUAD_BYTES = 64, ///< one quad of both groups in one panel: the first group's in the low nibbles
    ECH_INT4_PANEL_BYTES = ECH_INT4_QUADS * ECH_INT4_QUAD_BYTES,
    ECH_INT4_SCALES_AT = 2 * ECH_INT4_PANEL_BYTES, ///< the first byte of a block's scales: bf16, 32 for each group
    ECH_INT4_BLOCK_BYTES = ECH_INT4_SCALES_AT + 2 * ECH_STRIP * 2,
    ECH_INT4_OFFSET = 8, ///< what is added to a weight in its nibble
};

ECH_DECLARE_KERNELS(int4);

/// The scale of output `output` of a strip in group 0 or 1 of a block.
static inline float ech_int4_scale(const uint8_t *block, int group, int output) {
    uint16_t half;
    memcpy(&half, block + ECH_INT4_SCALES_AT + 2 * (group * ECH_STRIP + output), sizeof half);
    return ech_bf16_widen(half);
}

/// The initial values of the sums over groups of columns, −8 Σ x, for a group's rows and the columns of its chunk. A
/// damaged plan may have let other values overwrite the sums: the numbers wrap around.
static inline void ech_int4_corrections(const int rows, const ech_row_group *group,
                                        int32_t corrections[][2 * ECH_CHUNK_BLOCKS]) {
    for (int i = 0; i < rows; i++)
        for (int32_t g = 0; g < 2 * group->blocks; g++)
            corrections[i][g] = (int32_t)(0u - ECH_INT4_OFFSET * (uint32_t)group->sums[i * group->sums_stride + g]);
}

#endif
