/// Matrix products of instructions: the choice of the kernel and of the units of work.
#include "instructions/product.h"

/// With more rows than this, a thread computes several units together. The inputs of fewer rows stay in a core's own
/// cache, or nearly, from one strip to the next.
enum { ROWS_OF_ONE_UNIT = 32 };

ech_product ech_product_of(const ech_run_state *run, const ech_instruction *instruction) {
    const ech_weight *weight = &run->program->weights[instruction->weight[0]];
    const ech_format_record *format = ech_formats[weight->format];
    const ech_view input = ech_view_of(run, instruction->in[0]);
    const int32_t max_units = run->call->rows > ROWS_OF_ONE_UNIT ? format->max_units : 1;
    return (ech_product){
        .weight = weight,
        .format = format,
        .kernel = run->program->strips[weight->format],
        .whole = ech_strips_of(weight, &input),
        .rows = run->call->rows,
        .unit = format->unit,
        .max_units = max_units,
        .max_outputs = max_units * format->unit,
    };
}

ech_work ech_product_work(const ech_product *product, int64_t outputs) {
    return (ech_work){.count = (outputs + product->unit - 1) / product->unit,
                      .min_batch = 1,
                      .max_batch = product->max_units,
                      .steals = ech_is_worth_stealing((double)outputs * product->weight->columns * product->rows)};
}

void ech_need_outputs(const ech_check *c, int32_t count) {
    const ech_format_record *format = ech_formats[ech_weight_at(c, 0)->format];
    ech_need(&c->program->scratch.per_row, (int64_t)sizeof(float) * count * format->unit * format->max_units);
}
