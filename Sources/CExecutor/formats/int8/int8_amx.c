/// The int8 kernel for AMX.
#include "formats/int8/int8.h"

#if defined(ECH_HAS_AMX)
#define AMX_MULTIPLY amx_multiply_int8
#include "formats/amx_strips_template.h"

AMX_TARGET void ech_strips_int8_amx(const ech_strips *strips) {
    amx_strips(strips);
    const int32_t count = strips->strips * ECH_STRIP;
    for (int32_t i = 0; i < strips->rows; i++) {
        float *row = strips->out + i * strips->out_stride;
        int32_t sums[ECH_STRIPS_AT_ONCE * ECH_STRIP];
        memcpy(sums, row, (size_t)count * sizeof *sums);
        for (int32_t j = 0; j < count; j++) row[j] = (float)sums[j] * (strips->weight_scales[j] * strips->scales[i]);
    }
}

#endif
