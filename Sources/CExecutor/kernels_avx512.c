// The kernels for AVX-512.
#include "executor.h"

#if defined(__x86_64__)
#define KERNEL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#include "vector.h"

#include "rows_template.h"

#include "attention_template.h"

#define KERNEL_TABLE ech_kernels_avx512
#include "kernel_table.h"
#endif
