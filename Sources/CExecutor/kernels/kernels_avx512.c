/// The kernels for AVX-512.
#include "kernels/kernel_tables.h"

#if defined(__x86_64__)
#include "kernels/attention_avx512_bf16.h"
#include "machine/isa.h"

#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#include "kernels/rows_template.h"

#include "kernels/projection_template.h"

#include "kernels/avx512_tuning.h"

#include "kernels/attention_template.h"

KERNEL_TARGET static void attention_f32(const ech_attention_work *work) { attend_heads(work, ECH_CACHE_F32); }
KERNEL_TARGET static void attention_int8(const ech_attention_work *work) { attend_heads(work, ECH_CACHE_INT8); }

/// Processors without the bf16 products of AVX512_BF16 use the AVX2 kernel for bf16 caches, as they do for bf16
/// weights.
static void attention_avx512(const ech_attention_work *work) {
    if (work->cache->format == ECH_CACHE_F32) attention_f32(work);
    else if (work->cache->format == ECH_CACHE_INT8) attention_int8(work);
    else if (ech_has_avx512_bf16()) ech_attention_avx512_bf16(work);
    else ech_kernels_avx2.attention(work);
}

#define KERNEL_TABLE ech_kernels_avx512
#define KERNEL_ATTENTION attention_avx512
#include "kernels/kernel_table_template.h"
#endif
