/// What processors with the same instruction set differ in.
#ifndef ECHELON_ISA_H
#define ECHELON_ISA_H

#include <stdbool.h>

/// Whether the processor multiplies pairs of bf16 numbers (vdpbf16ps).
bool ech_has_avx512_bf16(void);
/// Whether the processor multiplies quads of bytes (vpdpbusd).
bool ech_has_avx512_vnni(void);
/// Whether AVX-512 kernels read one stream of memory fastest if every line is prefetched by an instruction. On AMD's
/// processors it is faster to leave the stream to the processor's own prefetcher (docs/kernels.md).
bool ech_prefetches_every_line(void);

#endif
