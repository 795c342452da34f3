/// The bf16 kernel for AVX2 and FMA.
#include "matmul_bf16_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

// Without a bf16 product, a pair of columns is split: shifted up by 16 bits, each lane holds the even column's element
// as a float; with the low 16 bits cleared, the odd column's. So a pair takes two multiply-adds for 8 outputs.
//
// 4 rows × 1 panel: 8 accumulators, 4 weights, 2 inputs and the mask take 15 of the 16 registers. With 1 or 2 rows,
// which are bound by memory, the accumulators of both panels fit, and the weights are read in the order in which they
// lie. About prefetching see matmul_bf16_avx512.c.
enum { MOST_ROWS = 4, LANES = 8 };

#define AVX2 __attribute__((target("avx2,fma")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma")))

AVX2_INLINE __m256 even(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }

AVX2_INLINE __m256 odd(__m256i pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)0xffff0000)));
}

/// Adds one panel's products with a block of the inputs, and prefetches `ahead_step` bytes for each pair.
AVX2_INLINE void add_panel(const int rows, __m256 sums[MOST_ROWS][2], const uint16_t *weights, const uint16_t *x,
                           bool every_line, uintptr_t ahead, uintptr_t ahead_step) {
    for (int pair = 0; pair < ECH_PAIRS; pair++) {
        // A pair is one line of 64 bytes.
        if (every_line || pair % 2 == 0) _mm_prefetch((const char *)(ahead + pair * ahead_step), _MM_HINT_T1);
        const uint16_t *pairs = weights + pair * ECH_PAIR_ELEMENTS;
        const __m256i w0 = _mm256_loadu_si256((const __m256i *)pairs);
        const __m256i w1 = _mm256_loadu_si256((const __m256i *)(pairs + 2 * LANES));
        const __m256 w0_even = even(w0), w0_odd = odd(w0), w1_even = even(w1), w1_odd = odd(w1);
        for (int i = 0; i < rows; i++) {
            int32_t bits;
            memcpy(&bits, x + i * ECH_BLOCK_K + pair * 2, sizeof bits);
            const __m256i both = _mm256_set1_epi32(bits);
            const __m256 x_even = even(both), x_odd = odd(both);
            sums[i][0] = _mm256_fmadd_ps(w0_even, x_even, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(w1_even, x_even, sums[i][1]);
            sums[i][0] = _mm256_fmadd_ps(w0_odd, x_odd, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(w1_odd, x_odd, sums[i][1]);
        }
    }
}

AVX2_INLINE void clear(const int rows, __m256 sums[MOST_ROWS][2]) {
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm256_setzero_ps();
}

/// Adds a chunk's sums of one panel to the output, or writes those of the first chunk.
AVX2_INLINE void finish(const int rows, const int panel, __m256 sums[MOST_ROWS][2], const ech_row_group *group) {
    for (int i = 0; i < rows; i++) {
        for (int half = 0; half < 2; half++) {
            float *out = group->out + i * group->out_stride + panel * ECH_PANEL_N + half * LANES;
            const __m256 sum = sums[i][half];
            _mm256_storeu_ps(out, group->first ? sum : _mm256_add_ps(_mm256_loadu_ps(out), sum));
        }
    }
}

AVX2_INLINE void few_rows(const int rows, const ech_row_group *group) {
    __m256 sums[2][MOST_ROWS][2];
    clear(rows, sums[0]);
    clear(rows, sums[1]);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint16_t *weights = ech_group_weights(group, block, ECH_BLOCK_BYTES);
        const uint16_t *x = ech_group_x(group, block);
        add_panel(rows, sums[0], weights, x, false, ahead, step);
        add_panel(rows, sums[1], weights + ECH_PANEL_ELEMENTS, x, false, ahead + ECH_PAIRS * step, step);
        ahead += 2 * ECH_PAIRS * step;
    }
    finish(rows, 0, sums[0], group);
    finish(rows, 1, sums[1], group);
}

AVX2_INLINE void many_rows(const int rows, const ech_row_group *group) {
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        __m256 sums[MOST_ROWS][2];
        clear(rows, sums);
        for (int32_t block = 0; block < group->blocks; block++) {
            const uint16_t *weights = ech_group_weights(group, block, ECH_BLOCK_BYTES);
            add_panel(rows, sums, weights + panel * ECH_PANEL_ELEMENTS, ech_group_x(group, block), true, ahead, step);
            ahead += ECH_PAIRS * step;
        }
        finish(rows, panel, sums, group);
    }
}

AVX2 static void group_of_1(const ech_row_group *group) { few_rows(1, group); }
AVX2 static void group_of_2(const ech_row_group *group) { few_rows(2, group); }
AVX2 static void group_of_3(const ech_row_group *group) { many_rows(3, group); }
AVX2 static void group_of_4(const ech_row_group *group) { many_rows(4, group); }

void ech_strip_bf16_avx2(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                         ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strip_bf16_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}

#endif
