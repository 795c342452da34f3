/// The layout of a buffer of q8 rows, see ECH_Q8.
#ifndef ECHELON_Q8_H
#define ECHELON_Q8_H

#include "core/arithmetic.h"

#include <stdint.h>

enum {
    ECH_Q8_BLOCK = 64,      ///< columns of a block
    ECH_Q8_SUMMED = 32,     ///< columns that share a sum
    ECH_Q8_ROW_EXTRAS = 64, ///< bytes reserved for each row's scale and total
};

typedef struct {
    int8_t *values;  ///< tiled, in blocks of 64 columns
    float *scales;   ///< one for each row
    int32_t *totals; ///< one for each row: the sum of its values
    int32_t *sums;   ///< [row][columns64 / 32]
    int64_t columns64;
} ech_q8_rows;

static inline ech_q8_rows ech_q8_rows_of(void *data, int64_t width, int64_t rows) {
    const int64_t columns64 = ech_round_up(width, ECH_Q8_BLOCK), rows16 = ech_round_up(rows, 16);
    char *scales = (char *)data + rows16 * columns64;
    return (ech_q8_rows){data, (float *)scales, (int32_t *)(scales + rows16 * 4),
                         (int32_t *)(scales + rows16 * ECH_Q8_ROW_EXTRAS), columns64};
}

/// The bytes that a row of capacity takes, a multiple of 64.
static inline int64_t ech_q8_bytes_per_row(int64_t width) {
    const int64_t columns64 = ech_round_up(width, ECH_Q8_BLOCK);
    return ech_round_up(columns64 + ECH_Q8_ROW_EXTRAS + columns64 / ECH_Q8_SUMMED * 4, 64);
}

#endif
