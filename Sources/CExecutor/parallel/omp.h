/// The functions of OpenMP's runtime that the executor calls. The header of the runtime is not used, because it is only
/// found by the compiler that brings it.
#ifndef ECHELON_OMP_H
#define ECHELON_OMP_H

extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern int omp_get_num_threads(void);
extern int omp_get_thread_num(void);

#endif
