/// The int8 kernel for AVX-VNNI.
#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// vpdpbusd multiplies unsigned bytes by signed ones. The weights are raised by 128 when they are loaded, once for all
// rows of a group. In the end, 128 times the sum of the row's input is subtracted from each output. (A damaged plan may
// have let other values overwrite that sum: everything wraps around.)

#define AVX2_TARGET "avx2,avxvnni"
#define VNNI_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))
#define PARTS 1

enum { RAISED_BITS = 7 }; ///< 128 is two to the power of this

typedef __m256i sum_vector;

VNNI_INLINE __m256i weight_part(__m256i quads, int part) {
    (void)part;
    return _mm256_xor_si256(quads, _mm256_set1_epi8(-128));
}

VNNI_INLINE __m256i add_products(__m256i sums, __m256i weights, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sums, weights, x);
}

VNNI_INLINE void store_sums(const ech_row_group *group, float *out, __m256i sums) {
    if (!group->first) sums = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)out), sums);
    _mm256_storeu_si256((__m256i *)out, sums);
}

VNNI_INLINE void conclude(const ech_row_group *group, int rows) {
    for (int i = 0; i < rows; i++) {
        const __m256i raised = _mm256_slli_epi32(_mm256_set1_epi32(group->totals[i]), RAISED_BITS);
        for (int first = 0; first < ECH_STRIP; first += 8) {
            float *out = group->out + i * group->out_stride + first;
            const __m256i sums = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)out), raised);
            const __m256 scales =
                _mm256_mul_ps(_mm256_loadu_ps(group->weight_scales + first), _mm256_set1_ps(group->scales[i]));
            _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scales));
        }
    }
}

#include "formats/avx2_groups_template.h"

void ech_strips_int8_avx_vnni(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
