/// A buffer during a call.
#ifndef ECHELON_VIEW_H
#define ECHELON_VIEW_H

#include "core/q8.h"

#include <stdint.h>

enum {
    ECH_TILE_ROWS = 16,  ///< the maximum number of rows in a tile of bf16 or q8 rows
    ECH_BF16_BLOCK = 32, ///< columns of a block of bf16 rows
    ECH_ROW_BYTES = 64,  ///< of one row in one block: 32 columns in bf16, 64 in q8
};

typedef struct {
    void *data;
    int32_t element, width;
    int32_t tile; ///< rows in a tile, h of ECH_BF16 and ECH_Q8
    int32_t rows; ///< rows of the call
} ech_view;

static inline ech_q8_rows ech_q8_of(const ech_view *view) {
    return ech_q8_rows_of(view->data, view->width, view->rows);
}

#endif
