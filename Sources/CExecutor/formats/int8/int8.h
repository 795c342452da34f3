/// int8 weights, multiplied with q8 rows.
///
/// The weight is signed bytes −127 ... 127 with a scale for each output, w ≈ q · scale. q is zero-padded to N32 = a
/// multiple of 32 outputs and K64 = a multiple of 64 columns. A strip of 32 outputs is K64 / 64 blocks. A block is two
/// panels of 16 outputs. A panel is 16 quads of columns. A quad is 16 outputs × 4 columns (64 bytes). So (n, k) is at
/// byte
///   (n / 32) * 32 * K64 + (k / 64) * 2048 + (n % 32 / 16) * 1024 + (k % 64 / 4) * 64 + (n % 16) * 4 + k % 4.
/// After all strips there are N32 scales in f32.
///
/// out[i][j] = (float)sum * (scale[j] * x.scales[i]) with sum = the sum over k of x.values[i][k] * q[j][k]. The sum is
/// exact, so every kernel gives the same bits. Between chunks the kernels keep their i32 sums in the output.
#ifndef ECHELON_INT8_WEIGHTS_H
#define ECHELON_INT8_WEIGHTS_H

#include "formats/formats.h"
#include "formats/panel_lines.h"

ECH_DECLARE_KERNELS(int8);

#endif
