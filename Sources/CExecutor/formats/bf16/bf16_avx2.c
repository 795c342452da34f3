/// The bf16 kernel for AVX2 and FMA.
#include "formats/bf16/bf16.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// Without a bf16 product, a pair of columns is split into two floats: shifted up by 16 bits, each lane holds the even
// column's element; with the low 16 bits cleared, the odd column's. So a pair takes two multiply-adds for 8 outputs.

#define AVX2_TARGET "avx2,fma"
#define FMA_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))
#define PARTS 2

typedef __m256 sum_vector;

/// A shuffle that shifts every four bytes by two. Unlike a shift, it can run on a port that does not multiply.
/// Compilers would make a shift of it if they knew the mask.
FMA_INLINE __m256i shift_up(__m256i pairs) {
    __m256i mask = _mm256_broadcastsi128_si256(_mm_setr_epi8(-1, -1, 0, 1, -1, -1, 4, 5, -1, -1, 8, 9, -1, -1, 12, 13));
    __asm__("" : "+x"(mask));
    return _mm256_shuffle_epi8(pairs, mask);
}

FMA_INLINE __m256i weight_part(__m256i pairs, int part) {
    return part == 0 ? shift_up(pairs) : _mm256_blend_epi16(_mm256_setzero_si256(), pairs, 0xaa);
}

FMA_INLINE __m256i input_part(__m256i pairs, int part) { return weight_part(pairs, part); }

FMA_INLINE __m256 add_products(__m256 sums, __m256i weights, __m256i x) {
    return _mm256_fmadd_ps(_mm256_castsi256_ps(weights), _mm256_castsi256_ps(x), sums);
}

FMA_INLINE void store_sums(const ech_row_group *group, float *out, __m256 sums) {
    _mm256_storeu_ps(out, group->first ? sums : _mm256_add_ps(_mm256_loadu_ps(out), sums));
}

FMA_INLINE void conclude(const ech_row_group *group, int rows) {
    (void)group, (void)rows; // the sums are the results
}

#include "formats/avx2_groups_template.h"

void ech_strips_bf16_avx2(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
