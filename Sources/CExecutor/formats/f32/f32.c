/// The record of f32 weights, and their product by OpenBLAS on all instruction sets.
#include "formats/f32/f32.h"
#include "formats/formats.h"

#include <cblas.h>

void ech_blas_single_threaded(void) { openblas_set_num_threads(1); }

/// A strip is one output and a block is one column: `strips` counts outputs, and `blocks` columns.
static void multiply(const ech_strips *s) {
    const float *weight = s->weights, *x = s->x;
    const int32_t columns = s->blocks, outputs = s->strips;
    if (s->rows == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, outputs, columns, 1, weight, columns, x, 1, 0, s->out, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s->rows, outputs, columns, 1, x, columns, weight, columns,
                    0, s->out, (blasint)s->out_stride);
}

static void read_row(const ech_weight *weight, int64_t row, float factor, float *out) {
    const float *from = ech_format_strip(weight, row);
    for (int64_t k = 0; k < weight->columns; k++) out[k] = from[k] * factor;
}

const ech_format_record ech_format_f32 = {
    .form = {.name = "f32", .input = ECH_F32, .alignment = sizeof(float), .columns_limit = ECH_WIDTH_LIMIT},
    .strip_outputs = 1,
    .block_columns = 1,
    .block_bytes = sizeof(float),
    .unit = 128,
    .max_units = 1,
    .writes_result = true,
    .read_row = read_row,
    .kernels = {[ECH_ISA_PORTABLE] = multiply},
};
