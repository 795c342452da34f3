/// Products of q8 rows with int8 weights, one kernel for each instruction set.
#ifndef ECHELON_MATMUL_INT8_H
#define ECHELON_MATMUL_INT8_H

#include "core/q8.h"
#include "core/strips.h"

#include <stddef.h>
#include <stdint.h>

/// The most columns of an int8 weight: 2^16 products, each at most 128 · 255 (what AVX-512 multiplies), have sums that
/// i32 holds.
enum { ECH_INT8_COLUMNS_LIMIT = 1 << 16 };

/// One strip of an int8 weight, see ECH_WEIGHT_INT8.
typedef struct {
    const int8_t *values; ///< the strip's first block
    const float *scales;  ///< of its 32 outputs
} ech_int8_strip;

/// The strip of outputs first ..< first + 32 of a weight of `rows` × `columns`; `first` is a multiple of 32.
static inline ech_int8_strip ech_int8_strip_at(const void *data, int64_t rows, int64_t columns, int64_t first) {
    const int64_t rows32 = (rows + 31) / 32 * 32, columns64 = (columns + 63) / 64 * 64;
    const int8_t *values = data;
    const float *scales = (const float *)(values + rows32 * columns64);
    return (ech_int8_strip){values + first * columns64, scales + first};
}

/// out[i * out_stride + j] = (float)sum * (strip.scales[j] * x.scales[i]) with sum = the sum over k of
/// x.values[i][k] * strip.values[j][k], i < rows, j < 32 strips, from `strip` on; `blocks` = K64 / 64. The sum is
/// exact, so every kernel gives the same bits.
typedef void (*ech_strips_int8)(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                                ptrdiff_t out_stride);

/// The kernel of an instruction set (`enum ech_isa`) that the machine has; the portable one for a set that this
/// architecture does not have. ECH_ISA_AVX512 on a processor without AVX512_VNNI gets the AVX2 kernel.
ech_strips_int8 ech_strips_int8_for(int isa);

#endif
