/// Measurements of the machine: how fast it reads memory and how fast it multiplies. No kernel is faster than both
/// allow.
#ifndef ECHELON_EXECUTOR_PROBE_H
#define ECHELON_EXECUTOR_PROBE_H

#include "CExecutor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Kinds of products, by the type of the factors. Sums are f32 for the first two and i32 for int8. For int4, bytes are
/// multiplied by nibbles, summed exactly over 32 columns, and then scaled and added as f32.
enum ech_probe_product {
    ECH_PROBE_F32 = 0,
    ECH_PROBE_BF16 = 1,
    ECH_PROBE_INT8 = 2,
    ECH_PROBE_INT4 = 3,
    ECH_PROBE_PRODUCT_COUNT,
};

/// Measures how fast `threads` threads read memory together, in GB/s (10⁹ bytes): the median of `repeats` passes. Each
/// thread reads its own contiguous part of `bytes` bytes, in huge pages if the system grants them. The buffer should be
/// many times as large as the last cache, or the caches are measured. False with a message if memory is short or a
/// number is out of range.
bool ech_probe_read(int64_t bytes, int threads, int repeats, double *gigabytes_per_second,
                    char message[ECH_MESSAGE_SIZE]);

/// Measures how fast `threads` threads multiply and add together, in TFLOP/s or TOP/s (10¹² multiplications and
/// additions, each counted): the median of `repeats` runs. The best instruction of the set is used, with operands in
/// registers. A set without an instruction for the product uses the one that its kernels use instead. Portable code
/// multiplies floats for every product. False with a message if the machine lacks the set or a number is out of range.
bool ech_probe_peak(int isa, int product, int threads, int repeats, double *teraflops, char message[ECH_MESSAGE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
