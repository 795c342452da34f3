/// Extensions of AVX-512 that some processors with the foundation lack.
#ifndef ECHELON_ISA_H
#define ECHELON_ISA_H

#include <stdbool.h>

/// Whether the processor multiplies pairs of bf16 numbers (vdpbf16ps).
bool ech_has_avx512_bf16(void);
/// Whether the processor multiplies quads of bytes (vpdpbusd).
bool ech_has_avx512_vnni(void);

#endif
