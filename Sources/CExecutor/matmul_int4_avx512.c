/// The int4 kernel for AVX512_VNNI.
#include "matmul_int4_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The nibbles of a quad, q + 8, are the unsigned bytes that vpdpbusd wants, and the inputs its signed bytes. A group's
// sums start from the correction −8 Σ x, are exact after 8 products, and go to the float sums by one multiplication and
// one addition.
//
// Up to 4 rows the weights are read in the order in which they lie (see matmul_bf16_avx512.c), and 8 float and 8 integer
// accumulators are in use. With more rows, one panel at a time passes over the chunk: 8 float and 16 integer
// accumulators, two registers of nibbles and the mask.
enum { MOST_ROWS = 8, FEW_ROWS = 4 };

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define VNNI_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vnni")))

typedef int32_t correction_table[2 * ECH_CHUNK_BLOCKS];

VNNI_INLINE __m512 load_scales(const uint8_t *scales) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)scales)), 16));
}

VNNI_INLINE __m512i broadcast_quad(const int8_t *x) {
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm512_set1_epi32(quad);
}

VNNI_INLINE __m512 add_scaled(__m512 sum, __m512 scale, __m512i products) {
    return _mm512_add_ps(sum, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(products)));
}

/// Adds one panel's products with a block of the inputs, and prefetches `ahead_step` bytes for each two quads.
VNNI_INLINE void add_panel(const int rows, const int panel, __m512 *sums, const int stride, const uint8_t *weights,
                           const int8_t *x, const correction_table *corrections, int32_t block, uintptr_t ahead,
                           uintptr_t ahead_step) {
    __m512i low[MOST_ROWS], high[MOST_ROWS];
    for (int i = 0; i < rows; i++) {
        low[i] = _mm512_set1_epi32(corrections[i][2 * block]);
        high[i] = _mm512_set1_epi32(corrections[i][2 * block + 1]);
    }
    const uint8_t *quads = weights + panel * ECH_INT4_PANEL_BYTES;
    const __m512i mask = _mm512_set1_epi8(15);
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
        if (quad % 2 == 0) _mm_prefetch((const char *)(ahead + quad / 2 * ahead_step), _MM_HINT_T1);
        const __m512i nibbles = _mm512_loadu_si512(quads + quad * ECH_INT4_QUAD_BYTES);
        const __m512i w0 = _mm512_and_si512(nibbles, mask);
        const __m512i w1 = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), mask);
        for (int i = 0; i < rows; i++) {
            const int8_t *xi = x + i * ECH_ROW_BYTES + 4 * quad;
            low[i] = _mm512_dpbusd_epi32(low[i], w0, broadcast_quad(xi));
            high[i] = _mm512_dpbusd_epi32(high[i], w1, broadcast_quad(xi + ECH_INT4_GROUP_K));
        }
    }
    const uint8_t *scales = weights + ECH_INT4_SCALES_AT + panel * ECH_PANEL_N * 2;
    const __m512 scale0 = load_scales(scales), scale1 = load_scales(scales + ECH_STRIP_N * 2);
    for (int i = 0; i < rows; i++) {
        __m512 *sum = &sums[i * stride];
        *sum = add_scaled(*sum, scale0, low[i]);
        *sum = add_scaled(*sum, scale1, high[i]);
    }
}

VNNI_INLINE __m512 begin(const ech_row_group *group, int i, int panel) {
    return group->first ? _mm512_setzero_ps()
                        : _mm512_loadu_ps(group->out + i * group->out_stride + panel * ECH_PANEL_N);
}

VNNI_INLINE void finish(const ech_row_group *group, int i, int panel, __m512 sum) {
    if (group->last) sum = _mm512_mul_ps(sum, _mm512_set1_ps(group->scales[i]));
    _mm512_storeu_ps(group->out + i * group->out_stride + panel * ECH_PANEL_N, sum);
}

VNNI_INLINE void few_rows(const int rows, const ech_row_group *group) {
    correction_table corrections[FEW_ROWS];
    ech_int4_corrections(rows, group, corrections);
    __m512 sums[FEW_ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++) sums[i][panel] = begin(group, i, panel);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = group->ahead_step;
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        add_panel(rows, 0, &sums[0][0], 2, weights, x, corrections, block, ahead, step);
        add_panel(rows, 1, &sums[0][1], 2, weights, x, corrections, block, ahead + 4 * step, step);
        _mm_prefetch((const char *)(ahead + 8 * step), _MM_HINT_T1);
        ahead += 9 * step; // a block is 9 times 128 bytes
    }
    for (int i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++) finish(group, i, panel, sums[i][panel]);
}

VNNI_INLINE void many_rows(const int rows, const ech_row_group *group) {
    correction_table corrections[MOST_ROWS];
    ech_int4_corrections(rows, group, corrections);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        __m512 sums[MOST_ROWS];
        for (int i = 0; i < rows; i++) sums[i] = begin(group, i, panel);
        for (int32_t block = 0; block < group->blocks; block++) {
            const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
            add_panel(rows, panel, sums, 1, weights, ech_group_x(group, block), corrections, block, ahead, 2 * step);
            _mm_prefetch((const char *)(ahead + 8 * step), _MM_HINT_T1);
            ahead += 9 * step;
        }
        for (int i = 0; i < rows; i++) finish(group, i, panel, sums[i]);
    }
}

VNNI static void group_of_1(const ech_row_group *group) { few_rows(1, group); }
VNNI static void group_of_2(const ech_row_group *group) { few_rows(2, group); }
VNNI static void group_of_3(const ech_row_group *group) { few_rows(3, group); }
VNNI static void group_of_4(const ech_row_group *group) { few_rows(4, group); }
VNNI static void group_of_5(const ech_row_group *group) { many_rows(5, group); }
VNNI static void group_of_6(const ech_row_group *group) { many_rows(6, group); }
VNNI static void group_of_7(const ech_row_group *group) { many_rows(7, group); }
VNNI static void group_of_8(const ech_row_group *group) { many_rows(8, group); }

void ech_strip_int4_avx512(const uint8_t *strip, const ech_q8_rows *x, int32_t rows, int32_t blocks, float *out,
                           ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {
        group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
    };
    ech_strip_int4_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}

#endif
