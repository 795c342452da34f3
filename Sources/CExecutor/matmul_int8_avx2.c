/// The int8 kernel for AVX2.
#include "matmul_int8_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

// vpmaddubsw multiplies unsigned bytes by signed ones and saturates sums of two products at 16 bits. So it gets the
// weights' magnitudes and the inputs with the weights' signs: inputs being at most 127 in magnitude, two products stay
// within 2 · 128 · 127 = 32512. The sums of pairs are added in 32 bits.
//
// 4 rows × 1 panel: 8 accumulators, 2 weights and their 2 magnitudes, an input and the ones take 14 of the 16
// registers. With 1 or 2 rows the accumulators of both panels fit, see matmul_bf16_avx2.c.
enum { MOST_ROWS = 4, LANES = 8 };

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

AVX2_INLINE __m256i load_weights(const int8_t *weights) { return _mm256_loadu_si256((const __m256i *)weights); }

AVX2_INLINE __m256i add_products(__m256i sum, __m256i magnitudes, __m256i weights, __m256i x) {
    const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(x, weights));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// Adds one panel's products with a block of the inputs, and prefetches `ahead_step` bytes for each quad.
AVX2_INLINE void add_panel(const int rows, __m256i sums[MOST_ROWS][2], const int8_t *weights, const int8_t *x,
                           bool every_line, uintptr_t ahead, uintptr_t ahead_step) {
    for (int quad = 0; quad < ECH_INT8_QUADS; quad++) {
        // A quad is one line of 64 bytes.
        if (every_line || quad % 2 == 0) _mm_prefetch((const char *)(ahead + quad * ahead_step), _MM_HINT_T1);
        const __m256i w0 = load_weights(weights + quad * ECH_INT8_QUAD_BYTES);
        const __m256i w1 = load_weights(weights + quad * ECH_INT8_QUAD_BYTES + 4 * LANES);
        const __m256i magnitudes0 = _mm256_abs_epi8(w0), magnitudes1 = _mm256_abs_epi8(w1);
        for (int i = 0; i < rows; i++) {
            int32_t bits;
            memcpy(&bits, x + i * ECH_ROW_BYTES + 4 * quad, sizeof bits);
            const __m256i xi = _mm256_set1_epi32(bits);
            sums[i][0] = add_products(sums[i][0], magnitudes0, w0, xi);
            sums[i][1] = add_products(sums[i][1], magnitudes1, w1, xi);
        }
    }
}

AVX2_INLINE void clear(const int rows, __m256i sums[MOST_ROWS][2]) {
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm256_setzero_si256();
}

AVX2_INLINE void finish(const int rows, const int panel, __m256i sums[MOST_ROWS][2], const ech_row_group *group) {
    for (int i = 0; i < rows; i++) {
        for (int half = 0; half < 2; half++) {
            const int first = panel * ECH_PANEL_N + half * LANES;
            float *out = group->out + i * group->out_stride + first;
            __m256i sum = sums[i][half];
            if (!group->first) sum = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)out), sum);
            if (!group->last) {
                _mm256_storeu_si256((__m256i *)out, sum);
                continue;
            }
            const __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(group->weight_scales + first),
                                               _mm256_set1_ps(group->scales[i]));
            _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale));
        }
    }
}

AVX2_INLINE void few_rows(const int rows, const ech_row_group *group) {
    __m256i sums[2][MOST_ROWS][2];
    clear(rows, sums[0]);
    clear(rows, sums[1]);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const int8_t *weights = ech_group_weights(group, block, ECH_INT8_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        add_panel(rows, sums[0], weights, x, false, ahead, step);
        add_panel(rows, sums[1], weights + ECH_INT8_PANEL_BYTES, x, false, ahead + ECH_INT8_QUADS * step, step);
        ahead += 2 * ECH_INT8_QUADS * step;
    }
    finish(rows, 0, sums[0], group);
    finish(rows, 1, sums[1], group);
}

AVX2_INLINE void many_rows(const int rows, const ech_row_group *group) {
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        __m256i sums[MOST_ROWS][2];
        clear(rows, sums);
        for (int32_t block = 0; block < group->blocks; block++) {
            const int8_t *weights = ech_group_weights(group, block, ECH_INT8_BLOCK_BYTES);
            add_panel(rows, sums, weights + panel * ECH_INT8_PANEL_BYTES, ech_group_x(group, block), true, ahead, step);
            ahead += ECH_INT8_QUADS * step;
        }
        finish(rows, panel, sums, group);
    }
}

AVX2 static void group_of_1(const ech_row_group *group) { few_rows(1, group); }
AVX2 static void group_of_2(const ech_row_group *group) { few_rows(2, group); }
AVX2 static void group_of_3(const ech_row_group *group) { many_rows(3, group); }
AVX2 static void group_of_4(const ech_row_group *group) { many_rows(4, group); }

void ech_strip_int8_avx2(const ech_int8_strip *strip, const ech_q8_rows *x, int32_t rows, int32_t blocks, float *out,
                         ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strip_int8_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}

#endif
