/// Matrix products of instructions. Threads share the outputs in units of a strip, or of some rows of an f32 weight.
/// The units do not depend on the threads, so neither do the results.
#ifndef ECHELON_PRODUCT_H
#define ECHELON_PRODUCT_H

#include "CExecutor.h"
#include "core/strips.h"
#include "core/walk.h"
#include "formats/formats.h"
#include "instructions/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The product x wᵀ of the call's rows in0 with the weight w0.
typedef struct {
    const ech_weight *weight;
    const ech_format_record *format;
    ech_strips_kernel kernel;
    ech_strips whole;
    int32_t rows;
    int32_t unit;      ///< the outputs in a unit of work
    int32_t max_units; ///< the maximum number of units that are computed together
    int32_t max_outputs;
} ech_product;

/// Outputs that a thread computes together.
typedef struct {
    int32_t first, count;
} ech_outputs;

ech_product ech_product_of(const ech_run_state *run, const ech_instruction *instruction);

/// The units of the first `outputs` outputs.
ech_work ech_product_work(const ech_product *product, int64_t outputs);

/// Takes the thread's next outputs of the first `outputs` ones; false after the last.
static inline bool ech_next_outputs(ech_loop *loop, const ech_product *product, int32_t outputs, ech_outputs *next) {
    ech_range units;
    if (!ech_pop(loop, &units)) return false;
    next->first = (int32_t)units.begin * product->unit;
    next->count = ech_min((int32_t)(units.end - units.begin) * product->unit, outputs - next->first);
    return true;
}

/// Computes outputs first ..< first + count of every row. `first` is the first output of a strip. A packed weight's
/// strips are written to their end; outputs past the weight's rows are zero.
static inline void ech_compute(const ech_product *product, int64_t first, int32_t count, float *out, ptrdiff_t stride) {
    const ech_strips part = ech_strips_part(&product->whole, (int32_t)first, count, out, stride);
    product->kernel(&part);
}

/// Does the same, and says which output the thread computes next if that is not the one that follows.
static inline void ech_compute_before(const ech_product *product, int64_t first, int32_t count, int64_t next,
                                      float *out, ptrdiff_t stride) {
    ech_strips part = ech_strips_part(&product->whole, (int32_t)first, count, out, stride);
    part.next = ech_format_strip(product->weight, next);
    product->kernel(&part);
}

/// Makes room in scratch for `count` times the outputs that a thread computes together.
void ech_need_outputs(const ech_check *c, int32_t count);

#endif
