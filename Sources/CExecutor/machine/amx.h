/// What a process and its threads have to do before they can use AMX.
#ifndef ECHELON_AMX_H
#define ECHELON_AMX_H

#include <stdbool.h>
#include <stdint.h>

/// Asks the system for AMX once a process; false where it is refused.
bool ech_amx_request(void);

/// Called by every thread at the start of a parallel region and at its end (AMX tile configuration); no-ops for other
/// instruction sets (`enum ech_isa`). `rows` is the number of rows of every product computed in between.
void ech_matmul_thread_begin(int isa, int32_t rows);
void ech_matmul_thread_end(int isa);

#endif
