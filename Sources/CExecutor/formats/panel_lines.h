/// The layout that bf16 and int8 weights have in common, in bytes: a block is two panels, a panel 16 lines, and a line
/// of 16 outputs meets four bytes of a row's input.
#ifndef ECHELON_PANEL_LINES_H
#define ECHELON_PANEL_LINES_H

enum {
    PANEL_LINES = 16,
    LINE_BYTES = 64,
    PANEL_BYTES = PANEL_LINES * LINE_BYTES,
    BLOCK_BYTES = 2 * PANEL_BYTES,
    INPUT_BYTES = 4, ///< of a row for a line
};

#endif
