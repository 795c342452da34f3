/// The kernels of matrix products: one for each weight format and instruction set.
#ifndef ECHELON_STRIPS_H
#define ECHELON_STRIPS_H

#include <stddef.h>
#include <stdint.h>

enum {
    ECH_STRIP = 32, ///< outputs of a strip of a packed weight
    /// The maximum number of strips in a call of a kernel. With many rows, a part of their inputs comes into a core's
    /// own cache once for all strips instead of once for each.
    ECH_STRIPS_AT_ONCE = 4,
};

/// A product of all rows of a call with some outputs of a weight.
///
/// A weight is made of *strips* of outputs. A strip is a sequence of *blocks* along K. The format says how many outputs
/// a strip has and how many columns a block has.
typedef struct {
    const void *weights;        ///< the first block of the first strip
    const float *weight_scales; ///< the scales of the outputs if the format has one for each, else NULL
    const void *x;              ///< the input's rows, tiled if they are bf16 or q8
    // NULL if the rows are not q8.
    const float *scales;   ///< the rows' scales
    const int32_t *totals; ///< the sums of the rows' values
    const int32_t *sums;   ///< the sums of each 32 columns' values
    int32_t rows, blocks, strips;
    int32_t strip_outputs;
    int64_t strip_bytes;
    /// The weights that this thread multiplies after these, which kernels prefetch at the end. It is only a hint.
    const void *next;
    float *out;           ///< strip s of row i begins at out[i * out_stride + s * strip_outputs]
    ptrdiff_t out_stride; ///< floats from one row to the next
} ech_strips;

/// Writes the product to `out`, padded outputs of the last strip included (they are zero).
typedef void (*ech_strips_kernel)(const ech_strips *strips);

/// The part of a product with the outputs first ..< first + count. `first` is the first output of a strip.
static inline ech_strips ech_strips_part(const ech_strips *whole, int32_t first, int32_t count, float *out,
                                         ptrdiff_t out_stride) {
    ech_strips part = *whole;
    part.weights = (const char *)whole->weights + first / whole->strip_outputs * whole->strip_bytes;
    if (whole->weight_scales) part.weight_scales = whole->weight_scales + first;
    part.strips = (count + whole->strip_outputs - 1) / whole->strip_outputs;
    part.next = (const char *)part.weights + part.strips * whole->strip_bytes;
    part.out = out;
    part.out_stride = out_stride;
    return part;
}

#endif
