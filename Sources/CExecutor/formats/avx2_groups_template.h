// Groups of rows on AVX2, for formats whose lines of 64 bytes are multiplied with four bytes of each row's input and
// added to 16 sums of four bytes, here in two halves. Included after these definitions:
//
//     AVX2_TARGET     the instruction set
//     sum_vector      8 sums
//     half_line       half a line of weights in the form that the products take, and load_half, which makes it
//     input           four bytes of an input, which every lane has, in the form that the products take, and make_input
//     add_products    adds half a line's products with an input to the sums
//     finish          stores 8 of a row's 32 sums of a chunk
//
// It ends with `kernels` and `MAX_ROWS`, for ech_strips_in_groups. No include guard: this is a template.
//
// 4 rows × 1 panel: 8 accumulators leave 8 of the 16 registers to weights and inputs. With 1 or 2 rows, where memory is
// the bound, the accumulators of both panels fit. The weights are then read in the order of memory, with one line of a
// panel prefetched, for the reasons in avx512_groups_template.h.
#include "formats/panel_lines.h"
#include "formats/strip_groups.h"

#include <immintrin.h>
#include <string.h>

enum {
    MAX_ROWS = 4,
    LANES = 8,
};

#define AVX2 __attribute__((target(AVX2_TARGET)))
#define AVX2_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

/// Adds one panel's products with a block of the inputs, and prefetches `ahead_step` bytes for each line, or just once.
AVX2_INLINE void add_panel(const int rows, sum_vector sums[MAX_ROWS][2], const char *weights, const char *x,
                           bool every_line, uintptr_t ahead, uintptr_t ahead_step) {
    for (int line = 0; line < ECH_PANEL_LINES; line++) {
        if (every_line || line == 0) _mm_prefetch((const char *)(ahead + line * ahead_step), _MM_HINT_T1);
        const half_line w0 = load_half(weights + line * ECH_LINE_BYTES);
        const half_line w1 = load_half(weights + line * ECH_LINE_BYTES + ECH_LINE_BYTES / 2);
        for (int i = 0; i < rows; i++) {
            int32_t bytes;
            memcpy(&bytes, x + i * ECH_ROW_BYTES + line * ECH_INPUT_BYTES, sizeof bytes);
            const input xi = make_input(_mm256_set1_epi32(bytes));
            sums[i][0] = add_products(sums[i][0], w0, xi);
            sums[i][1] = add_products(sums[i][1], w1, xi);
        }
    }
}

AVX2_INLINE void clear(const int rows, sum_vector sums[MAX_ROWS][2]) {
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = (sum_vector){0};
}

AVX2_INLINE void finish_panel(const int rows, const int panel, sum_vector sums[MAX_ROWS][2],
                              const ech_row_group *group) {
    for (int i = 0; i < rows; i++)
        for (int half = 0; half < 2; half++) finish(group, i, panel * ECH_PANEL_OUTPUTS + half * LANES, sums[i][half]);
}

AVX2_INLINE void few_rows(const int rows, const ech_row_group *group) {
    sum_vector sums[2][MAX_ROWS][2];
    clear(rows, sums[0]);
    clear(rows, sums[1]);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES), *x = ech_group_x(group, block);
        add_panel(rows, sums[0], weights, x, false, ahead, step);
        add_panel(rows, sums[1], weights + ECH_PANEL_BYTES, x, false, ahead + ECH_PANEL_LINES * step, step);
        ahead += 2 * ECH_PANEL_LINES * step;
    }
    finish_panel(rows, 0, sums[0], group);
    finish_panel(rows, 1, sums[1], group);
}

AVX2_INLINE void many_rows(const int rows, const ech_row_group *group) {
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        sum_vector sums[MAX_ROWS][2];
        clear(rows, sums);
        for (int32_t block = 0; block < group->blocks; block++) {
            const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
            add_panel(rows, sums, weights + panel * ECH_PANEL_BYTES, ech_group_x(group, block), true, ahead, step);
            ahead += ECH_PANEL_LINES * step;
        }
        finish_panel(rows, panel, sums, group);
    }
}

AVX2 static void group_of_1(const ech_row_group *group) { few_rows(1, group); }
AVX2 static void group_of_2(const ech_row_group *group) { few_rows(2, group); }
AVX2 static void group_of_3(const ech_row_group *group) { many_rows(3, group); }
AVX2 static void group_of_4(const ech_row_group *group) { many_rows(4, group); }

static const ech_group_kernel kernels[MAX_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
