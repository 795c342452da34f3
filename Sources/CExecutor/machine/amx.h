/// The steps by which a process and its threads get access to AMX.
#ifndef ECHELON_AMX_H
#define ECHELON_AMX_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__) || defined(ECHELON_EMULATE_AMX)
/// Defined if the AMX kernels are compiled.
#define ECH_HAS_AMX 1
#endif

/// Asks the system for AMX once in a process; false if it refuses.
bool ech_amx_request(void);

/// Gives the calling thread's tiles their shapes for products of `rows` rows. Every thread calls this at the start of a
/// parallel region, and ech_amx_thread_end at its end. They do nothing for other instruction sets (`enum ech_isa`).
void ech_amx_thread_begin(int isa, int32_t rows);
void ech_amx_thread_end(int isa);

#endif
