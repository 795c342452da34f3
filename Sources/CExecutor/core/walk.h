/// A running call: the state that all threads share, and what one thread does of a stage.
#ifndef ECHELON_WALK_H
#define ECHELON_WALK_H

#include "CExecutor.h"
#include "core/arithmetic.h"
#include "core/program.h"
#include "core/session.h"
#include "core/view.h"
#include "core/wavefront.h"
#include "parallel/work_stealing.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const ech_program *program;
    const ech_session *session;
    const ech_call *call;
    ech_arena arena;
    const int32_t *slots, *positions, *depths;
    ech_wavefront wavefront;
    ech_wavefront wavefront_by_depth; ///< for caches that ech_reads_by_depth
    int threads;
} ech_run_state;

/// One thread in a stage.
typedef struct {
    const ech_run_state *run;
    char *scratch;
    ech_loop *loop;
    ech_range rows; ///< the thread's rows of instructions that are divided by rows
} ech_walk;

static inline ech_view ech_view_of(const ech_run_state *run, int32_t index) {
    const ech_buffer *buffer = &run->program->buffers[index];
    ech_view view = {NULL, buffer->element, buffer->width, ech_min(run->call->rows, ECH_TILE_ROWS), run->call->rows};
    switch (buffer->storage) {
    // Parameters are never written: program.c refuses outputs there.
    case ECH_PARAMETER: view.data = (void *)(uintptr_t)run->call->parameters[buffer->index]; break;
    case ECH_RESULT: view.data = run->call->results[buffer->index]; break;
    default: view.data = run->arena.buffers + buffer->offset_per_row * run->arena.capacity; break;
    }
    return view;
}

/// The recurrence of the call at which a cache instruction writes or reads.
static inline int32_t ech_recurrence(const ech_walk *walk, const ech_instruction *instruction) {
    return instruction->recurrence < 0 ? walk->loop->work.iteration : instruction->recurrence;
}

/// The rotary embedding of heads of `dim` columns whose frequencies are weight number `weight` of an instruction.
static inline ech_rope_need ech_rope_of(const ech_program *program, const ech_instruction *instruction, int weight,
                                        float magnitude, int32_t dim) {
    return (ech_rope_need){program->weights[instruction->weight[weight]].data, magnitude, dim};
}

/// The values of the rotary table of such an embedding: ech_session_prepare has made it.
static inline const float *ech_rope_values(const ech_run_state *run, const ech_instruction *instruction, int weight,
                                           float magnitude, int32_t dim) {
    const ech_rope_need need = ech_rope_of(run->program, instruction, weight, magnitude, dim);
    return run->session->ropes[ech_rope_index(run->session, need)].values;
}

#endif
