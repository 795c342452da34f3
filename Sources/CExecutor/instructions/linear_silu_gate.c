/// linear_silu_gate: a matrix product whose first half of outputs, the gate, goes through silu and is multiplied with
/// the second half, up.
#include "core/kernels.h"
#include "instructions/product.h"

#include <string.h>

bool ech_check_linear_silu_gate(const ech_check *c) {
    ech_need_outputs(c, 2);
    return ech_same_width(c, ech_weight_at(c, 0)->rows, 2 * (int64_t)ech_out(c, 0)->width, "its weight's outputs");
}

/// Computes gate and up of the same columns.
static void gate_aligned(const ech_product *p, ech_loop *loop, const ech_kernels *kernels, float *scratch,
                         ech_view out) {
    const int32_t stride = p->max_outputs;
    float *gate = scratch, *up = scratch + (int64_t)p->rows * stride;
    for (ech_outputs next; ech_next_outputs(loop, p, out.width, &next);) {
        const int64_t up_first = (int64_t)out.width + next.first;
        ech_compute_before(p, next.first, next.count, up_first, gate, stride);
        ech_compute_before(p, up_first, next.count, next.first + next.count, up, stride);
        kernels->silu_gate(gate, stride, up, stride, p->rows, next.count, out, next.first);
    }
}

/// Does the same if the up half begins inside a strip of a packed weight. 32 columns of it are in two strips. The
/// second one is kept for the next columns.
static void gate_across_strips(const ech_product *p, ech_loop *loop, const ech_kernels *kernels, float *scratch,
                               ech_view out) {
    const int32_t rows = p->rows, offset = out.width % ECH_STRIP;
    const ptrdiff_t stride = 2 * ECH_STRIP; // both strips side by side, so that a row's columns are contiguous
    float *gate = scratch, *up = scratch + rows * ECH_STRIP;
    int64_t held = -1; // the strip whose results `up` holds
    for (ech_outputs next; ech_next_outputs(loop, p, out.width, &next);)
        for (int32_t column = next.first; column < next.first + next.count; column += ECH_STRIP) {
            const int32_t count = ech_min(ECH_STRIP, out.width - column);
            const int64_t strip = ((int64_t)out.width + column) / ECH_STRIP;
            ech_compute(p, column, ECH_STRIP, gate, ECH_STRIP);
            if (held == strip)
                for (int64_t i = 0; i < rows; i++)
                    memcpy(up + i * stride, up + i * stride + ECH_STRIP, ECH_STRIP * sizeof *up);
            else ech_compute(p, strip * ECH_STRIP, ECH_STRIP, up, stride);
            if (offset + count > ECH_STRIP) {
                ech_compute(p, (strip + 1) * ECH_STRIP, ECH_STRIP, up + ECH_STRIP, stride);
                held = strip + 1;
            }
            kernels->silu_gate(gate, ECH_STRIP, up + offset, stride, rows, count, out, column);
        }
}

ech_work ech_divide_linear_silu_gate(const ech_run_state *run, const ech_instruction *instruction) {
    const ech_product product = ech_product_of(run, instruction);
    return ech_product_work(&product, ech_view_of(run, instruction->out[0]).width);
}

void ech_run_linear_silu_gate(ech_walk *walk, const ech_instruction *instruction) {
    const ech_product p = ech_product_of(walk->run, instruction);
    const ech_view out = ech_view_of(walk->run, instruction->out[0]);
    const bool aligned = out.width % p.whole.strip_outputs == 0;
    (aligned ? gate_aligned : gate_across_strips)(&p, walk->loop, walk->run->program->kernels, (float *)walk->scratch,
                                                  out);
}
