/// The int4 kernel for AVX512_VNNI.
#include "matmul_int4_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The nibbles of a quad, q + 8, are the unsigned bytes that vpdpbusd wants, and the inputs its signed bytes. A group's
// sums start from the correction −8 Σ x, are exact after 8 products, and go to the float sums by one multiplication and
// one addition.
//
// One row, which memory bounds, reads the weights in the order in which they lie and prefetches every second line (see
// avx512_groups.h). With more, one panel at a time passes over the chunk: for 8 rows 8 float and 16 integer
// accumulators, two registers of nibbles and the mask; and every line is prefetched.
enum {
    MOST_ROWS = 8,
    PANEL_LINES = ECH_INT4_QUADS + 1, ///< lines of a panel with its scales
};

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

/// Adds one panel's products with a block of the inputs to sums[row], and prefetches `step` bytes for each quad.
VNNI_INLINE void add_panel(const int rows, const int panel, __m512 *sums, const uint8_t *weights,
                           const int8_t *x, const correction_table *corrections, int32_t block, uintptr_t ahead,
                           uintptr_t step) {
    __m512i low[MOST_ROWS], high[MOST_ROWS];
    for (int i = 0; i < rows; i++) {
        low[i] = _mm512_set1_epi32(corrections[i][2 * block]);
        high[i] = _mm512_set1_epi32(corrections[i][2 * block + 1]);
    }
    const uint8_t *quads = weights + panel * ECH_INT4_PANEL_BYTES;
    const __m512i mask = _mm512_set1_epi8(15);
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
        if (rows > 1 || quad % 2 == 0) _mm_prefetch((const char *)(ahead + quad * step), _MM_HINT_T1);
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
    const __m512 scale0 = load_scales(scales), scale1 = load_scales(scales + ECH_STRIP * 2);
    for (int i = 0; i < rows; i++) {
        sums[i] = add_scaled(sums[i], scale0, low[i]);
        sums[i] = add_scaled(sums[i], scale1, high[i]);
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

VNNI static void group_of_1(const ech_row_group *group) {
    correction_table corrections[1];
    ech_int4_corrections(1, group, corrections);
    __m512 sums[2] = {begin(group, 0, 0), begin(group, 0, 1)};
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        add_panel(1, 0, &sums[0], weights, x, corrections, block, ahead, step);
        add_panel(1, 1, &sums[1], weights, x, corrections, block, ahead + ECH_INT4_QUADS * step, step);
        _mm_prefetch((const char *)(ahead + 2 * ECH_INT4_QUADS * step), _MM_HINT_T1);
        ahead += 2 * PANEL_LINES * step;
    }
    finish(group, 0, 0, sums[0]);
    finish(group, 0, 1, sums[1]);
}

VNNI_INLINE void group_of(const int rows, const ech_row_group *group) {
    correction_table corrections[MOST_ROWS];
    ech_int4_corrections(rows, group, corrections);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        __m512 sums[MOST_ROWS];
        for (int i = 0; i < rows; i++) sums[i] = begin(group, i, panel);
        for (int32_t block = 0; block < group->blocks; block++) {
            const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
            add_panel(rows, panel, sums, weights, ech_group_x(group, block), corrections, block, ahead, step);
            _mm_prefetch((const char *)(ahead + ECH_INT4_QUADS * step), _MM_HINT_T1);
            ahead += PANEL_LINES * step;
        }
        for (int i = 0; i < rows; i++) finish(group, i, panel, sums[i]);
    }
}

VNNI static void group_of_2(const ech_row_group *group) { group_of(2, group); }
VNNI static void group_of_3(const ech_row_group *group) { group_of(3, group); }
VNNI static void group_of_4(const ech_row_group *group) { group_of(4, group); }
VNNI static void group_of_5(const ech_row_group *group) { group_of(5, group); }
VNNI static void group_of_6(const ech_row_group *group) { group_of(6, group); }
VNNI static void group_of_7(const ech_row_group *group) { group_of(7, group); }
VNNI static void group_of_8(const ech_row_group *group) { group_of(8, group); }

void ech_strips_int4_avx512(const uint8_t *weights, const ech_q8_rows *x, ech_strips_size size, float *out,
                            ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {
        group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
    };
    ech_strips_int4_in_groups(kernels, MOST_ROWS, weights, x, size, out, out_stride);
}

#endif
