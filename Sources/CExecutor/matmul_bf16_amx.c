/// The bf16 kernel for AMX.
#include "matmul_bf16_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#define AMX_MULTIPLY amx_multiply_bf16
#include "amx_strip.h"

void ech_strip_bf16_amx(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                        ptrdiff_t out_stride) {
    amx_strip((const char *)strip, (const char *)x, rows, blocks, out, out_stride);
}

#endif
