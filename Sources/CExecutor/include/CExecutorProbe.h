/// What the machine at hand can do at most, measured: the two floors that no kernel gets below.
#ifndef ECHELON_EXECUTOR_PROBE_H
#define ECHELON_EXECUTOR_PROBE_H

#include "CExecutor.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Kinds of products, by what is multiplied. Sums are f32 for the first two and i32 for the last.
enum ech_probe_product { ECH_PROBE_F32 = 0, ECH_PROBE_BF16 = 1, ECH_PROBE_INT8 = 2, ECH_PROBE_PRODUCT_COUNT };

/// How fast `threads` threads read memory together, each its own contiguous part of `bytes` bytes in huge pages where
/// the system grants them: the median of `repeats` passes, in GB/s (10⁹ bytes). Take a buffer of many times the last
/// cache, or the caches are measured. False with a message when memory is short or a number is out of range.
bool ech_probe_read(int64_t bytes, int threads, int repeats, double *gigabytes_per_second,
                    char message[ECH_MESSAGE_SIZE]);

/// How many products `threads` threads can add up together, in TFLOP/s or TOP/s (10¹² multiplications and additions,
/// each counted), with the best that the instruction set has and operands in registers: the median of `repeats` runs.
/// A set without the product's own instruction uses the one that its kernels use in its place. Portable code multiplies
/// floats whatever the product. False with a message when the machine lacks the set or a number is out of range.
bool ech_probe_peak(int isa, int product, int threads, int repeats, double *teraflops, char message[ECH_MESSAGE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
