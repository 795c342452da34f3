/// The record of bf16 weights.
#include "formats/bf16/bf16.h"
#include "machine/isa.h"

enum { BLOCK_COLUMNS = 32 };

static void read_row(const ech_weight *weight, int64_t row, float factor, float *out) {
    const char *first = (const char *)ech_format_strip(weight, row) + ech_panel_lines_row(row);
    for (uint64_t k = 0; k < (uint64_t)weight->columns; k++) {
        const char *block = first + k / BLOCK_COLUMNS * ECH_LINES_BLOCK_BYTES;
        uint16_t value;
        memcpy(&value, block + ech_panel_lines_byte(k % BLOCK_COLUMNS * 2), sizeof value);
        out[k] = ech_bf16_widen(value) * factor;
    }
}

const ech_format_record ech_format_bf16 = {
    .form = {.name = "bf16", .input = ECH_BF16, .alignment = 64, .columns_limit = ECH_WIDTH_LIMIT},
    .strip_outputs = ECH_STRIP,
    .block_columns = BLOCK_COLUMNS,
    .block_bytes = ECH_LINES_BLOCK_BYTES,
    .unit = ECH_STRIP,
    .max_units = ECH_STRIPS_AT_ONCE,
    .read_row = read_row,
    .has_avx512 = ech_has_avx512_bf16,
    .kernels = ECH_KERNELS(bf16),
};
