/// Products with bf16 weights, one kernel for each instruction set.
#ifndef ECHELON_MATMUL_BF16_H
#define ECHELON_MATMUL_BF16_H

#include "core/strips.h"

#include <stddef.h>
#include <stdint.h>

/// Strips of 32 outputs: out[i * out_stride + j] = sum over k of x[i][k] * w[j][k], i < rows, j < 32 strips. `weights`
/// points at the first strip's first block in the packed layout of ECH_WEIGHT_BF16; `x` is a tiled bf16 buffer
/// (ECH_BF16); `blocks` = K32 / 32. Sums over k run in the same order for every number of rows and strips, so a row's
/// result does not depend on its neighbours.
///
/// Products are exact in float32, sums are rounded to float32. AVX512_BF16 and AMX take denormal inputs for zero and
/// flush denormal results to zero; their instructions are defined so, whatever MXCSR says. The portable and the AVX2
/// kernel keep denormals, and agree with each other to the bit unless a product over- or underflows.
typedef void (*ech_strips_bf16)(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                                ptrdiff_t out_stride);

/// The kernel of an instruction set (`enum ech_isa`) that the machine has; the portable one for a set that this
/// architecture does not have. Where the processor has AVX-512 without AVX512_BF16, ECH_ISA_AVX512 gets the AVX2
/// kernel: the same method in wider registers would gain nothing for one row, which memory bounds, and those processors
/// are too few to keep a fifth kernel for their other rows.
ech_strips_bf16 ech_strips_bf16_for(int isa);

#endif
