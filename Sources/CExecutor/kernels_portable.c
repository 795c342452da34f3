// The kernels for any machine.
#include "executor.h"

#define KERNEL_TARGET
#include "vector.h"

#include "rows_template.h"

#include "attention_template.h"

#define KERNEL_TABLE ech_kernels_portable
#include "kernel_table.h"
