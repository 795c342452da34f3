/// What the bf16 kernels share: the layout's numbers.
///
/// Each chunk is summed from zero and then added to the output: that is the fixed order of summation, and it makes the
/// longest chain of additions 384 + K / 384 long instead of K.
#ifndef ECHELON_MATMUL_BF16_KERNELS_H
#define ECHELON_MATMUL_BF16_KERNELS_H

#include "formats/bf16/bf16.h"
#include "formats/strip_groups.h"

enum {
    ECH_BLOCK_K = 32,         ///< columns of a block
    ECH_PAIRS = 16,           ///< pairs of columns in a block
    ECH_PAIR_ELEMENTS = 32,   ///< bf16 elements of a pair in one panel (64 bytes)
    ECH_PANEL_ELEMENTS = 512, ///< bf16 elements of a panel
    ECH_BLOCK_BYTES = 2048,
};

void ech_strips_bf16_portable(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                              ptrdiff_t out_stride);
void ech_strips_bf16_avx2(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                          ptrdiff_t out_stride);
void ech_strips_bf16_avx512(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                            ptrdiff_t out_stride);
void ech_strips_bf16_amx(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                         ptrdiff_t out_stride);

/// Runs strips by a kernel's functions for groups of 1 to `most` rows.
static inline void ech_strips_bf16_in_groups(const ech_group_kernel *kernels, int32_t most, const uint16_t *weights,
                                             const uint16_t *x, ech_strips_size size, float *out,
                                             ptrdiff_t out_stride) {
    const ech_row_group whole = {.weights = weights, .x = x, .out = out, .out_stride = out_stride};
    ech_strips_in_groups(kernels, most, ECH_BLOCK_BYTES, &whole, size);
}

#endif
