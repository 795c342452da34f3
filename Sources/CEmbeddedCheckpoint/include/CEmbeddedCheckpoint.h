/// The small word-problem checkpoint of Tools/wordmath/checkpoint, inside the binary itself.
#ifndef ECHELON_EMBEDDED_CHECKPOINT_H
#define ECHELON_EMBEDDED_CHECKPOINT_H

#include <stddef.h>

typedef struct {
    const char *name; ///< the file's name within the checkpoint folder
    const unsigned char *bytes;
    size_t size;
} ech_embedded_file;

/// The files, in no particular order. `*count` is their number.
const ech_embedded_file *ech_embedded_checkpoint(size_t *count);

#endif
