/// The layout that bf16 and int8 weights have in common, in bytes. A strip of 32 outputs is a sequence of blocks along
/// K. A block is two panels of 16 outputs, a panel is 16 lines, and a line has 4 bytes of each of its 16 outputs: one
/// row of an AMX tile, or one AVX-512 register. A line is multiplied with four bytes of a row of the input, in which
/// each block has 64 bytes.
#ifndef ECHELON_PANEL_LINES_H
#define ECHELON_PANEL_LINES_H

#include <stdint.h>

enum {
    ECH_PANEL_LINES = 16,
    ECH_LINE_BYTES = 64,
    ECH_PANEL_BYTES = ECH_PANEL_LINES * ECH_LINE_BYTES,
    ECH_LINES_BLOCK_BYTES = 2 * ECH_PANEL_BYTES,
    ECH_INPUT_BYTES = 4, ///< bytes of a row that a line is multiplied with
};

/// The byte of a block at which a row's first four bytes begin.
static inline int64_t ech_panel_lines_row(int64_t row) {
    return row % 32 / 16 * ECH_PANEL_BYTES + row % 16 * ECH_INPUT_BYTES;
}

/// The offset of the `byte`th of a row's 64 bytes in a block from its first.
static inline uint64_t ech_panel_lines_byte(uint64_t byte) {
    return byte / ECH_INPUT_BYTES * ECH_LINE_BYTES + byte % ECH_INPUT_BYTES;
}

#endif
