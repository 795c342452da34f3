/// bf16 weights, multiplied with bf16 rows.
///
/// The weight is stored in strips of 32 rows (the outputs), zero-padded to N32 = a multiple of 32 rows and K32 = a
/// multiple of 32 columns. A strip is K32 / 32 blocks. A block is two panels of 16 rows. A panel is 16 pairs of
/// columns. A pair is 16 rows × 2 columns (64 bytes: one row of an AMX tile, or one AVX-512 register). So element (n,
/// k) is at
///   (n / 32) * 32 * K32 + (k / 32) * 1024 + (n % 32 / 16) * 512 + (k % 32 / 2) * 32 + (n % 16) * 2 + k % 2.
///
/// out[i][j] = the sum over k of x[i][k] * w[j][k]. Products are exact in f32, sums are rounded to f32. They are
/// computed in the same order for every number of rows and strips, so a row's result does not depend on its neighbors.
/// Each chunk is summed from zero and then added to the output, which shortens the longest chain of additions from K to
/// 384 + K / 384.
///
/// AVX512_BF16 and AMX treat denormal inputs as zero and flush denormal results to zero: their instructions are defined
/// so, whatever MXCSR says. The portable and the AVX2 kernel keep denormals, and agree to the bit unless a product
/// over- or underflows.
#ifndef ECHELON_BF16_WEIGHTS_H
#define ECHELON_BF16_WEIGHTS_H

#include "core/bf16.h"
#include "formats/formats.h"
#include "formats/panel_lines.h"

ECH_DECLARE_KERNELS(bf16);

#endif
