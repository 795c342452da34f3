/// Products of q8 rows with int4 weights, one kernel for each instruction set.
#ifndef ECHELON_MATMUL_INT4_H
#define ECHELON_MATMUL_INT4_H

#include "core/q8.h"
#include "core/strips.h"

#include <stddef.h>
#include <stdint.h>

/// Bytes of a block of 32 outputs × 64 columns: nibbles, then scales.
enum { ECH_INT4_BLOCK_BYTES = 1152 };

/// Strips of 32 outputs of an int4 weight, see ECH_WEIGHT_INT4, from `weights` on: out[i * out_stride + j] = acc *
/// x.scales[i] with
///   acc = sum over groups g of 32 columns of scale[j][g] * (float)(sum over k in g of x.values[i][k] * w[j][k]),
/// i < rows, j < 32 strips; `blocks` = K64 / 64. The inner sums are exact; the outer sum starts from zero and takes the
/// groups in order, rounding each product and each sum, so every kernel gives the same bits.
typedef void (*ech_strips_int4)(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                                ptrdiff_t out_stride);

/// The kernel of an instruction set (`enum ech_isa`) that the machine has; the portable one for a set that this
/// architecture does not have. ECH_ISA_AVX512 on a processor without AVX512_VNNI gets the AVX2 kernel.
ech_strips_int4 ech_strips_int4_for(int isa);

#endif
