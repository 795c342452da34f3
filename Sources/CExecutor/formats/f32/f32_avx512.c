/// The f32 kernel for AVX-512.
#include "formats/f32/f32.h"

#if defined(__x86_64__)
#include <immintrin.h>

// 16 sums. More would fit in the 32 vector registers, but their 10 rows and outputs need more addresses than there are
// general registers: 24 sums take 2.5 times as long as 16.
#define F32_TARGET __attribute__((target("avx512f")))
#define LANES 16
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define LOAD_FIRST(p, n) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define MAX_ROWS 4
#define OUTPUTS 4
#include "formats/f32/f32_template.h"

F32_TARGET void ech_strips_f32_avx512(const ech_strips *strips) { multiply_f32(strips); }
#endif
