/// The f32 kernel for AVX2.
#include "formats/f32/f32.h"

#if defined(__x86_64__)
#include <immintrin.h>

// 12 sums, 3 rows and one weight fill the 16 registers.
#define F32_TARGET __attribute__((target("avx2,fma")))

/// A mask of the first n of 8 lanes.
F32_TARGET static inline __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#define LANES 8
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define LOAD_FIRST(p, n) _mm256_maskload_ps(p, first_lanes(n))
#define MAX_ROWS 3
#define OUTPUTS 4
#include "formats/f32/f32_template.h"

F32_TARGET void ech_strips_f32_avx2(const ech_strips *strips) { multiply_f32(strips); }
#endif
