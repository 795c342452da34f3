/// f32 weights: `rows` × `columns` floats, row-major. OpenBLAS multiplies them.
#ifndef ECHELON_F32_H
#define ECHELON_F32_H

/// Makes OpenBLAS compute in the calling thread only, because its callers are threads already.
void ech_blas_single_threaded(void);

#endif
