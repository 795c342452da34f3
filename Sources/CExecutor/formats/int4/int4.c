/// The record of int4 weights.
#include "formats/int4/int4.h"
#include "machine/isa.h"

static void read_row(const ech_weight *weight, int64_t row, float factor, float *out) {
    const uint8_t *strip = ech_format_strip(weight, row);
    for (int64_t k = 0; k < weight->columns; k++) {
        const uint8_t *block = strip + k / ECH_INT4_BLOCK_COLUMNS * ECH_INT4_BLOCK_BYTES;
        const int group = k % ECH_INT4_BLOCK_COLUMNS / ECH_INT4_GROUP_K;
        const int64_t column = k % ECH_INT4_GROUP_K;
        const int nibbles = block[row % ECH_STRIP / ECH_PANEL_OUTPUTS * ECH_INT4_PANEL_BYTES +
                                  column / 4 * ECH_INT4_QUAD_BYTES + row % ECH_PANEL_OUTPUTS * 4 + column % 4];
        const int q = (group ? nibbles >> 4 : nibbles & 15) - ECH_INT4_OFFSET;
        out[k] = (float)q * ech_int4_scale(block, group, (int)(row % ECH_STRIP)) * factor;
    }
}

const ech_format_record ech_format_int4 = {
    .form = {.name = "int4", .input = ECH_Q8, .alignment = 64, .columns_limit = ECH_WIDTH_LIMIT},
    .strip_outputs = ECH_STRIP,
    .block_columns = ECH_INT4_BLOCK_COLUMNS,
    .block_bytes = ECH_INT4_BLOCK_BYTES,
    .unit = ECH_STRIP,
    .max_units = ECH_STRIPS_AT_ONCE,
    .read_row = read_row,
    .has_avx512 = ech_has_avx512_vnni,
    .kernels = ECH_KERNELS_WITH_AVX_VNNI(int4),
};
