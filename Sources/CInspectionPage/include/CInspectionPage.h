/// The parts of the page that `echelon inspect -o page.html` writes, inside the binary.
#ifndef ECHELON_INSPECTION_PAGE_H
#define ECHELON_INSPECTION_PAGE_H

#include <stddef.h>

typedef struct {
    const char *name; ///< the file's name in the folder `page`
    const unsigned char *bytes;
    size_t size;
} ech_page_file;

/// `index.html`, `style.css` and the scripts in the order in which the page runs them. `*count` is their number.
const ech_page_file *ech_inspection_page(size_t *count);

#endif
