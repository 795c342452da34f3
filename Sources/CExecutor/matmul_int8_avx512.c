/// The int8 kernel for AVX512_VNNI.
#include "matmul_int8_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

// A quad of columns of a panel is one register of weights, and vpdpbusd adds four columns' products to 16 outputs. It
// multiplies unsigned bytes by signed ones, so the inputs are raised by 128, and 128 times the weights' sums are taken
// off in the end.
//
// About the numbers of rows, the order in which the weights are read and prefetching see matmul_bf16_avx512.c: a quad
// takes the place of a pair.
enum { MOST_ROWS = 8, FEW_ROWS = 4 };

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define VNNI_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vnni")))

/// A group's rows in a chunk, raised by 128: once, so that the inner loop has only to broadcast.
typedef uint8_t raised_rows[ECH_CHUNK_BLOCKS][MOST_ROWS * ECH_ROW_BYTES];

VNNI_INLINE void raise(const int rows, const ech_row_group *group, raised_rows raised) {
    const __m512i top_bits = _mm512_set1_epi8(-128);
    for (int32_t block = 0; block < group->blocks; block++) {
        const int8_t *x = ech_group_x(group, block);
        for (int i = 0; i < rows * ECH_ROW_BYTES; i += ECH_ROW_BYTES)
            _mm512_storeu_si512(raised[block] + i, _mm512_xor_si512(_mm512_loadu_si512(x + i), top_bits));
    }
}

/// Four columns of a row in every lane.
VNNI_INLINE __m512i broadcast_quad(const uint8_t *x) {
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm512_set1_epi32(quad);
}

/// Adds one panel's products with a block of the inputs, and prefetches every second line of as many bytes.
VNNI_INLINE void add_panel(const int rows, const int panel, __m512i sums[MOST_ROWS][2], const int8_t *weights,
                           const uint8_t *x, uintptr_t ahead, uintptr_t ahead_step) {
    for (int quad = 0; quad < ECH_INT8_QUADS; quad++) {
        if (quad % 2 == 0) _mm_prefetch((const char *)(ahead + quad / 2 * ahead_step), _MM_HINT_T1);
        const __m512i w = _mm512_loadu_si512(weights + quad * ECH_INT8_QUAD_BYTES);
        for (int i = 0; i < rows; i++)
            sums[i][panel] = _mm512_dpbusd_epi32(sums[i][panel], broadcast_quad(x + i * ECH_ROW_BYTES + 4 * quad), w);
    }
}

/// Adds both panels' products, and prefetches as many bytes.
VNNI_INLINE void add_block(const int rows, __m512i sums[MOST_ROWS][2], const int8_t *weights, const uint8_t *x,
                           uintptr_t ahead, uintptr_t ahead_step) {
    for (int quad = 0; quad < ECH_INT8_QUADS; quad++) {
        _mm_prefetch((const char *)(ahead + quad * ahead_step), _MM_HINT_T1);
        _mm_prefetch((const char *)(ahead + quad * ahead_step + ahead_step / 2), _MM_HINT_T1);
        const __m512i w0 = _mm512_loadu_si512(weights + quad * ECH_INT8_QUAD_BYTES);
        const __m512i w1 = _mm512_loadu_si512(weights + ECH_INT8_PANEL_BYTES + quad * ECH_INT8_QUAD_BYTES);
        for (int i = 0; i < rows; i++) {
            const __m512i xi = broadcast_quad(x + i * ECH_ROW_BYTES + 4 * quad);
            sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], xi, w0);
            sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], xi, w1);
        }
    }
}

VNNI_INLINE void finish(const int rows, const int panel, __m512i sums[MOST_ROWS][2], const ech_row_group *group) {
    const int first = panel * ECH_PANEL_N;
    for (int i = 0; i < rows; i++) {
        float *out = group->out + i * group->out_stride + first;
        __m512i sum = sums[i][panel];
        if (!group->first) sum = _mm512_add_epi32(_mm512_loadu_si512(out), sum);
        if (!group->last) {
            _mm512_storeu_si512(out, sum);
            continue;
        }
        const __m512i raise = _mm512_slli_epi32(_mm512_loadu_si512(group->weight_sums + first), 7);
        const __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(group->weight_scales + first),
                                           _mm512_set1_ps(group->scales[i]));
        _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sum, raise)), scale));
    }
}

VNNI_INLINE void group_of(const int rows, const ech_row_group *group) {
    __m512i sums[MOST_ROWS][2];
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm512_setzero_si512();

    raised_rows raised;
    raise(rows, group, raised);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = group->ahead_step;
    for (int32_t block = 0; block < group->blocks; block++) {
        const int8_t *weights = ech_group_weights(group, block, ECH_INT8_BLOCK_BYTES);
        const uint8_t *x = raised[block];
        if (rows <= FEW_ROWS) {
            add_panel(rows, 0, sums, weights, x, ahead, step);
            add_panel(rows, 1, sums, weights + ECH_INT8_PANEL_BYTES, x, ahead + ECH_INT8_QUADS / 2 * step, step);
        } else {
            add_block(rows, sums, weights, x, ahead, step);
        }
        ahead += ECH_INT8_QUADS * step;
    }
    finish(rows, 0, sums, group);
    finish(rows, 1, sums, group);
}

VNNI static void group_of_1(const ech_row_group *group) { group_of(1, group); }
VNNI static void group_of_2(const ech_row_group *group) { group_of(2, group); }
VNNI static void group_of_3(const ech_row_group *group) { group_of(3, group); }
VNNI static void group_of_4(const ech_row_group *group) { group_of(4, group); }
VNNI static void group_of_5(const ech_row_group *group) { group_of(5, group); }
VNNI static void group_of_6(const ech_row_group *group) { group_of(6, group); }
VNNI static void group_of_7(const ech_row_group *group) { group_of(7, group); }
VNNI static void group_of_8(const ech_row_group *group) { group_of(8, group); }

void ech_strip_int8_avx512(const ech_int8_strip *strip, const ech_q8_rows *x, int32_t rows, int32_t blocks, float *out,
                           ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {
        group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
    };
    ech_strip_int8_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}

#endif
