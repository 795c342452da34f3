/// The f32 kernel for any machine.
#include "formats/f32/f32.h"

// Vectors of 4 floats are what every 64-bit machine has; 6 sums and their operands fit in 16 registers.
#define F32_TARGET
#define LANES 4
#define FMA(a, b, c) ((a) * (b) + (c))
#define LOAD_FIRST(p, n) ((vec){(p)[0], (n) > 1 ? (p)[1] : 0, (n) > 2 ? (p)[2] : 0, 0})
#define MAX_ROWS 2
#define OUTPUTS 3
#include "formats/f32/f32_template.h"

void ech_strips_f32_portable(const ech_strips *strips) { multiply_f32(strips); }
