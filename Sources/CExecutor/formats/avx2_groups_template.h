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
// do little else. With many rows, a block's inputs are widened between the products of the block before it, whose loop
// leaves time for that.
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
    ROW_VECTORS = ECH_ROW_BYTES / VECTOR_BYTES, ///< of a row's inputs in one block
};

#define AVX2 __attribute__((target(AVX2_TARGET)))
#define AVX2_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

/// The inputs of a group in one block, its rows one after the other. Part p of all rows begins p * part bytes on.
typedef struct {
    const char *first;
    ptrdiff_t part;
} block_inputs;

/// A block of a group's rows to widen, and the place for all its parts. Both are NULL if there is nothing to widen.
typedef struct {
    const char *from;
    char *to;
} next_inputs;

AVX2_INLINE __m256i load(const char *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/// The inputs of a block that the products take: widened if there are parts of them.
AVX2_INLINE block_inputs inputs_of(const int rows, const ech_row_group *group, int32_t block, const char *widened) {
    if (PARTS == 1) return (block_inputs){ech_group_x(group, block), 0};
    const ptrdiff_t part = (ptrdiff_t)rows * ECH_ROW_BYTES;
    return (block_inputs){widened + block * PARTS * part, part};
}

/// The inputs to widen for a block, which may be past the last one.
AVX2_INLINE next_inputs to_widen(const int rows, const ech_row_group *group, int32_t block, char *widened) {
    if (PARTS == 1 || block >= group->blocks) return (next_inputs){NULL, NULL};
    return (next_inputs){ech_group_x(group, block), widened + (ptrdiff_t)block * PARTS * rows * ECH_ROW_BYTES};
}

/// Widens one vector of a block's inputs, of which there are `rows` times ROW_VECTORS.
AVX2_INLINE void widen(const int rows, const next_inputs next, int vector) {
#if PARTS > 1
    const __m256i bytes = load(next.from + vector * VECTOR_BYTES);
    for (int part = 0; part < PARTS; part++) {
        char *to = next.to + (ptrdiff_t)part * rows * ECH_ROW_BYTES + vector * VECTOR_BYTES;
        _mm256_store_si256((__m256i *)to, input_part(bytes, part));
    }
#else
    (void)rows, (void)next, (void)vector;
#endif
}

AVX2_INLINE void widen_block(const int rows, const next_inputs next) {
    if (next.from)
        for (int vector = 0; vector < rows * ROW_VECTORS; vector++) widen(rows, next, vector);
}

/// Adds one panel's products with a block of the inputs, and for each line prefetches `ahead_step` bytes and widens a
/// vector of the next inputs.
AVX2_INLINE void add_panel(const int rows, sum_vector sums[][2], const char *weights, const block_inputs x,
                           const next_inputs next, uintptr_t ahead, uintptr_t ahead_step) {
    _Static_assert(MAX_ROWS * ROW_VECTORS <= ECH_PANEL_LINES, "a panel's lines have to widen all of a block's vectors");
    for (int line = 0; line < ECH_PANEL_LINES; line++) {
        _mm_prefetch((const char *)(ahead + line * ahead_step), _MM_HINT_T1);
        if (next.from && line < rows * ROW_VECTORS) widen(rows, next, line);
        for (int part = 0; part < PARTS; part++) {
            // Without this, half lines kept for the next part would push sums out of the registers.
            __asm__ volatile("" ::: "memory");
            const __m256i w0 = weight_part(load(weights + line * ECH_LINE_BYTES), part);
            const __m256i w1 = weight_part(load(weights + line * ECH_LINE_BYTES + VECTOR_BYTES), part);
            for (int i = 0; i < rows; i++) {
                int32_t bytes;
                memcpy(&bytes, x.first + part * x.part + i * ECH_ROW_BYTES + line * ECH_INPUT_BYTES, sizeof bytes);
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

AVX2_INLINE void few_rows(const int rows, const ech_row_group *group, char *widened) {
    sum_vector sums[2][MAX_IN_ORDER_ROWS][2];
    clear(rows, sums[0]);
    clear(rows, sums[1]);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    for (int32_t block = 0; block < group->blocks; block++) {
        const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
        widen_block(rows, to_widen(rows, group, block, widened));
        const block_inputs x = inputs_of(rows, group, block, widened);
        const next_inputs none = {NULL, NULL};
        add_panel(rows, sums[0], weights, x, none, ahead, step);
        add_panel(rows, sums[1], weights + ECH_PANEL_BYTES, x, none, ahead + ECH_PANEL_LINES * step, step);
        ahead += 2 * ECH_PANEL_LINES * step;
    }
    store_panel(rows, 0, sums[0], group);
    store_panel(rows, 1, sums[1], group);
}

AVX2_INLINE void many_rows(const int rows, const ech_row_group *group, char *widened) {
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a panel
    widen_block(rows, to_widen(rows, group, 0, widened));
    for (int panel = 0; panel < 2; panel++) {
        sum_vector sums[MAX_ROWS][2];
        clear(rows, sums);
        for (int32_t block = 0; block < group->blocks; block++) {
            const char *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
            const block_inputs x = inputs_of(rows, group, block, widened);
            // The second panel takes what was widened for the first.
            const next_inputs next = to_widen(rows, group, panel == 0 ? block + 1 : group->blocks, widened);
            add_panel(rows, sums, weights + panel * ECH_PANEL_BYTES, x, next, ahead, step);
            ahead += ECH_PANEL_LINES * step;
        }
        store_panel(rows, panel, sums, group);
    }
}

AVX2_INLINE void group_of(const int rows, const ech_row_group *group) {
    alignas(VECTOR_BYTES) char widened[ECH_CHUNK_BLOCKS * MAX_ROWS * PARTS * ECH_ROW_BYTES];
    if (rows <= MAX_IN_ORDER_ROWS) few_rows(rows, group, widened);
    else many_rows(rows, group, widened);
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
