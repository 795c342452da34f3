/// linear: a matrix product.
#include "instructions/product.h"

#include <string.h>

bool ech_check_linear(const ech_check *c) {
    ech_need_outputs(c, 1);
    return ech_same_width(c, ech_out(c, 0)->width, ech_weight_at(c, 0)->rows, "its output");
}

ech_work ech_divide_linear(const ech_run_state *run, const ech_instruction *instruction) {
    const ech_product product = ech_product_of(run, instruction);
    return ech_product_work(&product, product.weight->rows);
}

void ech_run_linear(ech_walk *walk, const ech_instruction *instruction) {
    const ech_product p = ech_product_of(walk->run, instruction);
    const int32_t outputs = p.weight->rows, stride = p.max_outputs;
    float *out = ech_view_of(walk->run, instruction->out[0]).data, *scratch = (float *)walk->scratch;
    for (ech_outputs next; ech_next_outputs(walk->loop, &p, outputs, &next);) {
        if (p.format->writes_result) {
            ech_compute(&p, next.first, next.count, out + next.first, outputs);
            continue;
        }
        ech_compute(&p, next.first, next.count, scratch, stride);
        for (int64_t i = 0; i < p.rows; i++)
            memcpy(out + i * outputs + next.first, scratch + i * stride, (size_t)next.count * sizeof *out);
    }
}
