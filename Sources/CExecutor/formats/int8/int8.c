/// Choice of the int8 kernel.
#include "CExecutor.h"
#include "formats/int8/int8_kernels.h"

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
#define HAVE_AMX_KERNEL 1
#endif

ech_strips_int8 ech_strips_int8_for(int isa) {
    switch (isa) {
#if defined(__x86_64__)
    case ECH_ISA_AVX2: return ech_strips_int8_avx2;
    case ECH_ISA_AVX512: return __builtin_cpu_supports("avx512vnni") ? ech_strips_int8_avx512 : ech_strips_int8_avx2;
#endif
#if defined(HAVE_AMX_KERNEL)
    case ECH_ISA_AMX: return ech_strips_int8_amx;
#endif
    default: return ech_strips_int8_portable;
    }
}
