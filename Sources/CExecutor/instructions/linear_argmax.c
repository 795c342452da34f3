/// linear_argmax: the largest output of a matrix product, which is not stored.
#include "core/kernels.h"
#include "instructions/product.h"

bool ech_check_linear_argmax(const ech_check *c) {
    c->program->scratch.best = true;
    ech_need_outputs(c, 1);
    return true;
}

/// A thread's best outputs so far: the number of the loop that they belong to, in room of 64 bytes; one value for each
/// row; one column for each row.
static uint32_t *best_epoch(const ech_run_state *run, int thread) {
    return (uint32_t *)(run->arena.scratch + thread * run->arena.scratch_stride + run->arena.best_offset);
}

static float *best_values(const ech_run_state *run, int thread) { return (float *)best_epoch(run, thread) + 16; }

static int32_t *best_columns(const ech_run_state *run, int thread) {
    return (int32_t *)(best_values(run, thread) + run->arena.capacity);
}

/// Starts the thread's best outputs at its first units of a loop.
static void begin_best(const ech_run_state *run, const ech_loop *loop) {
    uint32_t *epoch = best_epoch(run, loop->thread);
    if (*epoch == loop->work.epoch) return;
    *epoch = loop->work.epoch;
    for (int32_t i = 0; i < run->call->rows; i++) {
        best_values(run, loop->thread)[i] = -__builtin_inff();
        best_columns(run, loop->thread)[i] = -1;
    }
}

void ech_run_linear_argmax(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_product p = ech_product_of(run, instruction);
    const int32_t outputs = p.weight->rows, stride = p.max_outputs;
    float *scratch = (float *)walk->scratch, *values = best_values(run, walk->loop->thread);
    int32_t *columns = best_columns(run, walk->loop->thread);
    begin_best(run, walk->loop);
    for (ech_outputs next; ech_next_outputs(walk->loop, &p, outputs, &next);) {
        ech_compute(&p, next.first, next.count, scratch, stride);
        run->program->kernels->best(scratch, stride, p.rows, next.count, next.first, values, columns);
    }
}

void ech_combine_linear_argmax(const ech_run_state *run, const ech_instruction *instruction, uint32_t epoch) {
    int32_t *out = ech_view_of(run, instruction->out[0]).data;
    for (int32_t i = 0; i < run->call->rows; i++) {
        float value = -__builtin_inff();
        out[i] = -1;
        for (int thread = 0; thread < run->threads; thread++)
            if (*best_epoch(run, thread) == epoch)
                ech_better(best_values(run, thread)[i], best_columns(run, thread)[i], &value, &out[i]);
    }
}
