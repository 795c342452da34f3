/// Writing the rows of results, as f32, tiled bf16 or tiled q8, and reading those of f32 operands. Included by the
/// kernel files after KERNEL_TARGET, like vector.h.
#ifndef ECHELON_ROW_WRITER_H
#define ECHELON_ROW_WRITER_H

#include "core/arithmetic.h"
#include "core/kernels.h"
#include "core/view.h"
#include "kernels/vector.h"

#include <stddef.h>

/// The place of one row of a result. A q8 row is put together in f32, because its scale depends on all of it, and
/// quantized in the end.
typedef struct {
    float *floats;
    uint16_t *halves;
    ptrdiff_t block; ///< halves or bytes from one block of columns to the next
    int8_t *bytes;   ///< the values of a q8 row
    float *scale;
    int32_t *total, *sums;
} row_writer;

/// A writer of an f32 or bf16 row.
INLINE row_writer writer(const ech_view *view, int64_t row) {
    if (view->element != ECH_BF16) return (row_writer){.floats = (float *)view->data + row * view->width};
    const int64_t tile = view->tile, width32 = ech_round_up(view->width, 32);
    return (row_writer){.halves = (uint16_t *)view->data + row / tile * tile * width32 + row % tile * 32,
                        .block = tile * 32};
}

/// A writer of row `row` of output k, of any element.
INLINE row_writer output_writer(const ech_row_work *work, int k, int64_t row) {
    const ech_view *view = &work->out[k];
    if (view->element != ECH_Q8) return writer(view, row);
    const ech_q8_rows q8 = ech_q8_of(view);
    const int64_t tile = view->tile;
    return (row_writer){
        .floats = work->scratch + ech_round_up(view->width, 16),
        .block = tile * 64,
        .bytes = q8.values + row / tile * tile * q8.columns64 + row % tile * 64,
        .scale = q8.scales + row,
        .total = q8.totals + row,
        .sums = q8.sums + row * (q8.columns64 / 32),
    };
}

/// Writes the first n of 16 columns from `column`, a multiple of 16; n ≥ 16 writes all. In bf16 the others become zero.
INLINE void put(row_writer out, int32_t column, v16f x, int32_t n) {
    if (out.floats) {
        store_first(out.floats + column, x, n);
        return;
    }
    uint16_t *p = out.halves + column / 32 * out.block + column % 32;
    *(v16h_any *)p = to_bf16(x);
    if (n < 16) memset(p + n, 0, (size_t)(16 - n) * sizeof *p);
}

/// The magnitudes' bits are ordered as the magnitudes are; those of infinity and, above it, NaN come last.
INLINE int32_t largest_magnitude_bits(const float *x, int32_t width) {
    v16i bits = {0};
    for (int32_t c = 0; c < width; c += 16) bits = larger(bits, (v16i)load_first(x + c, width - c) & 0x7fffffff);
    return largest_integer(bits);
}

/// Quantizes a finished row, see ECH_Q8.
INLINE void quantize_row(row_writer out, int32_t width) {
    const int32_t bits = largest_magnitude_bits(out.floats, width);
    float largest_magnitude;
    memcpy(&largest_magnitude, &bits, sizeof bits);
    const float inverse = 127.0f / largest_magnitude;
    const bool is_number = largest_magnitude <= __FLT_MAX__, is_zero = !(inverse <= __FLT_MAX__);
    *out.scale = !is_number ? __builtin_nanf("") : is_zero ? 0 : largest_magnitude / 127.0f;
    const bool has_values = is_number && !is_zero;
    int32_t total = 0;
    // No clamp: two roundings do not bring the largest product to 127.5.
    for (int32_t group = 0; group < (int32_t)(ech_round_up(width, 64) / 32); group++) {
        int8_t *p = out.bytes + group / 2 * out.block + group % 2 * 32;
        v16i sums = {0};
        for (int32_t c = 0; c < 32; c += 16) {
            const int32_t left = width - group * 32 - c;
            v16i q = {0};
            if (has_values && left > 0) q = nearest(load_first(out.floats + group * 32 + c, left) * inverse);
            *(v16b_any *)(p + c) = __builtin_convertvector(q, v16b);
            sums += q;
        }
        total += out.sums[group] = sum_integers(sums);
    }
    *out.total = total;
}

/// Finishes a row when all columns are put: zeroes the second half of a bf16 row's last block of 32 columns if the row
/// ends in the first half, and quantizes a q8 row.
INLINE void finish_row(row_writer out, int32_t width) {
    if (out.bytes) quantize_row(out, width);
    else if (out.halves && (width + 15) / 16 % 2 == 1)
        memset(out.halves + width / 32 * out.block + 16, 0, 16 * sizeof *out.halves);
}

INLINE const float *reader(const ech_view *view, int64_t row) { return (const float *)view->data + row * view->width; }

#endif
