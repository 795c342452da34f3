/// Instructions that are divided by rows.
#ifndef ECHELON_ROWS_H
#define ECHELON_ROWS_H

#include "CExecutor.h"
#include "core/kernels.h"
#include "core/walk.h"

/// The operands of an instruction and the walk's rows.
ech_row_work ech_row_work_of(const ech_walk *walk, const ech_instruction *instruction);

#endif
