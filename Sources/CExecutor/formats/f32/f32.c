/// The record of f32 weights.
#include "formats/f32/f32.h"

static void read_row(const ech_weight *weight, int64_t row, float factor, float *out) {
    const float *from = ech_format_strip(weight, row);
    for (int64_t k = 0; k < weight->columns; k++) out[k] = from[k] * factor;
}

const ech_format_record ech_format_f32 = {
    .form = {.name = "f32", .input = ECH_F32, .alignment = sizeof(float), .columns_limit = ECH_WIDTH_LIMIT},
    .strip_outputs = 1,
    .block_columns = 1,
    .block_bytes = sizeof(float),
    // The weights of a unit stay in a core's own cache from one group of rows to the next.
    .unit = 32,
    .max_units = 1,
    .writes_result = true,
    .read_row = read_row,
    .kernels =
        {
            [ECH_ISA_PORTABLE] = ech_strips_f32_portable,
#if defined(__x86_64__)
            [ECH_ISA_AVX2] = ech_strips_f32_avx2,
            [ECH_ISA_AVX512] = ech_strips_f32_avx512,
#endif
        },
};
