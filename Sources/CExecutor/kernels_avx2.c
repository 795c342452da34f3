// The kernels for AVX2.
#include "executor.h"

#if defined(__x86_64__)
#define KERNEL_TARGET __attribute__((target("avx2,fma")))
#include "vector.h"

#include "rows_template.h"

#include "attention_template.h"

#define KERNEL_TABLE ech_kernels_avx2
#include "kernel_table.h"
#endif
