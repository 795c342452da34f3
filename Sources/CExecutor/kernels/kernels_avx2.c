// The kernels for AVX2.
#include "core/executor.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx2,fma")))
#include "kernels/rows_template.h"

// 8 sums and their operands in 16 registers.
#define LANES 8
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 1
#define VALUE_VECTORS 2
#include "kernels/attention_template.h"

KERNEL_TARGET static void attention(const ech_attention_work *work) {
    if (work->cache->format == ECH_CACHE_BF16) attend_heads(work, true);
    else attend_heads(work, false);
}

#define KERNEL_TABLE ech_kernels_avx2
#include "kernels/kernel_table.h"
#endif
