/// The int8 kernel for AMX.
#include "formats/int8/int8_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#define AMX_MULTIPLY amx_multiply_int8
#include "formats/amx_strip.h"

AMX_TARGET void ech_strips_int8_amx(const ech_int8_strip *strip, const ech_q8_rows *x, ech_strips_size size, float *out,
                                    ptrdiff_t out_stride) {
    amx_strips((const char *)strip->values, (const char *)x->values, size, out, out_stride);
    for (int32_t i = 0; i < size.rows; i++) {
        float *row = out + i * out_stride;
        int32_t sums[ECH_STRIPS_AT_ONCE * ECH_STRIP];
        const int32_t count = size.strips * ECH_STRIP;
        memcpy(sums, row, (size_t)count * sizeof *sums);
        for (int32_t j = 0; j < count; j++) row[j] = (float)sums[j] * (strip->scales[j] * x->scales[i]);
    }
}

#endif
