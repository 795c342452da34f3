/// Small integer functions that all layers use.
#ifndef ECHELON_ARITHMETIC_H
#define ECHELON_ARITHMETIC_H

#include <stdint.h>

static inline int64_t ech_round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline int32_t ech_min(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t ech_max(int32_t a, int32_t b) { return a > b ? a : b; }

#endif
