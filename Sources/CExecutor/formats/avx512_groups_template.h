// Groups of rows on AVX-512, for formats with one instruction that multiplies a line of weights with four bytes of an
// input and adds the products to 16 sums of four bytes. A line of a panel, 64 bytes, is one register of weights.
// Included after these definitions:
//
//     AVX512_TARGET   the instruction set
//     sum_vector      16 sums
//     load_line       a line of weights in the form that the product takes
//     add_products    adds to the sums a line's products with four bytes of an input, which every lane has
//     store_sums      stores 16 sums of a chunk, or adds them to those of the chunks before
//     conclude        makes the results of the group's rows from the sums of all chunks
//
// It ends with `kernels` and `MAX_ROWS`, for ech_strips_in_groups. No include guard: this is a template.
//
// With 8 rows × 2 panels, 16 accumulators and a line of weights take 17 of the 32 registers, and a tile of 16 rows
// makes two groups. The panels are read one after the other, in the order of memory: 8 independent chains are enough to
// hide the instructions' latency, and memory is read as one stream. With so many rows that their inputs come from the
// second-level cache, side by side is better, because an input is then loaded once for both panels.
//
// If a group is alone with its chunk, prefetching decides how close it comes to the speed of memory. Lines are
// prefetched into the second level. docs/kernels.md has the figures.
//   - For few rows the processor's own prefetcher follows the stream, and is only told where it continues: one line of
//     each panel, a KiB. Without that line it sometimes loses the stream. On AMD's processors, prefetching every line
//     slows reading down, because each takes one of the core's few miss buffers.
//   - For more rows, and on processors of others, that prefetcher is too slow, and every line is prefetched.
// Of several groups only the first would read a stream, as the others have the chunk in the first-level cache. They
// prefetch the lines in turn, so that memory is read all the time.
#include "formats/panel_lines.h"
#include "formats/strip_groups.h"
#include "machine/isa.h"

#include <immintrin.h>
#include <string.h>

enum {
    MAX_ROWS = 8,
    MAX_PREFETCHER_ROWS = 6,  ///< the maximum for which the processor's own prefetcher is used
    MAX_IN_ORDER_GROUPS = 16, ///< the maximum for which panels are read in order
};

#define AVX512 __attribute__((target(AVX512_TARGET)))
#define AVX512_INLINE static inline __attribute__((always_inline, target(AVX512_TARGET)))

/// Four bytes of an input in every lane.
AVX512_INLINE __m512i broadcast_input(const char *x) {
    int32_t bytes;
    memcpy(&bytes, x, sizeof bytes);
    return _mm512_set1_epi32(bytes);
}

/// Adds one panel's products with a block of the inputs. Prefetches for every `fetched` lines. The prefetched address
/// advances by `ahead_step` bytes for two lines.
AVX512_INLINE void add_panel(const int rows, sum_vector sums[MAX_ROWS], const char *weights, const char *x,
                             const int fetched, uintptr_t ahead, uintptr_t ahead_step) {
    for (int line = 0; line < ECH_PANEL_LINES; line++) {
        if (line % fetched == 0) _mm_prefetch((const char *)(ahead + line * ahead_step / 2), _MM_HINT_T1);
        const __m512i w = load_line(weights + line * ECH_LINE_BYTES);
        for (int i = 0; i < rows; i++) {
            const __m512i xi = broadcast_input(x + i * ECH_ROW_BYTES + line * ECH_INPUT_BYTES);
            sums[i] = add_products(sums[i], w, xi);
        }
    }
}

/// Adds both panels' products, side by side, and prefetches the same number of bytes.
AVX512_INLINE void add_panels(const int rows, sum_vector sums[2][MAX_ROWS], const char *weights, const char *x,
                              uintptr_t ahead, uintptr_t ahead_step) {
    for (int line = 0; line < ECH_PANEL_LINES; line++) {
        _mm_prefetch((const char *)(ahead + line * ahead_step), _MM_HINT_T1);
        const __m512i w0 = load_line(weights + line * ECH_LINE_BYTES);
        const __m512i w1 = load_line(weights + ECH_PANEL_BYTES + line * ECH_LINE_BYTES);
        for (int i = 0; i < rows; i++) {
            const __m512i xi = broadcast_input(x + i * ECH_ROW_BYTES + line * ECH_INPUT_BYTES);
            sums[0][i] = add_products(sums[0][i], w0, xi);
            sums[1][i] = add_products(sums[1][i], w1, xi);
        }
    }
}

/// Adds the chunk's products to the output: panel by panel, prefetching every `fetched` lines, or both side by side.
AVX512_INLINE void add_chunk(const int rows, const ech_row_group *group, const bool in_order, const int fetched) {
    sum_vector sums[2][MAX_ROWS];
    for (int i = 0; i < rows; i++) sums[0][i] = sums[1][i] = (sum_vector){0};

    uintptr_t ahead = group->ahead;
    const uintptr_t step = group->ahead_step;
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES), *x = ech_group_x(group, block);
        if (in_order) {
            add_panel(rows, sums[0], weights, x, fetched, ahead, step);
            add_panel(rows, sums[1], weights + ECH_PANEL_BYTES, x, fetched, ahead + ECH_PANEL_LINES / 2 * step, step);
        } else {
            add_panels(rows, sums, weights, x, ahead, step);
        }
        ahead += ECH_PANEL_LINES * step;
    }
    for (int i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++)
            store_sums(group, group->out + i * group->out_stride + panel * ECH_PANEL_OUTPUTS, sums[panel][i]);
}

AVX512_INLINE void group_of(const int rows, const ech_row_group *group) {
    const bool own_prefetcher = rows <= MAX_PREFETCHER_ROWS && !ech_prefetches_every_line();
    if (group->groups == 1 && own_prefetcher) add_chunk(rows, group, true, ECH_PANEL_LINES);
    else if (group->groups == 1) add_chunk(rows, group, true, 1);
    else if (group->groups <= MAX_IN_ORDER_GROUPS) add_chunk(rows, group, true, 2);
    else add_chunk(rows, group, false, 1);
    if (group->last) conclude(group, rows);
}

AVX512 static void group_of_1(const ech_row_group *group) { group_of(1, group); }
AVX512 static void group_of_2(const ech_row_group *group) { group_of(2, group); }
AVX512 static void group_of_3(const ech_row_group *group) { group_of(3, group); }
AVX512 static void group_of_4(const ech_row_group *group) { group_of(4, group); }
AVX512 static void group_of_5(const ech_row_group *group) { group_of(5, group); }
AVX512 static void group_of_6(const ech_row_group *group) { group_of(6, group); }
AVX512 static void group_of_7(const ech_row_group *group) { group_of(7, group); }
AVX512 static void group_of_8(const ech_row_group *group) { group_of(8, group); }

static const ech_group_kernel kernels[MAX_ROWS] = {
    group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
};
