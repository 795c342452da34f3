/// A running call: the state that all threads share, and the walk of one thread along the tape.
#ifndef ECHELON_WALK_H
#define ECHELON_WALK_H

#include "CExecutor.h"
#include "core/arithmetic.h"
#include "core/program.h"
#include "core/session.h"
#include "core/view.h"
#include "core/wavefront.h"
#include "parallel/barrier.h"
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
    ech_barrier barrier;
} ech_run_state;

typedef struct {
    ech_run_state *run;
    char *scratch;
    uint32_t barriers; ///< barriers passed so far
    uint32_t loops;    ///< parallel loops begun so far
    int32_t iteration; ///< finished iterations of the ECH_REPEAT around the current instruction
    int thread, threads;
    ech_track *track; ///< this thread's own copy if the call is recorded
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
    return instruction->recurrence < 0 ? walk->iteration : instruction->recurrence;
}

/// The values of a rotary table that the program needs: ech_session_prepare has made it.
static inline const float *ech_rope_values(const ech_run_state *run, float base, int32_t dim) {
    return run->session->ropes[ech_rope_index(run->session, base, dim)].values;
}

static inline void ech_walk_barrier(ech_walk *walk) {
    ech_barrier_wait(&walk->run->barrier, walk->threads, &walk->barriers);
}

/// Begins the parallel loop over `count` units of an instruction's work, which take `multiplications` in all. Every
/// thread has to call this, in the order of the tape.
static inline ech_loop ech_walk_begin_loop(ech_walk *walk, const ech_instruction *instruction, int64_t count,
                                           int32_t max_batch, double multiplications) {
    // Below this, stealing costs more than it saves: the whole instruction takes about 10 µs.
    const double worth_stealing = 0x1p21;
    const ech_loop loop = {
        .deques = walk->run->arena.deques,
        .epoch = ++walk->loops % ECH_EPOCH_LIMIT,
        .max_batch = max_batch,
        .count = count,
        .thread = walk->thread,
        .threads = walk->threads,
        .steals = multiplications >= worth_stealing,
        .synchronized = instruction->barrier,
    };
    ech_loop_begin(&loop);
    return loop;
}

#endif
