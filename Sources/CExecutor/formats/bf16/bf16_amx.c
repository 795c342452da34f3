/// The bf16 kernel for AMX.
#include "formats/bf16/bf16.h"

#if defined(ECH_HAS_AMX)
#define AMX_MULTIPLY amx_multiply_bf16
#include "formats/amx_strips_template.h"

void ech_strips_bf16_amx(const ech_strips *strips) { amx_strips(strips); }

#endif
