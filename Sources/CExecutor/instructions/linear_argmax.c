/// linear_argmax: the largest output of a matrix product, which is not stored.
#include "core/kernels.h"
#include "instructions/product.h"

bool ech_check_linear_argmax(const ech_check *c) {
    c->program->scratch.best = true;
    ech_need_outputs(c, 1);
    return true;
}

/// A thread's best outputs so far: one value for each row, then one column for each row.
static float *best_values(const ech_run_state *run, int thread) {
    return (float *)(run->arena.scratch + thread * run->arena.scratch_stride + run->arena.best_offset);
}

static int32_t *best_columns(const ech_run_state *run, int thread) {
    return (int32_t *)(best_values(run, thread) + run->arena.capacity);
}

void ech_run_linear_argmax(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_product p = ech_product_of(walk, instruction);
    const int32_t outputs = p.weight->rows, rows = p.rows, stride = p.max_outputs;
    float *scratch = (float *)walk->scratch, *values = best_values(run, walk->thread);
    int32_t *columns = best_columns(run, walk->thread);
    for (int32_t i = 0; i < rows; i++) {
        values[i] = -__builtin_inff();
        columns[i] = -1;
    }
    const ech_loop loop = ech_product_begin_loop(walk, instruction, &p, outputs);
    for (ech_outputs next; ech_next_outputs(&loop, &p, outputs, &next);) {
        ech_compute(&p, next.first, next.count, scratch, stride);
        run->program->kernels->best(scratch, stride, rows, next.count, next.first, values, columns);
    }
    ech_walk_barrier(walk);
    int32_t *out = ech_view_of(run, instruction->out[0]).data;
    const ech_range combined = ech_range_of(rows, walk->thread, walk->threads);
    for (int64_t i = combined.begin; i < combined.end; i++) {
        float value = -__builtin_inff();
        out[i] = -1;
        for (int thread = 0; thread < walk->threads; thread++)
            ech_better(best_values(run, thread)[i], best_columns(run, thread)[i], &value, &out[i]);
    }
    // The next linear_argmax would overwrite values that another thread still reads.
    ech_walk_barrier(walk);
}
