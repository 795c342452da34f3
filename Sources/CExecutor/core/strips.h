/// What a call of a packed matrix's kernel computes.
#ifndef ECHELON_STRIPS_H
#define ECHELON_STRIPS_H

#include <stdint.h>

enum {
    ECH_STRIP = 32, ///< outputs of a strip
    /// Most strips of a call. With many rows, a stretch of their inputs comes into a core's own cache once for all
    /// strips instead of once for each.
    ECH_STRIPS_AT_ONCE = 4,
};

/// `rows` of the input by `strips` strips that follow each other, each of `blocks` blocks along K. Strip s of a row has
/// its outputs at out + s * 32.
typedef struct {
    int32_t rows, blocks, strips;
} ech_strips_size;

#endif
