/// The int8 kernel for AMX.
#include "matmul_int8_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#define AMX_MULTIPLY amx_multiply_int8
#include "amx_strip.h"

AMX_TARGET void ech_strip_int8_amx(const ech_int8_strip *strip, const ech_q8_rows *x, int32_t rows, int32_t blocks,
                                   float *out, ptrdiff_t out_stride) {
    amx_strip((const char *)strip->values, (const char *)x->values, rows, blocks, out, out_stride);
    for (int32_t i = 0; i < rows; i++) {
        float *row = out + i * out_stride;
        int32_t sums[ECH_STRIP_N];
        memcpy(sums, row, sizeof sums);
        for (int j = 0; j < ECH_STRIP_N; j++) row[j] = (float)sums[j] * (strip->scales[j] * x->scales[i]);
    }
}

#endif
