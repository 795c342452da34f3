/// Where the parts of a buffer of q8 rows lie, see ECH_Q8.
#ifndef ECHELON_Q8_H
#define ECHELON_Q8_H

#include <stdint.h>

typedef struct {
    int8_t *values;  ///< tiled, in blocks of 64 columns
    float *scales;   ///< by row
    int32_t *totals; ///< by row: the sum of its values
    int32_t *sums;   ///< [row][columns64 / 32]
    int64_t columns64;
} ech_q8_rows;

static inline ech_q8_rows ech_q8_rows_of(void *data, int64_t width, int64_t rows) {
    const int64_t columns64 = (width + 63) / 64 * 64, rows16 = (rows + 15) / 16 * 16;
    char *scales = (char *)data + rows16 * columns64;
    return (ech_q8_rows){data, (float *)scales, (int32_t *)(scales + rows16 * 4), (int32_t *)(scales + rows16 * 64),
                         columns64};
}

/// Bytes that a row of capacity takes, a multiple of 64.
static inline int64_t ech_q8_bytes_per_row(int64_t width) {
    const int64_t columns64 = (width + 63) / 64 * 64;
    return (columns64 + 64 + columns64 / 8 + 63) / 64 * 64;
}

#endif
