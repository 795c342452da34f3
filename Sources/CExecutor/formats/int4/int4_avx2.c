/// The int4 kernel for AVX2.
#include "formats/int4/int4.h"

#if defined(__x86_64__)
#include <immintrin.h>

// vpmaddubsw multiplies the nibbles, unsigned and at most 15, by the signed inputs. The products of a group of columns
// are added in 16 bits: an output has two sums, each of 16 columns. Each starts with half of the correction −8 Σ x.
// So it ends within 16 · 11 · 127 + 16 · 4 · 127 = 30480, as n − 4 is −4 ... 11 for the sum's own columns, and the
// others contribute −4 x. What wraps around on the way does not matter.

#define AVX2_TARGET "avx2,fma"
#define INT4_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

INT4_INLINE int32_t first_sum(uint32_t inputs) {
    const uint32_t half = (0u - ECH_INT4_OFFSET / 2 * inputs) & 0xffff;
    return (int32_t)(half << 16 | half);
}

INT4_INLINE __m256i add_products(__m256i sums, __m256i nibbles, __m256i x) {
    return _mm256_add_epi16(sums, _mm256_maddubs_epi16(nibbles, x));
}

INT4_INLINE __m256 group_sums(__m256i halves) {
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(halves, _mm256_set1_epi16(1)));
}

#include "formats/int4/int4_avx2_template.h"

void ech_strips_int4_avx2(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_INT4_BLOCK_BYTES, strips);
}

#endif
