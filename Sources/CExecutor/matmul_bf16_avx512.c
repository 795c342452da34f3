/// The bf16 kernel for AVX512_BF16.
#include "matmul_bf16_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

// A pair of columns of a panel is one register of weights, and vdpbf16ps adds both columns' products to 16 outputs.
// With 8 rows × 2 panels, 16 accumulators, 2 weights and an input take 19 of the 32 registers, a tile of 16 rows makes
// two groups, and 16 independent chains are more than the instruction's latency needs: on Zen 4 the kernel runs at the
// instruction's own rate (224 GFLOP/s a core) from 5 rows on.
//
// Up to 4 rows are bound by memory, and what counts is how many reads are under way. Measured on Zen 4 (one thread, in
// shares of a plain read's speed): both panels read side by side give 0.4 without prefetch and 0.6 with it, as every
// prefetched line takes one of the core's own few miss buffers. Read in the order in which they lie, with every second
// line prefetched, the weights leave the rest to the second-level cache's own prefetcher: 0.9 to 1. With 8 rows that
// prefetcher is too slow to notice, and prefetching each line is best (0.8). Prefetching into the second level beats
// the first throughout.
enum { MOST_ROWS = 8, FEW_ROWS = 4 };

#define AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512bf16")))
#define AVX512_BF16_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512bf16")))

AVX512_BF16_INLINE __m512bh load_weights(const uint16_t *pair) { return (__m512bh)_mm512_loadu_si512(pair); }

AVX512_BF16_INLINE __m512bh broadcast_pair(const uint16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/// Adds one panel's products with a block of the inputs, and prefetches every second line of as many bytes.
AVX512_BF16_INLINE void add_panel(const int rows, const int panel, __m512 sums[MOST_ROWS][2], const uint16_t *weights,
                                  const uint16_t *x, uintptr_t ahead, uintptr_t ahead_step) {
    for (int pair = 0; pair < ECH_PAIRS; pair++) {
        if (pair % 2 == 0) _mm_prefetch((const char *)(ahead + pair / 2 * ahead_step), _MM_HINT_T1);
        const __m512bh w = load_weights(weights + pair * ECH_PAIR_ELEMENTS);
        for (int i = 0; i < rows; i++) {
            const __m512bh xi = broadcast_pair(x + i * ECH_BLOCK_K + pair * 2);
            sums[i][panel] = _mm512_dpbf16_ps(sums[i][panel], w, xi);
        }
    }
}

/// Adds both panels' products, and prefetches as many bytes.
AVX512_BF16_INLINE void add_block(const int rows, __m512 sums[MOST_ROWS][2], const uint16_t *weights,
                                  const uint16_t *x, uintptr_t ahead, uintptr_t ahead_step) {
    for (int pair = 0; pair < ECH_PAIRS; pair++) {
        _mm_prefetch((const char *)(ahead + pair * ahead_step), _MM_HINT_T1);
        _mm_prefetch((const char *)(ahead + pair * ahead_step + ahead_step / 2), _MM_HINT_T1);
        const __m512bh w0 = load_weights(weights + pair * ECH_PAIR_ELEMENTS);
        const __m512bh w1 = load_weights(weights + ECH_PANEL_ELEMENTS + pair * ECH_PAIR_ELEMENTS);
        for (int i = 0; i < rows; i++) {
            const __m512bh xi = broadcast_pair(x + i * ECH_BLOCK_K + pair * 2);
            sums[i][0] = _mm512_dpbf16_ps(sums[i][0], w0, xi);
            sums[i][1] = _mm512_dpbf16_ps(sums[i][1], w1, xi);
        }
    }
}

AVX512_BF16_INLINE void group_of(const int rows, const ech_row_group *group) {
    __m512 sums[MOST_ROWS][2];
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();

    uintptr_t ahead = group->ahead;
    const uintptr_t step = group->ahead_step;
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint16_t *weights = ech_group_weights(group, block, ECH_BLOCK_BYTES);
        const uint16_t *x = ech_group_x(group, block);
        if (rows <= FEW_ROWS) {
            add_panel(rows, 0, sums, weights, x, ahead, step);
            add_panel(rows, 1, sums, weights + ECH_PANEL_ELEMENTS, x, ahead + ECH_PAIRS / 2 * step, step);
        } else {
            add_block(rows, sums, weights, x, ahead, step);
        }
        ahead += ECH_PAIRS * step;
    }

    for (int i = 0; i < rows; i++) {
        float *out = group->out + i * group->out_stride;
        if (!group->first) {
            sums[i][0] = _mm512_add_ps(_mm512_loadu_ps(out), sums[i][0]);
            sums[i][1] = _mm512_add_ps(_mm512_loadu_ps(out + ECH_PANEL_N), sums[i][1]);
        }
        _mm512_storeu_ps(out, sums[i][0]);
        _mm512_storeu_ps(out + ECH_PANEL_N, sums[i][1]);
    }
}

AVX512_BF16 static void group_of_1(const ech_row_group *group) { group_of(1, group); }
AVX512_BF16 static void group_of_2(const ech_row_group *group) { group_of(2, group); }
AVX512_BF16 static void group_of_3(const ech_row_group *group) { group_of(3, group); }
AVX512_BF16 static void group_of_4(const ech_row_group *group) { group_of(4, group); }
AVX512_BF16 static void group_of_5(const ech_row_group *group) { group_of(5, group); }
AVX512_BF16 static void group_of_6(const ech_row_group *group) { group_of(6, group); }
AVX512_BF16 static void group_of_7(const ech_row_group *group) { group_of(7, group); }
AVX512_BF16 static void group_of_8(const ech_row_group *group) { group_of(8, group); }

void ech_strip_bf16_avx512(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                           ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {
        group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
    };
    ech_strip_bf16_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}

#endif
