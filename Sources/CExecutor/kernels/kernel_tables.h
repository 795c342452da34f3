/// The tables of kernels, one for each instruction set.
#ifndef ECHELON_KERNEL_TABLES_H
#define ECHELON_KERNEL_TABLES_H

#include "core/kernels.h"

extern const ech_kernels ech_kernels_portable;
#if defined(__x86_64__)
extern const ech_kernels ech_kernels_avx2, ech_kernels_avx512;
#endif

#endif
