#include "kernels/attention_avx512_bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
// As in kernels_avx512.c.
#define LANES 16
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define PAIR_FMA(a, b, c) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 4
#define VALUE_VECTORS 6
#include "kernels/attention_template.h"

KERNEL_TARGET static void attend_pairs(const ech_attention_work *work) { attend_heads(work, true); }
void ech_attention_avx512_bf16(const ech_attention_work *work) { attend_pairs(work); }
#endif
