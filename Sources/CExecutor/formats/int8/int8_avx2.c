/// The int8 kernel for AVX2.
#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The instruction that multiplies bytes, vpmaddubsw, takes one unsigned operand and saturates at 16 bits. Giving it the
// weights' magnitudes and the inputs with the weights' signs takes three instructions on the two ports that multiply
// for 32 products. So a quad of columns is widened to 16 bits in two parts, the even and the odd columns, and vpmaddwd
// multiplies 16 pairs: two instructions on those ports for 32 products, and one addition each, which a third port can
// do.
//
// The weights are widened to 256 times their value, which takes one instruction for each part, a shift or a mask. The
// sums of a chunk are divided by 256 in the end, which is exact: those of 8 blocks are at most 512 · 128 · 127 · 256 in
// magnitude, less than 2³¹.

#define AVX2_TARGET "avx2"
#define INT8_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))
#define PARTS 2

enum { CHUNK_BLOCKS = 8, SCALE_BITS = 8 };

typedef __m256i sum_vector;

INT8_INLINE __m256i weight_part(__m256i quads, int part) {
    return part == 0 ? _mm256_slli_epi16(quads, SCALE_BITS)
                     : _mm256_and_si256(quads, _mm256_set1_epi16((int16_t)0xff00));
}

INT8_INLINE __m256i input_part(__m256i quads, int part) {
    return _mm256_srai_epi16(part == 0 ? _mm256_slli_epi16(quads, 8) : quads, 8);
}

INT8_INLINE __m256i add_products(__m256i sums, __m256i weights, __m256i x) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(weights, x));
}

INT8_INLINE void store_sums(const ech_row_group *group, float *out, __m256i sums) {
    sums = _mm256_srai_epi32(sums, SCALE_BITS);
    if (!group->first) sums = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)out), sums);
    _mm256_storeu_si256((__m256i *)out, sums);
}

INT8_INLINE void conclude(const ech_row_group *group, int rows) {
    for (int i = 0; i < rows; i++)
        for (int first = 0; first < ECH_STRIP; first += 8) {
            float *out = group->out + i * group->out_stride + first;
            const __m256i sums = _mm256_loadu_si256((const __m256i *)out);
            const __m256 scales =
                _mm256_mul_ps(_mm256_loadu_ps(group->weight_scales + first), _mm256_set1_ps(group->scales[i]));
            _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scales));
        }
}

#include "formats/avx2_groups_template.h"

void ech_strips_int8_avx2(const ech_strips *strips) {
    ech_strips_in_chunks(CHUNK_BLOCKS, kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
