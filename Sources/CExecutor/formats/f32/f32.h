/// f32 weights: `rows` × `columns` floats, row-major. A machine with AMX uses the kernel for AVX-512: tiles multiply no
/// f32.
#ifndef ECHELON_F32_H
#define ECHELON_F32_H

#include "formats/formats.h"

void ech_strips_f32_portable(const ech_strips *strips);
void ech_strips_f32_avx2(const ech_strips *strips);
void ech_strips_f32_avx512(const ech_strips *strips);

#endif
