/// The int4 kernel for AVX2.
#include "formats/int4/int4.h"

#if defined(__x86_64__)
#include <immintrin.h>

// vpmaddubsw multiplies the nibbles, unsigned and at most 15, by the signed inputs. The sums over a group stay within
// 16 bits, 8 quads × 2 products × 15 · 127 = 30480, so they are widened and scaled once for each group. Eight outputs
// at a time: 8 accumulators for 4 rows, two registers of nibbles and the mask; the float sums of the strip are used
// once for each group and may be in the first-level cache.
enum { MAX_ROWS = 4, LANES = 8, PIECES = ECH_STRIP / LANES, BLOCK_LINES = ECH_INT4_BLOCK_BYTES / 64 };

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

typedef int32_t correction_table[2 * ECH_CHUNK_BLOCKS];

AVX2_INLINE __m256 load_scales(const uint8_t *scales) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)scales)), 16));
}

AVX2_INLINE __m256i broadcast_quad(const int8_t *x) {
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi32(quad);
}

/// Adds a group's sums. Each output has two halves of its sum, in 16 bits.
AVX2_INLINE __m256 add_scaled(__m256 sum, __m256 scale, __m256i halves, int32_t correction) {
    const __m256i products =
        _mm256_add_epi32(_mm256_madd_epi16(halves, _mm256_set1_epi16(1)), _mm256_set1_epi32(correction));
    return _mm256_add_ps(sum, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(products)));
}

/// Adds the products of 8 outputs with a block of the inputs.
AVX2_INLINE void add_piece(const int rows, const int piece, __m256 sums[MAX_ROWS][PIECES], const uint8_t *weights,
                           const int8_t *x, const correction_table *corrections, int32_t block) {
    const uint8_t *quads = weights + piece / 2 * ECH_INT4_PANEL_BYTES + piece % 2 * (ECH_INT4_QUAD_BYTES / 2);
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i low[MAX_ROWS], high[MAX_ROWS];
    for (int i = 0; i < rows; i++) low[i] = high[i] = _mm256_setzero_si256();
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
        const __m256i nibbles = _mm256_loadu_si256((const __m256i *)(quads + quad * ECH_INT4_QUAD_BYTES));
        const __m256i w0 = _mm256_and_si256(nibbles, mask);
        const __m256i w1 = _mm256_and_si256(_mm256_srli_epi16(nibbles, 4), mask);
        for (int i = 0; i < rows; i++) {
            const int8_t *xi = x + i * ECH_ROW_BYTES + 4 * quad;
            low[i] = _mm256_add_epi16(low[i], _mm256_maddubs_epi16(w0, broadcast_quad(xi)));
            high[i] = _mm256_add_epi16(high[i], _mm256_maddubs_epi16(w1, broadcast_quad(xi + ECH_INT4_GROUP_K)));
        }
    }
    const uint8_t *scales = weights + ECH_INT4_SCALES_AT + piece * LANES * 2;
    const __m256 scale0 = load_scales(scales), scale1 = load_scales(scales + ECH_STRIP * 2);
    for (int i = 0; i < rows; i++) {
        sums[i][piece] = add_scaled(sums[i][piece], scale0, low[i], corrections[i][2 * block]);
        sums[i][piece] = add_scaled(sums[i][piece], scale1, high[i], corrections[i][2 * block + 1]);
    }
}

AVX2_INLINE void group_of(const int rows, const ech_row_group *group) {
    correction_table corrections[MAX_ROWS];
    ech_int4_corrections(rows, group, corrections);
    __m256 sums[MAX_ROWS][PIECES];
    for (int i = 0; i < rows; i++)
        for (int piece = 0; piece < PIECES; piece++)
            sums[i][piece] = group->first ? _mm256_setzero_ps()
                                          : _mm256_loadu_ps(group->out + i * group->out_stride + piece * LANES);
    uintptr_t ahead = group->ahead;
    const uintptr_t step = (group->ahead_step + 1) / 2; // of a line
    for (int32_t block = 0; block < group->blocks; block++) {
        for (int line = 0; line < BLOCK_LINES; line++)
            if (rows > 1 || line % 2 == 0) _mm_prefetch((const char *)(ahead + line * step), _MM_HINT_T1);
        ahead += BLOCK_LINES * step;
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        for (int piece = 0; piece < PIECES; piece++) add_piece(rows, piece, sums, weights, x, corrections, block);
    }
    for (int i = 0; i < rows; i++)
        for (int piece = 0; piece < PIECES; piece++) {
            __m256 sum = sums[i][piece];
            if (group->last) sum = _mm256_mul_ps(sum, _mm256_set1_ps(group->scales[i]));
            _mm256_storeu_ps(group->out + i * group->out_stride + piece * LANES, sum);
        }
}

AVX2 static void group_of_1(const ech_row_group *group) { group_of(1, group); }
AVX2 static void group_of_2(const ech_row_group *group) { group_of(2, group); }
AVX2 static void group_of_3(const ech_row_group *group) { group_of(3, group); }
AVX2 static void group_of_4(const ech_row_group *group) { group_of(4, group); }

void ech_strips_int4_avx2(const ech_strips *strips) {
    static const ech_group_kernel kernels[MAX_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_INT4_BLOCK_BYTES, strips);
}

#endif
