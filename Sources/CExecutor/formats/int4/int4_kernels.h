/// What the int4 kernels share: the layout's numbers.
///
/// Nibbles hold q + 8, so that they unpack with a mask and a shift. With n = q + 8 the sum of a group is
/// Σ q x = Σ n x − 8 Σ x, and the q8 rows come with Σ x.
#ifndef ECHELON_MATMUL_INT4_KERNELS_H
#define ECHELON_MATMUL_INT4_KERNELS_H

#include "formats/int4/int4.h"
#include "formats/strip_groups.h"

#include <string.h>

enum {
    ECH_INT4_GROUP_K = 32,    ///< columns of a group; a block has two
    ECH_INT4_QUADS = 8,       ///< quads of columns in a group
    ECH_INT4_QUAD_BYTES = 64, ///< one quad of both groups in one panel: the first group's in the low nibbles
    ECH_INT4_PANEL_BYTES = 512,
    ECH_INT4_SCALES_AT = 1024, ///< where a block's scales begin: bf16, 32 of each group
    ECH_INT4_OFFSET = 8,       ///< what a nibble holds above the weight
};

void ech_strips_int4_portable(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                              ptrdiff_t out_stride);
void ech_strips_int4_avx2(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                          ptrdiff_t out_stride);
void ech_strips_int4_avx512(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                            ptrdiff_t out_stride);
void ech_strips_int4_amx(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                         ptrdiff_t out_stride);

/// The scale of output `output` of a strip in group 0 or 1 of a block.
static inline float ech_int4_scale(const uint8_t *block, int group, int output) {
    uint16_t half;
    memcpy(&half, block + ECH_INT4_SCALES_AT + 2 * (group * ECH_STRIP + output), sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// What sums over a group of columns start from, −8 Σ x, for a group's rows and the columns of its chunk.
/// A damaged plan may have let other values overwrite the sums: the numbers wrap around.
static inline void ech_int4_corrections(const int rows, const ech_row_group *group,
                                        int32_t corrections[][2 * ECH_CHUNK_BLOCKS]) {
    for (int i = 0; i < rows; i++)
        for (int32_t g = 0; g < 2 * group->blocks; g++)
            corrections[i][g] = (int32_t)(0u - ECH_INT4_OFFSET * (uint32_t)group->sums[i * group->sums_stride + g]);
}

/// Runs strips by a kernel's functions for groups of 1 to `most` rows. Between chunks they keep their float sums in
/// the output.
static inline void ech_strips_int4_in_groups(const ech_group_kernel *kernels, int32_t most, const uint8_t *weights,
                                             const ech_q8_rows *x, ech_strips_size size, float *out,
                                             ptrdiff_t out_stride) {
    const ech_row_group whole = {
        .weights = weights,
        .x = x->values,
        .out = out,
        .out_stride = out_stride,
        .scales = x->scales,
        .totals = x->totals,
        .sums = x->sums,
        .sums_stride = 2 * (ptrdiff_t)size.blocks,
    };
    ech_strips_in_groups(kernels, most, ECH_INT4_BLOCK_BYTES, &whole, size);
}

#endif
