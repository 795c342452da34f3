/// The int8 kernel for AVX2.
#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// vpmaddubsw multiplies unsigned bytes by signed ones and saturates sums of two products at 16 bits. So it gets the
// weights' magnitudes and the inputs with the weights' signs: inputs being at most 127 in magnitude, two products stay
// within 2 · 128 · 127 = 32512. The sums of pairs are added in 32 bits.

#define AVX2_TARGET "avx2"
#define INT8_INLINE static inline __attribute__((always_inline, target(AVX2_TARGET)))

typedef __m256i sum_vector;

typedef struct {
    __m256i weights, magnitudes;
} half_line;
typedef __m256i input;

INT8_INLINE half_line load_half(const char *quads) {
    const __m256i weights = _mm256_loadu_si256((const __m256i *)quads);
    return (half_line){weights, _mm256_abs_epi8(weights)};
}

INT8_INLINE input make_input(__m256i quad) { return quad; }

INT8_INLINE __m256i add_products(__m256i sums, half_line w, input x) {
    const __m256i pairs = _mm256_maddubs_epi16(w.magnitudes, _mm256_sign_epi8(x, w.weights));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INT8_INLINE void finish(const ech_row_group *group, int row, int first, __m256i sums) {
    float *out = group->out + row * group->out_stride + first;
    if (!group->first) sums = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)out), sums);
    if (!group->last) {
        _mm256_storeu_si256((__m256i *)out, sums);
        return;
    }
    const __m256 scale =
        _mm256_mul_ps(_mm256_loadu_ps(group->weight_scales + first), _mm256_set1_ps(group->scales[row]));
    _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale));
}

#include "formats/avx2_groups_template.h"

void ech_strips_int8_avx2(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
