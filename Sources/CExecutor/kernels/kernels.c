/// The choice of the kernel table of an instruction set.
#include "core/kernels.h"
#include "kernels/kernel_tables.h"

const ech_kernels *ech_kernels_for(int isa) {
#if defined(__x86_64__)
    if (isa >= ECH_ISA_AVX512) return &ech_kernels_avx512; // AMX multiplies matrices only
    if (isa >= ECH_ISA_AVX2) return &ech_kernels_avx2;     // AVX-VNNI, too
#endif
    (void)isa;
    return &ech_kernels_portable;
}
