/// Instructions that are divided by rows: each thread computes the same rows in all of them.
#ifndef ECHELON_ROWS_H
#define ECHELON_ROWS_H

#include "CExecutor.h"
#include "core/kernels.h"
#include "core/walk.h"

#include <stdbool.h>

/// The operands of an instruction and the calling thread's rows; false if it has none.
bool ech_rows_begin(ech_walk *walk, const ech_instruction *instruction, ech_row_work *work);

#endif
