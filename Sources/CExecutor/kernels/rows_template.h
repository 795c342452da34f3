// The instructions that are split by rows, and the epilogues of matrix products. Included by a kernels_*.c file for
// each instruction set. No include guard: this is a template.

#include "kernels/row_writer.h"
#include "kernels/vector.h"

/// A loop over each 16 columns of a row: c is the first column, n is the number of columns left.
#define FOR_COLUMNS(width) for (int32_t c = 0, n = (width); n > 0; c += 16, n -= 16)
#define FOR_ROWS(work) for (int64_t i = (work)->begin; i < (work)->end; i++)

// Four sums at a time, as an addition takes four cycles; then one, then the four together.
INLINE float sum_of_squares(const float *x, int32_t width) {
    v16f sums[4] = {splat(0), splat(0), splat(0), splat(0)};
    int32_t c = 0;
    for (; c + 64 <= width; c += 64)
        for (int j = 0; j < 4; j++) {
            v16f v = load(x + c + 16 * j);
            sums[j] += v * v;
        }
    for (; c < width; c += 16) {
        v16f v = load_first(x + c, width - c);
        sums[0] += v * v;
    }
    return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// The factor by which RMSNorm multiplies a row.
INLINE float norm_scale(const float *x, int32_t width, float eps) {
    return 1.0f / __builtin_sqrtf(sum_of_squares(x, width) / (float)width + eps);
}

KERNEL_TARGET static void row_copy(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *x = reader(&work->in[0], i) + work->from;
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, load_first(x + c, n), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_bias(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *x = reader(&work->in[0], i), *bias = work->weight[0];
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, load_first(x + c, n) + load_first(bias + c, n), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_add(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, load_first(a + c, n) + load_first(b + c, n), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_multiply(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, load_first(a + c, n) * load_first(b + c, n), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_silu(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *x = reader(&work->in[0], i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, silu(load_first(x + c, n)), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_sigmoid(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *x = reader(&work->in[0], i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, sigmoid(load_first(x + c, n)), n);
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_mix(const ech_row_work *work) {
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        const float share = *reader(&work->in[3], i);
        const v16f p = splat(*reader(&work->in[2], i)), q = splat(share);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) {
            const v16f first = p * load_first(a + c, n);
            // A row without a second share is not touched by it: x + 0 · y would lose the sign of a zero.
            put(out, c, share == 0 ? first : first + q * load_first(b + c, n), n);
        }
        finish_row(out, work->out[0].width);
    }
}

KERNEL_TARGET static void row_start(const ech_row_work *work) {
    const int32_t *depths = work->in[2].data;
    FOR_ROWS(work) {
        const float *x = reader(&work->in[depths[i] == 0 ? 0 : 1], i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(work->out[0].width) put(out, c, load_first(x + c, n), n);
        finish_row(out, work->out[0].width);
    }
}

/// Writes x · scale · weight.
INLINE void put_scaled(row_writer out, const float *x, float scale, const float *weight, int32_t width) {
    const v16f scales = splat(scale);
    FOR_COLUMNS(width) put(out, c, load_first(x + c, n) * scales * load_first(weight + c, n), n);
    finish_row(out, width);
}

KERNEL_TARGET static void row_norm(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        const float *x = reader(&work->in[0], i);
        put_scaled(output_writer(work, 0, i), x, norm_scale(x, width, work->constant), work->weight[0], width);
    }
}

// The fused norms keep the current row in scratch, which is in the nearest cache, so that an output may be rounded or
// take an input's place.
INLINE void add_to_scratch(const ech_row_work *work, int64_t i) {
    const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
    FOR_COLUMNS(work->in[0].width) store(work->scratch + c, load_first(a + c, n) + load_first(b + c, n));
}

KERNEL_TARGET static void row_add_norm(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        add_to_scratch(work, i);
        float scale = norm_scale(work->scratch, width, work->constant);
        put_scaled(output_writer(work, 0, i), work->scratch, scale, work->weight[0], width);
    }
}

KERNEL_TARGET static void row_add_norm_norm(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        add_to_scratch(work, i);
        const v16f scale = splat(norm_scale(work->scratch, width, work->constant));
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(width) {
            v16f x = load(work->scratch + c) * scale * load_first(work->weight[0] + c, n);
            store(work->scratch + c, x);
            put(out, c, x, n);
        }
        finish_row(out, width);
        float second = norm_scale(work->scratch, width, work->constant);
        put_scaled(output_writer(work, 1, i), work->scratch, second, work->weight[1], width);
    }
}

KERNEL_TARGET static void row_add_keep_norm(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        add_to_scratch(work, i);
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(width) put(out, c, load(work->scratch + c), n);
        finish_row(out, width);
        float scale = norm_scale(work->scratch, width, work->constant);
        put_scaled(output_writer(work, 1, i), work->scratch, scale, work->weight[0], width);
    }
}

/// 16 columns of norm(x, weight) + b, if the row's norm multiplies it by `scale`.
INLINE v16f norm_plus(const float *x, v16f scale, const float *weight, const float *b, int32_t n) {
    return load_first(x, n) * scale * load_first(weight, n) + load_first(b, n);
}

// An output may take the place of an input: 16 columns of both inputs are read before they are written.
KERNEL_TARGET static void row_norm_add(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        const v16f scale = splat(norm_scale(a, width, work->constant));
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(width) put(out, c, norm_plus(a + c, scale, work->weight[0] + c, b + c, n), n);
        finish_row(out, width);
    }
}

KERNEL_TARGET static void row_norm_add_keep_norm(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        const v16f scale = splat(norm_scale(a, width, work->constant));
        row_writer out = output_writer(work, 0, i);
        FOR_COLUMNS(width) {
            v16f x = norm_plus(a + c, scale, work->weight[0] + c, b + c, n);
            store(work->scratch + c, x);
            put(out, c, x, n);
        }
        finish_row(out, width);
        float second = norm_scale(work->scratch, width, work->constant);
        put_scaled(output_writer(work, 1, i), work->scratch, second, work->weight[1], width);
    }
}

KERNEL_TARGET static void row_relative_difference(const ech_row_work *work) {
    const int32_t width = work->in[0].width;
    FOR_ROWS(work) {
        const float *a = reader(&work->in[0], i), *b = reader(&work->in[1], i);
        FOR_COLUMNS(width) store(work->scratch + c, load_first(a + c, n) - load_first(b + c, n));
        float difference = __builtin_sqrtf(sum_of_squares(work->scratch, width));
        ((float *)work->out[0].data)[i] = difference / __builtin_sqrtf(sum_of_squares(a, width));
    }
}

/// out[j] = the rotary embedding of x[j] + bias[j] for j < count, with the table's rows at the same columns. `bias` may
/// be NULL, and count is even. `out` may be `x`.
INLINE void bias_rope(const float *x, const float *bias, const float *cosine, const float *sine, int32_t count,
                      float *out) {
    FOR_COLUMNS(count) {
        v16f v = load_first(x + c, n);
        if (bias) v += load_first(bias + c, n);
        v16f other = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
        store_first(out + c, v * load_first(cosine + c, n) + other * load_first(sine + c, n), n);
    }
}

KERNEL_TARGET static void row_rope(const ech_row_work *work) {
    const int32_t dim = work->in[0].width / work->heads;
    const int32_t *positions = work->in[1].data;
    FOR_ROWS(work) {
        const float *cosine = work->rope + (int64_t)positions[i] * 2 * dim;
        const float *x = reader(&work->in[0], i);
        float *out = output_writer(work, 0, i).floats;
        for (int64_t head = 0; head < work->heads; head++)
            bias_rope(x + head * dim, NULL, cosine, cosine + dim, dim, out + head * dim);
    }
}

KERNEL_TARGET static void norm_rope(const float *x, int32_t width, int32_t dim, float eps, const float *weight,
                                    const float *angles, float *out) {
    const v16f scale = splat(norm_scale(x, width, eps));
    FOR_COLUMNS(width) store_first(out + c, load_first(x + c, n) * scale * load_first(weight + c, n), n);
    for (int32_t head = 0; head < width; head += dim)
        bias_rope(out + head, NULL, angles, angles + dim, dim, out + head);
}

KERNEL_TARGET static void silu_gate(const float *gate, ptrdiff_t gate_stride, const float *up, ptrdiff_t up_stride,
                                    int32_t rows, int32_t count, ech_view view, int32_t column) {
    for (int32_t i = 0; i < rows; i++) {
        row_writer out = writer(&view, i);
        FOR_COLUMNS(count) {
            v16f y = silu(load_first(gate + i * gate_stride + c, n)) * load_first(up + i * up_stride + c, n);
            put(out, column + c, y, n);
        }
        if (column + count == view.width) finish_row(out, view.width);
    }
}

// A comparison with a NaN is false, so a NaN counts as not below the best and is looked at.
KERNEL_TARGET static void best_of(const float *values, ptrdiff_t stride, int32_t rows, int32_t count, int32_t first,
                                  float *best, int32_t *index) {
    for (int32_t i = 0; i < rows; i++) {
        const float *x = values + i * stride;
        FOR_COLUMNS(count) {
            v16i below = load_first(x + c, n) < splat(best[i]);
            // The zeros that pad the last columns may not be below, but the loop does not look at them.
            int32_t lanes[16], any = 0;
            memcpy(lanes, &below, sizeof lanes);
            for (int j = 0; j < 16; j++) any |= ~lanes[j];
            if (!any) continue;
            for (int32_t j = 0; j < ech_min(n, 16); j++) ech_better(x[c + j], first + c + j, &best[i], &index[i]);
        }
    }
}

KERNEL_TARGET static void row_argmax(const ech_row_work *work) {
    FOR_ROWS(work) {
        float value = -__builtin_inff();
        int32_t column = -1;
        best_of(reader(&work->in[0], i), 0, 1, work->in[0].width, 0, &value, &column);
        ((int32_t *)work->out[0].data)[i] = column;
    }
}

#undef FOR_COLUMNS
#undef FOR_ROWS
