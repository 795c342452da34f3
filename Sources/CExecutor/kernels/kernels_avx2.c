/// The kernels for AVX2.
#include "kernels/kernel_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KERNEL_TARGET __attribute__((target("avx2,fma")))
#include "kernels/rows_template.h"

#include "kernels/projection_template.h"

// 8 sums and their operands in 16 registers.
#define LANES 8
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 1
#define VALUE_VECTORS 2
#include "kernels/attention_template.h"

#define KERNEL_TABLE ech_kernels_avx2
#include "kernels/kernel_table_template.h"
#endif
