/// Attention over bf16 caches with the products of AVX512_BF16.
#include "kernels/attention_avx512_bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#include "kernels/avx512_tuning.h"
#define PAIR_FMA(a, b, c) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "kernels/attention_template.h"

KERNEL_TARGET static void attend_pairs(const ech_attention_work *work) { attend_heads(work, ECH_CACHE_BF16); }
void ech_attention_avx512_bf16(const ech_attention_work *work) { attend_pairs(work); }
#endif
