// Groups of rows of int4 products on AVX2. Included after these definitions:
//
//     AVX2_TARGET    the instruction set
//     first_sum      four bytes of the sums over a group of columns before its products, given the sum of its inputs
//     add_products   adds to the sums the products of 8 quads of codes with a quad of inputs, which every lane has
//     group_sums     the sums over a group as 8 floats
//
// It ends with `kernels` and `MAX_ROWS`, for ech_strips_in_groups. No include guard: this is a template.
//
// 6 rows × 16 outputs: 12 sums, as many as hide the latency of the product, leave 4 of the 16 registers to weights and
// inputs. So the two groups of columns of a block are multiplied one after the other, and the sums of floats, used once
// for each group, are in the first-level cache. The weights are read in the order of memory, and every line is
// prefetched.
//
// A scale has 8 significant bits and a sum over a group 15 (32 · 8 · 127 < 2¹⁵), so that their product is exact: one
// fused multiplication and addition gives the same bits as the two operations, unless the product overflows.
#include "formats/keep_in_registers.h"
#include "formats/strip_groups.h"

#include <immintrin.h>
#include <stdalign.h>
#include <string.h>

enum {
    MAX_ROWS = 6,
    LANES = 8,
    VECTOR_BYTES = 32,
    BLOCK_LINES = ECH_INT4_BLOCK_BYTES / 64,
};

#define AVX2 __attribute__((target(AVX2_TARGET)))
#define AVX2_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

/// The first sums of a row, for each group of columns of a chunk.
typedef int32_t first_sum_table[2 * ECH_CHUNK_BLOCKS];

AVX2_INLINE __m256 load_scales(const uint8_t *scales) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)scales)), 16));
}

AVX2_INLINE __m256i unpack(const uint8_t *nibbles, const int half) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)nibbles);
    return _mm256_and_si256(half ? _mm256_srli_epi16(bytes, 4) : bytes, _mm256_set1_epi8(15));
}

AVX2_INLINE void add_scaled(float *sums, __m256 scales, __m256i products) {
    _mm256_store_ps(sums, _mm256_fmadd_ps(scales, group_sums(products), _mm256_load_ps(sums)));
}

/// Adds the scaled sums over one of a block's two groups of columns to sums[row], the outputs of one panel.
AVX2_INLINE void add_group(const int rows, const int half, float sums[][ECH_STRIP], const uint8_t *nibbles,
                           const uint8_t *scales, const int8_t *x, const int32_t *first_sums) {
    __m256i products[MAX_ROWS][2];
    for (int i = 0; i < rows; i++)
        products[i][0] = products[i][1] = _mm256_set1_epi32(first_sums[i * 2 * ECH_CHUNK_BLOCKS + half]);
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
        const __m256i w0 = unpack(nibbles + quad * ECH_INT4_QUAD_BYTES, half);
        const __m256i w1 = unpack(nibbles + quad * ECH_INT4_QUAD_BYTES + VECTOR_BYTES, half);
        for (int i = 0; i < rows; i++) {
            int32_t bytes;
            memcpy(&bytes, x + i * ECH_ROW_BYTES + half * ECH_INT4_GROUP_K + 4 * quad, sizeof bytes);
            const __m256i xi = _mm256_set1_epi32(bytes);
            products[i][0] = add_products(products[i][0], w0, xi);
            products[i][1] = add_products(products[i][1], w1, xi);
            KEEP_IN_REGISTERS(products[i][0], products[i][1]);
        }
    }
    const __m256 scales0 = load_scales(scales), scales1 = load_scales(scales + LANES * 2);
    for (int i = 0; i < rows; i++) {
        add_scaled(sums[i], scales0, products[i][0]);
        add_scaled(sums[i] + LANES, scales1, products[i][1]);
    }
}

AVX2_INLINE void group_of(const int rows, const ech_row_group *group) {
    first_sum_table first_sums[MAX_ROWS];
    alignas(VECTOR_BYTES) float sums[MAX_ROWS][ECH_STRIP];
    for (int i = 0; i < rows; i++) {
        for (int32_t g = 0; g < 2 * group->blocks; g++)
            first_sums[i][g] = first_sum((uint32_t)group->sums[i * group->sums_stride + g]);
        for (int first = 0; first < ECH_STRIP; first += LANES)
            _mm256_store_ps(sums[i] + first, group->first
                                                 ? _mm256_setzero_ps()
                                                 : _mm256_loadu_ps(group->out + i * group->out_stride + first));
    }
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a line
    for (int32_t block = 0; block < group->blocks; block++) {
        for (int line = 0; line < BLOCK_LINES; line++) {
            _mm_prefetch((const char *)ahead, _MM_HINT_T1);
            ahead += step;
        }
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        const int32_t *first = first_sums[0] + 2 * block;
        for (int panel = 0; panel < 2; panel++) {
            const uint8_t *nibbles = weights + panel * ECH_INT4_PANEL_BYTES;
            const uint8_t *scales = weights + ECH_INT4_SCALES_AT + panel * ECH_PANEL_OUTPUTS * 2;
            float(*panel_sums)[ECH_STRIP] = (float(*)[ECH_STRIP])(sums[0] + panel * ECH_PANEL_OUTPUTS);
            add_group(rows, 0, panel_sums, nibbles, scales, x, first);
            add_group(rows, 1, panel_sums, nibbles, scales + ECH_STRIP * 2, x, first);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int first = 0; first < ECH_STRIP; first += LANES) {
            __m256 results = _mm256_load_ps(sums[i] + first);
            if (group->last) results = _mm256_mul_ps(results, _mm256_set1_ps(group->scales[i]));
            _mm256_storeu_ps(group->out + i * group->out_stride + first, results);
        }
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
