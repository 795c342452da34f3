/// What the int8 kernels share: the layout's numbers.
#ifndef ECHELON_MATMUL_INT8_KERNELS_H
#define ECHELON_MATMUL_INT8_KERNELS_H

#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

enum {
    ECH_INT8_QUADS = 16,      ///< quads of columns in a block
    ECH_INT8_QUAD_BYTES = 64, ///< of one quad in one panel
    ECH_INT8_PANEL_BYTES = 1024,
    ECH_INT8_BLOCK_BYTES = 2048,
};

void ech_strips_int8_portable(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                              ptrdiff_t out_stride);
void ech_strips_int8_avx2(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                          ptrdiff_t out_stride);
void ech_strips_int8_avx512(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                            ptrdiff_t out_stride);
void ech_strips_int8_amx(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                         ptrdiff_t out_stride);

/// Runs strips by a kernel's functions for groups of 1 to `most` rows. Between chunks they keep their i32 sums in the
/// output.
static inline void ech_strips_int8_in_groups(const ech_group_kernel *kernels, int32_t most, const ech_int8_strip *strip,
                                             const ech_q8_rows *x, ech_strips_size size, float *out,
                                             ptrdiff_t out_stride) {
    const ech_row_group whole = {
        .weights = strip->values,
        .x = x->values,
        .out = out,
        .out_stride = out_stride,
        .scales = x->scales,
        .totals = x->totals,
        .sums = x->sums,
        .sums_stride = 2 * (ptrdiff_t)size.blocks,
        .weight_scales = strip->scales,
    };
    ech_strips_in_groups(kernels, most, ECH_INT8_BLOCK_BYTES, &whole, size);
}

#endif
