/// The int8 kernel for AVX512_VNNI.
#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

#if defined(__x86_64__)
#include <immintrin.h>

// vpdpbusd multiplies unsigned bytes by signed ones. The weights are raised by 128 when they are loaded, once for all
// rows of a group. In the end, 128 times the sum of the row's input is subtracted from each output. (A damaged plan may
// have let other values overwrite that sum: everything wraps around.)

#define AVX512_TARGET "avx512f,avx512bw,avx512vnni"
#define VNNI_INLINE static inline __attribute__((always_inline, target(AVX512_TARGET)))

enum { RAISED_BITS = 7 }; ///< 128 is two to the power of this

typedef __m512i sum_vector;

/// A quad of columns of 16 outputs.
VNNI_INLINE __m512i load_line(const char *line) {
    return _mm512_xor_si512(_mm512_loadu_si512(line), _mm512_set1_epi8(-128));
}

VNNI_INLINE __m512i add_products(__m512i sums, __m512i weights, __m512i x) {
    return _mm512_dpbusd_epi32(sums, weights, x);
}

VNNI_INLINE void store_sums(const ech_row_group *group, float *out, __m512i sums) {
    _mm512_storeu_si512(out, group->first ? sums : _mm512_add_epi32(_mm512_loadu_si512(out), sums));
}

VNNI_INLINE void conclude(const ech_row_group *group, int rows) {
    for (int i = 0; i < rows; i++) {
        float *out = group->out + i * group->out_stride;
        const __m512i raised = _mm512_slli_epi32(_mm512_set1_epi32(group->totals[i]), RAISED_BITS);
        for (int first = 0; first < ECH_STRIP; first += ECH_PANEL_OUTPUTS) {
            const __m512i sums = _mm512_sub_epi32(_mm512_loadu_si512(out + first), raised);
            const __m512 scales =
                _mm512_mul_ps(_mm512_loadu_ps(group->weight_scales + first), _mm512_set1_ps(group->scales[i]));
            _mm512_storeu_ps(out + first, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scales));
        }
    }
}

#include "formats/avx512_groups_template.h"

void ech_strips_int8_avx512(const ech_strips *strips) {
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}

#endif
