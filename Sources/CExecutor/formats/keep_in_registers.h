/// A barrier for compilers that reorder products and sums until there are more values than registers.
#ifndef ECHELON_KEEP_IN_REGISTERS_H
#define ECHELON_KEEP_IN_REGISTERS_H

/// Has two vectors in registers at this place. What computes them comes before what follows the next such place.
#define KEEP_IN_REGISTERS(a, b) __asm__ volatile("" : "+x"(a), "+x"(b))

#endif
