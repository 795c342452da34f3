/// The int4 kernel for AVX-VNNI.
#include "formats/int4/int4.h"

#if defined(__x86_64__)
#include <immintrin.h>

// The nibbles of a quad, n = q + 8, are the unsigned bytes that vpdpbusd wants, and the inputs its signed bytes. The
// sums over a group start from the correction −8 Σ x and from the bits of 1.5 · 2²³. A float of that magnitude counts
// in ones, and a sum has 16 bits: read as floats, the sums are too large by 1.5 · 2²³. Subtracting floats is possible
// on another port than the products and conversions, which two ports share.

#define AVX2_TARGET "avx2,fma,avxvnni"
#define VNNI_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

static const float one_and_a_half = 0x1.8p23f;
enum { ONE_AND_A_HALF_BITS = 0x4b400000 };

VNNI_INLINE int32_t first_sum(uint32_t inputs) { return (int32_t)(ONE_AND_A_HALF_BITS - ECH_INT4_OFFSET * inputs); }

VNNI_INLINE __m256i add_products(__m256i sums, __m256i nibbles, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sums, nibbles, x);
}

VNNI_INLINE __m256 group_sums(__m256i sums) {
    return _mm256_sub_ps(_mm256_castsi256_ps(sums), _mm256_set1_ps(one_and_a_half));
}

#include "formats/int4/int4_avx2_template.h"

void ech_strips_int4_avx_vnni(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_INT4_BLOCK_BYTES, strips);
}

#endif
