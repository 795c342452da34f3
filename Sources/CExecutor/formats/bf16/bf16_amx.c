/// The bf16 kernel for AMX.
#include "formats/bf16/bf16_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#define AMX_MULTIPLY amx_multiply_bf16
#include "formats/amx_strip.h"

void ech_strips_bf16_amx(const uint16_t *weights, const uint16_t *x, ech_strips_size size, float *out,
                         ptrdiff_t out_stride) {
    amx_strips((const char *)weights, (const char *)x, size, out, out_stride);
}

#endif
