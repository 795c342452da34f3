// The kernels for AVX-512.
#include "core/executor.h"

#if defined(__x86_64__)
#include "kernels/attention_avx512_bf16.h"

#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#include "kernels/rows_template.h"

// 16 sums of scores or 24 of values, and their operands, in 32 registers.
#define LANES 16
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 4
#define VALUE_VECTORS 6
#include "kernels/attention_template.h"

KERNEL_TARGET static void attention_f32(const ech_attention_work *work) { attend_heads(work, false); }

/// AVX-512 of itself has no bf16 products; as in matmul_bf16.c, machines that have no more take what AVX2 does.
static void attention(const ech_attention_work *work) {
    if (work->cache->format != ECH_CACHE_BF16) attention_f32(work);
    else if (__builtin_cpu_supports("avx512bf16")) ech_attention_avx512_bf16(work);
    else ech_kernels_avx2.attention(work);
}

#define KERNEL_TABLE ech_kernels_avx512
#include "kernels/kernel_table.h"
#endif
