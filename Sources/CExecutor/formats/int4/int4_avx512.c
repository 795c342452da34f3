/// The int4 kernel for AVX512_VNNI.
#include "formats/int4/int4.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The nibbles of a quad, q + 8, are the unsigned bytes that vpdpbusd wants, and the inputs its signed bytes. A group's
// sums start from the correction −8 Σ x, are exact after 8 products, and go to the float sums by one multiplication and
// one addition.
//
// With one or two rows, where memory is the bound, the weights are read in the order of memory and one line of a panel
// is prefetched (see avx512_groups_template.h). With more rows, the panels of a chunk are read one after the other, and
// every line is prefetched. 8 rows take 8 float and 16 integer accumulators, two registers of nibbles and the mask.
enum {
    MAX_ROWS = 8,
    MAX_IN_ORDER_ROWS = 2,
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

/// A panel's integer sums of both groups of a block.
typedef struct {
    __m512i low[MAX_ROWS], high[MAX_ROWS];
} group_sums;

/// One panel's products with a block of the inputs. Prefetches `step` bytes for each quad, or just once.
VNNI_INLINE group_sums multiply(const int rows, const uint8_t *quads, const int8_t *x,
                                const correction_table *corrections, int32_t block, const bool every_line,
                                uintptr_t ahead, uintptr_t step) {
    group_sums sums;
    for (int i = 0; i < rows; i++) {
        sums.low[i] = _mm512_set1_epi32(corrections[i][2 * block]);
        sums.high[i] = _mm512_set1_epi32(corrections[i][2 * block + 1]);
    }
    const __m512i mask = _mm512_set1_epi8(15);
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
        if (every_line || quad == 0) _mm_prefetch((const char *)(ahead + quad * step), _MM_HINT_T1);
        const __m512i nibbles = _mm512_loadu_si512(quads + quad * ECH_INT4_QUAD_BYTES);
        const __m512i w0 = _mm512_and_si512(nibbles, mask);
        const __m512i w1 = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), mask);
        for (int i = 0; i < rows; i++) {
            const int8_t *xi = x + i * ECH_ROW_BYTES + 4 * quad;
            sums.low[i] = _mm512_dpbusd_epi32(sums.low[i], w0, broadcast_quad(xi));
            sums.high[i] = _mm512_dpbusd_epi32(sums.high[i], w1, broadcast_quad(xi + ECH_INT4_GROUP_K));
        }
    }
    return sums;
}

/// Adds a panel's integer sums, scaled, to sums[row].
VNNI_INLINE void add_groups(const int rows, const int panel, __m512 *sums, const uint8_t *weights,
                            const group_sums *groups) {
    const uint8_t *scales = weights + ECH_INT4_SCALES_AT + panel * ECH_PANEL_OUTPUTS * 2;
    const __m512 scale0 = load_scales(scales), scale1 = load_scales(scales + ECH_STRIP * 2);
    for (int i = 0; i < rows; i++) {
        sums[i] = add_scaled(sums[i], scale0, groups->low[i]);
        sums[i] = add_scaled(sums[i], scale1, groups->high[i]);
    }
}

VNNI_INLINE __m512 begin(const ech_row_group *group, int i, int panel) {
    return group->first ? _mm512_setzero_ps()
                        : _mm512_loadu_ps(group->out + i * group->out_stride + panel * ECH_PANEL_OUTPUTS);
}

VNNI_INLINE void finish(const ech_row_group *group, int i, int panel, __m512 sum) {
    if (group->last) sum = _mm512_mul_ps(sum, _mm512_set1_ps(group->scales[i]));
    _mm512_storeu_ps(group->out + i * group->out_stride + panel * ECH_PANEL_OUTPUTS, sum);
}

VNNI_INLINE void few_rows(const int rows, const ech_row_group *group) {
    correction_table corrections[MAX_IN_ORDER_ROWS];
    ech_int4_corrections(rows, group, corrections);
    __m512 sums[2][MAX_IN_ORDER_ROWS];
    for (int i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++) sums[panel][i] = begin(group, i, panel);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a line
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        const group_sums first = multiply(rows, weights, x, corrections, block, false, ahead, step);
        const group_sums second = multiply(rows, weights + ECH_INT4_PANEL_BYTES, x, corrections, block, false,
                                           ahead + ECH_INT4_QUADS * step, step);
        add_groups(rows, 0, sums[0], weights, &first);
        add_groups(rows, 1, sums[1], weights, &second);
        ahead += 2 * PANEL_LINES * step;
    }
    for (int i = 0; i < rows; i++)
        for (int panel = 0; panel < 2; panel++) finish(group, i, panel, sums[panel][i]);
}

VNNI_INLINE void many_rows(const int rows, const ech_row_group *group) {
    correction_table corrections[MAX_ROWS];
    ech_int4_corrections(rows, group, corrections);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a line
    for (int panel = 0; panel < 2; panel++) {
        __m512 sums[MAX_ROWS];
        for (int i = 0; i < rows; i++) sums[i] = begin(group, i, panel);
        for (int32_t block = 0; block < group->blocks; block++) {
            const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
            const group_sums groups = multiply(rows, weights + panel * ECH_INT4_PANEL_BYTES, ech_group_x(group, block),
                                               corrections, block, true, ahead, step);
            _mm_prefetch((const char *)(ahead + ECH_INT4_QUADS * step), _MM_HINT_T1);
            add_groups(rows, panel, sums, weights, &groups);
            ahead += PANEL_LINES * step;
        }
        for (int i = 0; i < rows; i++) finish(group, i, panel, sums[i]);
    }
}

VNNI static void group_of_1(const ech_row_group *group) { few_rows(1, group); }
VNNI static void group_of_2(const ech_row_group *group) { few_rows(2, group); }
VNNI static void group_of_3(const ech_row_group *group) { many_rows(3, group); }
VNNI static void group_of_4(const ech_row_group *group) { many_rows(4, group); }
VNNI static void group_of_5(const ech_row_group *group) { many_rows(5, group); }
VNNI static void group_of_6(const ech_row_group *group) { many_rows(6, group); }
VNNI static void group_of_7(const ech_row_group *group) { many_rows(7, group); }
VNNI static void group_of_8(const ech_row_group *group) { many_rows(8, group); }

void ech_strips_int4_avx512(const ech_strips *strips) {
    static const ech_group_kernel kernels[MAX_ROWS] = {
        group_of_1, group_of_2, group_of_3, group_of_4, group_of_5, group_of_6, group_of_7, group_of_8,
    };
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_INT4_BLOCK_BYTES, strips);
}

#endif
