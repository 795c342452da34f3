// Groups of rows on AVX-512, for the formats whose products with four bytes of an input go to 16 sums of four bytes by
// one instruction. A line of a panel, 64 bytes, is one register of weights, and meets four bytes of each row's input.
// Included after
//
//     AVX512_TARGET   the instruction set
//     sum_vector      16 sums
//     load_line       a line of weights, as the product wants it
//     add_products    adds a line's products with four bytes of an input, which every lane has, to the sums
//     store_sums      stores 16 sums of a chunk, or adds them to those of the chunks before
//     conclude        makes the results of the group's rows from the sums of all chunks
//
// say what is multiplied. It ends with `kernels` and `MAX_ROWS`, for ech_strips_in_groups. No include guard: this is a
// template.
//
// With 8 rows × 2 panels, 16 accumulators and a line of weights take 17 of the 32 registers, and a tile of 16 rows
// makes two groups. The panels are read one after the other, in the order in which they lie: 8 independent chains are
// as many as the instructions' latency needs, and memory is read as one stream. With so many rows that their inputs
// come from the second-level cache, side by side is better (by 3% at 512 rows): an input is then loaded once for both
// panels. On Zen 4 the kernels run at 0.97 (vdpbf16ps) and 0.95 (vpdpbusd) of the instructions' own rate, 234 and 467
// GFLOP/s a core.
//
// How far a group that is alone with its chunk stays below the speed of memory is decided by prefetching, into the
// second level throughout. Measured on Zen 4 with two threads, in shares of a plain read's speed:
//   - Up to 6 rows the processor's own prefetcher follows the stream, and has only to be told where it goes on: one
//   line
//     of each panel, a KiB. That gives 0.9 to 1 up to 5 rows, and 0.8 to 1 for 6; without it, the prefetcher sometimes
//     loses the stream (0.6 to 0.7), and prefetching every line holds reading up, as each takes one of the core's few
//     miss buffers (0.65 to 0.75 up to 5 rows).
//   - For 7 and 8 rows that prefetcher is too slow to notice, and every line is prefetched: 0.75 to 0.85 where
//   arithmetic
//     takes about as long as reading; leaving it to the processor gives 0.6 to 0.75 there.
// Of several groups only the first would read a stream, as the others have the chunk in the first-level cache: they
// prefetch the lines in turn, so that memory is read all the time.
#include "formats/panel_lines.h"
#include "formats/strip_groups.h"

#include <immintrin.h>
#include <string.h>

enum {
    MAX_ROWS = 8,
    MAX_PREFETCHER_ROWS = 6,  ///< up to which the processor prefetches by itself
    MAX_IN_ORDER_GROUPS = 16, ///< up to which panels are read in order
};

#define AVX512 __attribute__((target(AVX512_TARGET)))
#define AVX512_INLINE static inline __attribute__((always_inline, target(AVX512_TARGET)))

/// The bytes for one line in every lane.
AVX512_INLINE __m512i broadcast_input(const char *x) {
    int32_t bytes;
    memcpy(&bytes, x, sizeof bytes);
    return _mm512_set1_epi32(bytes);
}

/// Adds one panel's products with a block of the inputs. For two lines it goes `ahead_step` bytes on in what is
/// prefetched, and prefetches every `fetched` lines.
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

/// Adds both panels' products, side by side, and prefetches as many bytes.
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
    if (group->groups == 1) add_chunk(rows, group, true, rows <= MAX_PREFETCHER_ROWS ? ECH_PANEL_LINES : 1);
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
