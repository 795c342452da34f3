/// The record of int8 weights.
#include "formats/int8/int8.h"
#include "machine/isa.h"

enum { BLOCK_COLUMNS = 64 };

static void read_row(const ech_weight *weight, int64_t row, float factor, float *out) {
    const float scale = ech_format_output_scales(weight)[row];
    const int8_t *first = (const int8_t *)ech_format_strip(weight, row) + ech_panel_lines_row(row);
    for (uint64_t k = 0; k < (uint64_t)weight->columns; k++) {
        const int8_t *block = first + k / BLOCK_COLUMNS * ECH_LINES_BLOCK_BYTES;
        out[k] = (float)block[ech_panel_lines_byte(k % BLOCK_COLUMNS)] * scale * factor;
    }
}

const ech_format_record ech_format_int8 = {
    .form = {.name = "int8", .input = ECH_Q8, .alignment = 64, .columns_limit = ECH_INT8_COLUMNS_LIMIT},
    .strip_outputs = ECH_STRIP,
    .block_columns = BLOCK_COLUMNS,
    .block_bytes = ECH_LINES_BLOCK_BYTES,
    .output_scales = true,
    .unit = ECH_STRIP,
    .max_units = ECH_STRIPS_AT_ONCE,
    .read_row = read_row,
    .has_avx512 = ech_has_avx512_vnni,
    .kernels = ECH_KERNELS_WITH_AVX_VNNI(int8),
};
