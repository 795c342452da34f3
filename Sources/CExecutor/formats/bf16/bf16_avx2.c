/// The bf16 kernel for AVX2 and FMA.
#include "formats/bf16/bf16.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Without a bf16 product, a pair of columns is split: shifted up by 16 bits, each lane holds the even column's element
// as a float; with the low 16 bits cleared, the odd column's. So a pair takes two multiply-adds for 8 outputs.

#define AVX2_TARGET "avx2,fma"
#define FMA_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

typedef __m256 sum_vector;

typedef struct {
    __m256 even, odd;
} split_pairs;
typedef split_pairs half_line, input;

FMA_INLINE split_pairs split(__m256i pairs) {
    return (split_pairs){_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
                         _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)0xffff0000)))};
}

FMA_INLINE half_line load_half(const char *pairs) { return split(_mm256_loadu_si256((const __m256i *)pairs)); }

FMA_INLINE input make_input(__m256i pair) { return split(pair); }

FMA_INLINE __m256 add_products(__m256 sums, half_line weights, input x) {
    return _mm256_fmadd_ps(weights.odd, x.odd, _mm256_fmadd_ps(weights.even, x.even, sums));
}

FMA_INLINE void finish(const ech_row_group *group, int row, int first, __m256 sums) {
    float *out = group->out + row * group->out_stride + first;
    _mm256_storeu_ps(out, group->first ? sums : _mm256_add_ps(_mm256_loadu_ps(out), sums));
}

#include "formats/avx2_groups_template.h"

void ech_strips_bf16_avx2(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
