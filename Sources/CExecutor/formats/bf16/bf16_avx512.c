/// The bf16 kernel for AVX512_BF16.
#include "formats/bf16/bf16.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512_TARGET "avx512f,avx512bw,avx512bf16"
#define BF16_INLINE static inline __attribute__((always_inline, target(AVX512_TARGET)))

typedef __m512 sum_vector;

/// A pair of columns of 16 outputs.
BF16_INLINE __m512i load_line(const char *line) { return _mm512_loadu_si512(line); }

BF16_INLINE __m512 add_products(__m512 sums, __m512i weights, __m512i x) {
    return _mm512_dpbf16_ps(sums, (__m512bh)weights, (__m512bh)x);
}

BF16_INLINE void store_sums(const ech_row_group *group, float *out, __m512 sums) {
    _mm512_storeu_ps(out, group->first ? sums : _mm512_add_ps(_mm512_loadu_ps(out), sums));
}

BF16_INLINE void conclude(const ech_row_group *group, int rows) {
    (void)group, (void)rows; // the sums are the results
}

#include "formats/avx512_groups_template.h"

void ech_strips_bf16_avx512(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
