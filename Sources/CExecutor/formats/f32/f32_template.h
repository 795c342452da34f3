// The product with f32 weights. No include guard: this is a template. The including file defines
//   F32_TARGET        the attribute that names the instruction set, or nothing
//   LANES             floats of the instruction set's vectors
//   FMA(a, b, c)      a · b + c of such vectors
//   LOAD_FIRST(p, n)  a vector of the first n floats, n < LANES, and zeros after them
//   MAX_ROWS, OUTPUTS rows and outputs that are computed together; their sums have to fit in the registers
// and calls multiply_f32.
//
// A result is one sum: lane l of a vector adds the columns l, l + LANES, …, and then the lanes are added in a fixed
// order. It does not depend on the rows and outputs that are computed with it, so a row has the same bits alone and
// next to others, which no BLAS promises.

#include "core/arithmetic.h"
#include "core/strips.h"

#include <stddef.h>
#include <stdint.h>

#pragma GCC diagnostic ignored "-Wpsabi"

#define F32_INLINE static inline __attribute__((always_inline)) F32_TARGET
// The sums are in registers only if no loop over them is left.
#define UNROLLED _Pragma("GCC unroll 8")

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float vec4 __attribute__((vector_size(16)));
typedef float vec8 __attribute__((vector_size(32)));
typedef float vec_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

F32_INLINE vec load_vec(const float *p) { return *(const vec_any *)p; }

/// The sum of the lanes, in a fixed order: the upper half is added to the lower one until one lane is left.
F32_INLINE float sum_of(vec x) {
#if LANES == 16
    const vec8 eights = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
                        __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
    const vec eights = x;
#endif
#if LANES >= 8
    const vec4 fours =
        __builtin_shufflevector(eights, eights, 0, 1, 2, 3) + __builtin_shufflevector(eights, eights, 4, 5, 6, 7);
#else
    const vec fours = x;
#endif
    return (fours[0] + fours[2]) + (fours[1] + fours[3]);
}

/// The results of some rows and outputs. `rows` and `outputs` are constants of the caller.
F32_INLINE void group(const int rows, const int outputs, const float *weight, const float *x, int64_t columns,
                      float *out, ptrdiff_t stride) {
    vec sums[MAX_ROWS][OUTPUTS];
    UNROLLED for (int i = 0; i < rows; i++) UNROLLED for (int n = 0; n < outputs; n++) sums[i][n] = (vec){0};
    int64_t k = 0;
    for (; k + LANES <= columns; k += LANES) {
        vec row[MAX_ROWS];
        UNROLLED for (int i = 0; i < rows; i++) row[i] = load_vec(x + i * columns + k);
        UNROLLED for (int n = 0; n < outputs; n++) {
            const vec w = load_vec(weight + n * columns + k);
            UNROLLED for (int i = 0; i < rows; i++) sums[i][n] = FMA(row[i], w, sums[i][n]);
        }
    }
    if (k < columns) {
        const int rest = (int)(columns - k);
        vec row[MAX_ROWS];
        UNROLLED for (int i = 0; i < rows; i++) row[i] = LOAD_FIRST(x + i * columns + k, rest);
        UNROLLED for (int n = 0; n < outputs; n++) {
            const vec w = LOAD_FIRST(weight + n * columns + k, rest);
            UNROLLED for (int i = 0; i < rows; i++) sums[i][n] = FMA(row[i], w, sums[i][n]);
        }
    }
    UNROLLED for (int i = 0; i < rows; i++) UNROLLED for (int n = 0; n < outputs; n++) out[i * stride + n] =
        sum_of(sums[i][n]);
}

/// Some rows by any number of outputs.
F32_INLINE void outputs_of(const int rows, const float *weight, const float *x, int64_t columns, int32_t outputs,
                           float *out, ptrdiff_t stride) {
    int32_t n = 0;
    for (; n + OUTPUTS <= outputs; n += OUTPUTS)
        group(rows, OUTPUTS, weight + n * columns, x, columns, out + n, stride);
    for (; n < outputs; n++) group(rows, 1, weight + n * columns, x, columns, out + n, stride);
}

/// A strip is one output and a block is one column: `strips` counts outputs, and `blocks` columns.
F32_INLINE void multiply_f32(const ech_strips *s) {
    const float *weight = s->weights, *x = s->x;
    const int64_t columns = s->blocks;
    for (int32_t i = 0; i < s->rows; i += MAX_ROWS) {
        const float *rows = x + i * columns;
        float *out = s->out + i * s->out_stride;
        switch (ech_min(s->rows - i, MAX_ROWS)) {
        case 1: outputs_of(1, weight, rows, columns, s->strips, out, s->out_stride); break;
#if MAX_ROWS > 1
        case 2: outputs_of(2, weight, rows, columns, s->strips, out, s->out_stride); break;
#endif
#if MAX_ROWS > 2
        case 3: outputs_of(3, weight, rows, columns, s->strips, out, s->out_stride); break;
#endif
#if MAX_ROWS > 3
        case 4: outputs_of(4, weight, rows, columns, s->strips, out, s->out_stride); break;
#endif
        }
    }
}
