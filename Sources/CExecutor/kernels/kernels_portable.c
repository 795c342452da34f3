/// The kernels for any machine.
#include "kernels/kernel_tables.h"

#define KERNEL_TARGET
#include "kernels/rows_template.h"

#include "kernels/projection_template.h"

// Vectors of 4 floats are what every 64-bit machine has; 8 sums and their operands fit in 16 registers.
#define LANES 4
#define FMA(a, b, c) ((a) * (b) + (c))
#define ATTENTION_ROWS 2
#define SCORE_BLOCKS 1
#define VALUE_VECTORS 4
#include "kernels/attention_template.h"

#define KERNEL_TABLE ech_kernels_portable
#include "kernels/kernel_table_template.h"
