// Groups of rows on AVX2, for formats whose lines of 64 bytes are multiplied with four bytes of each row's input and
// added to 16 sums of four bytes, here in two halves. Included after these definitions:
//
//     AVX2_TARGET     the instruction set
//     PARTS           the number of products that a half line takes: 1, or 2 if its bytes are widened first
//     sum_vector      8 sums
//     weight_part     one part of half a line of weights, in the form that the product takes
//     input_part      the same for 32 bytes of an input; not called if PARTS is 1
//     add_products    adds to the sums the products of a part of half a line with the same part of an input, which
//                     every lane has
//     store_sums      stores 8 sums of a chunk, or adds them to those of the chunks before
//     conclude        makes the results of the group's rows from the sums of all chunks
//
// It ends with `kernels` and `MAX_ROWS`, for ech_strips_in_groups. No include guard: this is a template.
//
// 6 rows × 1 panel, or 3 rows × 2 panels: 12 sums, as many as hide the latency of the product, leave 4 of the 16
// registers to weights and inputs. Weights are widened in registers, once for a group's rows. The inputs are widened
// into memory, once for all outputs of a strip: a broadcast then needs nothing but a load, and the ports that multiply
// do little else.
//
// With 3 rows or fewer, where memory is the bound, the weights are read in the order of memory. Every line is
// prefetched into the second level, on processors of every vendor: AMD's Zen 3 reads a third slower if its own
// prefetcher is left alone (docs/kernels.md).
#include "formats/keep_in_registers.h"
#include "formats/panel_lines.h"
#include "formats/strip_groups.h"

#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

enum {
    MAX_ROWS = 6,
    MAX_IN_ORDER_ROWS = 3,
    LANES = 8,
    VECTOR_BYTES = 32,
    INPUT_ROW_BYTES = PARTS * ECH_ROW_BYTES, ///< a row's inputs in one block, one part after the other
};

#define AVX2 __attribute__((target(AVX2_TARGET)))
#define AVX2_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

/// The inputs of a group. A row begins INPUT_ROW_BYTES after the one before it.
typedef struct {
    const char *first;
    ptrdiff_t block; ///< bytes from one block to the next
} group_inputs;

AVX2_INLINE __m256i load(const char *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

#if PARTS == 1
AVX2_INLINE group_inputs widen_inputs(const int rows, const ech_row_group *group, char *widened) {
    (void)rows, (void)widened; // the products take inputs as they are
    return (group_inputs){group->x, group->x_block};
}
#else
AVX2_INLINE group_inputs widen_inputs(const int rows, const ech_row_group *group, char *widened) {
    const ptrdiff_t block_bytes = (ptrdiff_t)rows * INPUT_ROW_BYTES;
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *x = ech_group_x(group, block);
        for (int i = 0; i < rows; i++)
            for (int at = 0; at < ECH_ROW_BYTES; at += VECTOR_BYTES) {
                char *to = widened + block * block_bytes + i * INPUT_ROW_BYTES + at;
                const __m256i bytes = load(x + i * ECH_ROW_BYTES + at);
                for (int part = 0; part < PARTS; part++)
                    _mm256_store_si256((__m256i *)(to + part * ECH_ROW_BYTES), input_part(bytes, part));
            }
    }
    return (group_inputs){widened, block_bytes};
}
#endif

/// Adds one panel's products with a block of the inputs, and prefetches `ahead_step` bytes for each line.
AVX2_INLINE void add_panel(const int rows, sum_vector sums[][2], const char *weights, const char *x, uintptr_t ahead,
                           uintptr_t ahead_step) {
    for (int line = 0; line < ECH_PANEL_LINES; line++) {
        _mm_prefetch((const char *)(ahead + line * ahead_step), _MM_HINT_T1);
        for (int part = 0; part < PARTS; part++) {
            // Without this, half lines kept for the next part would push sums out of the registers.
            __asm__ volatile("" ::: "memory");
            const __m256i w0 = weight_part(load(weights + line * ECH_LINE_BYTES), part);
            const __m256i w1 = weight_part(load(weights + line * ECH_LINE_BYTES + VECTOR_BYTES), part);
            for (int i = 0; i < rows; i++) {
                int32_t bytes;
                memcpy(&bytes, x + i * INPUT_ROW_BYTES + part * ECH_ROW_BYTES + line * ECH_INPUT_BYTES, sizeof bytes);
                const __m256i xi = _mm256_set1_epi32(bytes);
                sums[i][0] = add_products(sums[i][0], w0, xi);
                sums[i][1] = add_products(sums[i][1], w1, xi);
                KEEP_IN_REGISTERS(sums[i][0], sums[i][1]);
            }
        }
    }
}

AVX2_INLINE void clear(const int rows, sum_vector sums[][2]) {
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = (sum_vector){0};
}

AVX2_INLINE void store_panel(const int rows, const int panel, sum_vector sums[][2], const ech_row_group *group) {
    for (int i = 0; i < rows; i++)
        for (int half = 0; half < 2; half++)
            store_sums(group, group->out + i * group->out_stride + panel * ECH_PANEL_OUTPUTS + half * LANES,
                       sums[i][half]);
}

AVX2_INLINE void few_rows(const int rows, const ech_row_group *group, const group_inputs inputs) {
    sum_vector sums[2][MAX_IN_ORDER_ROWS][2];
    clear(rows, sums[0]);
    clear(rows, sums[1]);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
        const char *x = inputs.first + block * inputs.block;
        add_panel(rows, sums[0], weights, x, ahead, step);
        add_panel(rows, sums[1], weights + ECH_PANEL_BYTES, x, ahead + ECH_PANEL_LINES * step, step);
        ahead += 2 * ECH_PANEL_LINES * step;
    }
    store_panel(rows, 0, sums[0], group);
    store_panel(rows, 1, sums[1], group);
}

AVX2_INLINE void many_rows(const int rows, const ech_row_group *group, const group_inputs inputs) {
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int panel = 0; panel < 2; panel++) {
        sum_vector sums[MAX_ROWS][2];
        clear(rows, sums);
        for (int32_t block = 0; block < group->blocks; block++) {
            const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
            add_panel(rows, sums, weights + panel * ECH_PANEL_BYTES, inputs.first + block * inputs.block, ahead, step);
            ahead += ECH_PANEL_LINES * step;
        }
        store_panel(rows, panel, sums, group);
    }
}

AVX2_INLINE void group_of(const int rows, const ech_row_group *group) {
    alignas(VECTOR_BYTES) char widened[ECH_CHUNK_BLOCKS * MAX_ROWS * INPUT_ROW_BYTES];
    const group_inputs inputs = widen_inputs(rows, group, widened);
    if (rows <= MAX_IN_ORDER_ROWS) few_rows(rows, group, inputs);
    else many_rows(rows, group, inputs);
    if (group->last) conclude(group, rows);
}

AVX2 static void group_of_1(const ech_row_group *group) { group_of(1, group); }
AVX2 static void group_of_2(const ech_row_group *group) { group_of(2, group); }
AVX2 static void group_of_3(const ech_row_group *group) { group_of(3, group); }
AVX2 static void group_of_4(const ech_row_group *group) { group_of(4, group); }
AVX2 static void group_of_5(const ech_row_group *group) { group_of(5, group); }
AVX2 static void group_of_6(const ech_row_group *group) { group_of(6, group); }

static const ech_group_kernel kernels[MAX_ROWS] = {
    group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6,
};
