// The kernels for AVX-512.
#include "executor.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#include "vector.h"

#include "rows_template.h"

// 16 sums of scores or 24 of values, and their operands, in 32 registers.
#define LANES 16
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 4
#define VALUE_VECTORS 6
#include "attention_template.h"

#define KERNEL_TABLE ech_kernels_avx512
#include "kernel_table.h"
#endif
