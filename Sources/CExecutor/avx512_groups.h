// Groups of rows on AVX-512, for the formats whose products with four bytes of an input go to 16 sums of four bytes by
// one instruction. A line of a panel, 64 bytes, is one register of weights, and meets four bytes of each row's input.
// Included after
//
//     AVX512_TARGET   the instruction set
//     sum_vector      16 sums
//     load_line       a line of weights, as the product wants it
//     add_products    adds a line's products with four bytes of an input, which every lane has, to the sums
//     finish          stores a chunk's sums of one row, those of either panel
//
// say what is multiplied. It ends with `kernels` and `MOST_ROWS`, for ech_strips_in_groups. No include guard: this is a
// template.
//
// With 8 rows × 2 panels, 16 accumulators, 2 weights and an input take 19 of the 32 registers, a tile of 16 rows makes
// two groups, and 16 independent chains are more than the instructions' latency needs: on Zen 4 the kernels run at 0.96
// of the instructions' own rate (230 GFLOP/s a core for vdpbf16ps, twice that for vpdpbusd).
//
// Up to 4 rows are bound by memory, and what counts is how many reads are under way. Measured on Zen 4 with bf16 (one
// thread, in shares of a plain read's speed): both panels read side by side give 0.4 without prefetch and 0.6 with it,
// as every prefetched line takes one of the core's own few miss buffers. Read in the order in which they lie, with every
// second line prefetched, the weights leave the rest to the second-level cache's own prefetcher: 0.9 to 1. With 8 rows
// that prefetcher is too slow to notice, and prefetching each line is best (0.8). Prefetching into the second level
// beats the first throughout.
#include "panel_lines.h"
#include "strip_groups.h"

#include <immintrin.h>
#include <string.h>

enum {
    MOST_ROWS = 8,
    FEW_ROWS = 4,
};

#define AVX512 __attribute__((target(AVX512_TARGET)))
#define AVX512_INLINE static inline __attribute__((always_inline, target(AVX512_TARGET)))

/// The bytes for one line in every lane.
AVX512_INLINE __m512i broadcast_input(const char *x) {
    int32_t bytes;
    memcpy(&bytes, x, sizeof bytes);
    return _mm512_set1_epi32(bytes);
}

/// Adds one panel's products with a block of the inputs, and prefetches every second line of as many bytes.
AVX512_INLINE void add_panel(const int rows, const int panel, sum_vector sums[MOST_ROWS][2], const char *weights,
                             const char *x, uintptr_t ahead, uintptr_t ahead_step) {
    for (int line = 0; line < PANEL_LINES; line++) {
        if (line % 2 == 0) _mm_prefetch((const char *)(ahead + line / 2 * ahead_step), _MM_HINT_T1);
        const __m512i w = load_line(weights + line * LINE_BYTES);
        for (int i = 0; i < rows; i++) {
            const __m512i xi = broadcast_input(x + i * ECH_ROW_BYTES + line * INPUT_BYTES);
            sums[i][panel] = add_products(sums[i][panel], w, xi);
        }
    }
}

/// Adds both panels' products, and prefetches as many bytes.
AVX512_INLINE void add_block(const int rows, sum_vector sums[MOST_ROWS][2], const char *weights, const char *x,
                             uintptr_t ahead, uintptr_t ahead_step) {
    for (int line = 0; line < PANEL_LINES; line++) {
        _mm_prefetch((const char *)(ahead + line * ahead_step), _MM_HINT_T1);
        _mm_prefetch((const char *)(ahead + line * ahead_step + ahead_step / 2), _MM_HINT_T1);
        const __m512i w0 = load_line(weights + line * LINE_BYTES);
        const __m512i w1 = load_line(weights + PANEL_BYTES + line * LINE_BYTES);
        for (int i = 0; i < rows; i++) {
            const __m512i xi = broadcast_input(x + i * ECH_ROW_BYTES + line * INPUT_BYTES);
            sums[i][0] = add_products(sums[i][0], w0, xi);
            sums[i][1] = add_products(sums[i][1], w1, xi);
        }
    }
}

AVX512_INLINE void group_of(const int rows, const ech_row_group *group) {
    sum_vector sums[MOST_ROWS][2];
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = (sum_vector){0};

    uintptr_t ahead = group->ahead;
    const uintptr_t step = group->ahead_step;
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *weights = ech_group_weights(group, block, BLOCK_BYTES), *x = ech_group_x(group, block);
        if (rows <= FEW_ROWS) {
            add_panel(rows, 0, sums, weights, x, ahead, step);
            add_panel(rows, 1, sums, weights + PANEL_BYTES, x, ahead + PANEL_LINES / 2 * step, step);
        } else {
            add_block(rows, sums, weights, x, ahead, step);
        }
        ahead += PANEL_LINES * step;
    }
    for (int i = 0; i < rows; i++) finish(group, i, sums[i]);
}

AVX512 static void group_of_1(const ech_row_group *group) { group_of(1, group); }
AVX512 static void group_of_2(const ech_row_group *group) { group_of(2, group); }
AVX512 static void group_of_3(const ech_row_group *group) { group_of(3, group); }
AVX512 static void group_of_4(const ech_row_group *group) { group_of(4, group); }
AVX512 static void group_of_5(const ech_row_group *group) { group_of(5, group); }
AVX512 static void group_of_6(const ech_row_group *group) { group_of(6, group); }
AVX512 static void group_of_7(const ech_row_group *group) { group_of(7, group); }
AVX512 static void group_of_8(const ech_row_group *group) { group_of(8, group); }

static const ech_group_kernel kernels[MOST_ROWS] = {
    group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
};
