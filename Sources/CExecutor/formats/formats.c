/// The table of weight formats, and what follows from a format's record alone.
#include "formats/formats.h"
#include "core/arithmetic.h"

#define ECH_FORMAT(constant, number, name) extern const ech_format_record ech_format_##name;
#include "formats.def"
#undef ECH_FORMAT

const ech_format_record *const ech_formats[ECH_FORMAT_COUNT] = {
#define ECH_FORMAT(constant, number, name) [ECH_WEIGHT_##constant] = &ech_format_##name,
#include "formats.def"
#undef ECH_FORMAT
};

static bool is_known(int32_t format) { return format >= 0 && format < ECH_FORMAT_COUNT; }

const ech_format_form *ech_format_describe(int32_t format) {
    return is_known(format) ? &ech_formats[format]->form : NULL;
}

ech_strips_kernel ech_format_kernel(int32_t format, int isa) {
    const ech_format_record *record = ech_formats[format];
    if (isa == ECH_ISA_AVX512 && record->has_avx512 && !record->has_avx512()) isa = ECH_ISA_AVX2;
    if (isa < 0 || isa >= ECH_ISA_COUNT) isa = ECH_ISA_PORTABLE;
    while (!record->kernels[isa]) isa--;
    return record->kernels[isa];
}

// MARK: Layout

static int64_t strips_of(const ech_format_record *record, int64_t rows) {
    return (rows + record->strip_outputs - 1) / record->strip_outputs;
}

static int64_t blocks_of(const ech_format_record *record, int64_t columns) {
    return (columns + record->block_columns - 1) / record->block_columns;
}

static int64_t strips_bytes(const ech_format_record *record, int64_t rows, int64_t columns) {
    return strips_of(record, rows) * blocks_of(record, columns) * record->block_bytes;
}

int64_t ech_format_bytes(int32_t format, int32_t rows, int32_t columns) {
    if (!is_known(format) || rows < 1 || rows > ECH_WIDTH_LIMIT || columns < 1 || columns > ECH_WIDTH_LIMIT) return 0;
    const ech_format_record *record = ech_formats[format];
    const int64_t outputs = strips_of(record, rows) * record->strip_outputs;
    return strips_bytes(record, rows, columns) + (record->output_scales ? outputs * (int64_t)sizeof(float) : 0);
}

const void *ech_format_strip(const ech_weight *weight, int64_t row) {
    const ech_format_record *record = ech_formats[weight->format];
    const int64_t blocks = blocks_of(record, weight->columns);
    return (const char *)weight->data + row / record->strip_outputs * blocks * record->block_bytes;
}

const float *ech_format_output_scales(const ech_weight *weight) {
    const ech_format_record *record = ech_formats[weight->format];
    return (const float *)((const char *)weight->data + strips_bytes(record, weight->rows, weight->columns));
}

ech_strips ech_strips_of(const ech_weight *weight, const ech_view *x) {
    const ech_format_record *record = ech_formats[weight->format];
    const int64_t blocks = blocks_of(record, weight->columns);
    ech_strips strips = {
        .weights = weight->data,
        .weight_scales = record->output_scales ? ech_format_output_scales(weight) : NULL,
        .x = x->data,
        .rows = x->rows,
        .blocks = (int32_t)blocks,
        .strips = (int32_t)strips_of(record, weight->rows),
        .strip_outputs = record->strip_outputs,
        .strip_bytes = blocks * record->block_bytes,
    };
    if (x->element == ECH_Q8) {
        const ech_q8_rows q8 = ech_q8_of(x);
        strips.scales = q8.scales;
        strips.totals = q8.totals;
        strips.sums = q8.sums;
    }
    return strips;
}

// MARK: Reading

bool ech_format_read_row(int32_t format, const void *data, int64_t bytes, int32_t rows, int32_t columns, int32_t row,
                         float *out) {
    const int64_t expected = ech_format_bytes(format, rows, columns);
    if (!expected || bytes != expected || !data || row < 0 || row >= rows) return false;
    const ech_format_form *form = ech_format_describe(format);
    if (columns > form->columns_limit || (uintptr_t)data % (uintptr_t)form->alignment != 0) return false;
    const ech_weight weight = {data, bytes, format, rows, columns};
    ech_formats[format]->read_row(&weight, row, 1, out);
    return true;
}
