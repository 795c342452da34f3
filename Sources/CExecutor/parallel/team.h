/// A team of threads that computes one parallel loop after another.
///
/// A loop is over when all of its units are finished, whoever finished them. The thread that finishes the last unit
/// opens the next loop. So nobody waits for a thread that holds no unit: a thread without a core may be late by any
/// number of loops, and joins the others where they are. A thread that finds nothing to do spins for a moment and then
/// sleeps, so that its core is free for whoever holds the missing unit.
///
/// If much time is lost because the system took cores from threads in the middle of their units, fewer threads take
/// part for a while.
///
/// The threads live in one OpenMP parallel region for as long as the team. A region for each call would end with a
/// barrier that waits for all of its threads, also for those that lost their core and have nothing to do.
#ifndef ECHELON_TEAM_H
#define ECHELON_TEAM_H

#include "parallel/work_stealing.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ech_team ech_team;

/// A sequence of parallel loops.
typedef struct ech_job {
    /// Replaces a loop, whose units are all finished, by the next one; false after the last one. The first loop comes
    /// after stage -1. The epoch is left alone. Only one thread at a time calls this.
    bool (*next)(struct ech_job *job, ech_work *work);
    /// Computes the units that it pops from the loop. A thread may come to a loop several times.
    void (*run)(struct ech_job *job, ech_loop *loop);
    /// A thread calls `begin` before its first unit of a job, and `end` when it has nothing to do.
    void (*begin)(int isa, int32_t rows);
    void (*end)(int isa);
    int isa;
    int32_t rows;
    const atomic_bool *stop; ///< if it becomes true, the job ends soon, and its results are worth nothing
} ech_job;

/// Starts a team of `threads`, of which the caller of ech_team_run is the first. NULL if the system refuses memory or a
/// thread.
ech_team *ech_team_create(int threads);
/// Ends the threads. No job may be running.
void ech_team_destroy(ech_team *team);
int ech_team_threads(const ech_team *team);
/// The number of threads that take part at present.
int ech_team_taking_part(const ech_team *team);
/// Computes all loops of a job. One job runs at a time.
void ech_team_run(ech_team *team, ech_job *job);

#endif
