/// The threads of a team: opening loops, helping, waiting, and deciding how many take part.
#define _GNU_SOURCE // for RUSAGE_THREAD
#include "parallel/team.h"
#include "parallel/futex.h"
#include "parallel/omp.h"
#include "parallel/profile.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

/// How long a thread spins before it sleeps, in nanoseconds. Within a job the next loop is microseconds away; between
/// two jobs a sampler chooses tokens.
enum { SPIN_WITHIN = 50000, SPIN_BETWEEN = 200000, PAUSES_OF_A_SPIN = 32 };

// When threads rest, all in nanoseconds. A thread that loses its core in the middle of its units keeps all others
// waiting. Two threads do 1.5 times as much as one or better, so they are worth having until about a third of the time
// is lost.
enum {
    /// Losses below this happen on any machine.
    SMALL_LOSS = 200000,
    /// Losses leak away at a quarter of the time; what is left is how much of them exceeds a quarter. A busy process
    /// takes a core for some milliseconds at a time, so one or two of its turns are enough.
    MAX_EXCESS_LOSS = 3000000,
    /// Threads rest for this long, and for twice the last rest if they lost as much again within that time.
    FIRST_REST = 100000000,
    MAX_REST = 500000000,
};

/// The ticks of a loop after which a thread finds out whether it has lost its core: about a tenth of a millisecond.
static const uint64_t long_part = 1 << 18;

struct ech_team {
    // What threads read when a loop begins.
    /// The current loop's epoch, grains and threads that take part. No grains between two jobs.
    _Alignas(ECH_APART) _Atomic uint64_t control;
    // How many grains a thread takes together. Threads that hold no unit read it; any value will do for those that are
    // late.
    _Atomic int32_t min_batch, max_batch;
    /// Written by the thread that opens loops. Threads that hold units of a loop may read it.
    ech_work work;

    // What a thread has in its cache when it has finished a loop.
    /// The grains of the current loop that are finished.
    _Alignas(ECH_APART) _Atomic int64_t finished;
    // What follows belongs to the thread that opens loops.
    uint64_t opened; ///< the ticks at which the last loop was opened
    int64_t lost;    ///< nanoseconds that have not been counted yet

    // What seldom changes.
    /// Threads that sleep until the control changes, and the word that they sleep on.
    _Alignas(ECH_APART) _Atomic uint32_t sleepers;
    _Atomic uint32_t signal;
    /// The word that threads sleep on which do not take part.
    _Atomic uint32_t rest_signal;
    _Atomic bool closing;
    // What follows belongs to the thread that opens loops. Threads that hold units of a loop may read the job.
    ech_job *job;
    uint64_t job_number;
    uint32_t swept;
    int64_t excess_loss, loss_time; ///< losses that have not leaked away, and when there was one
    int64_t rest, rest_until;       ///< the length of the last rest, and its end

    // What never changes.
    int threads;
    bool has_host;
    pthread_t host; ///< the thread whose parallel region the other threads of the team are
    ech_deque deques[];
};

/// The time that a thread had a core, and how often it lost it.
typedef struct {
    int64_t wall, core; ///< nanoseconds
    int64_t losses;
} core_time;

/// One thread's memory of what it did.
typedef struct {
    ech_team *team;
    int thread;
    uint64_t job_number; ///< the last job for which the thread called `begin`
    void (*end)(int isa);
    int isa;
    core_time begun;    ///< that of the job's begin, or of the last long part
    int64_t idle_since; ///< nanoseconds; 0 while there is something to do
} member;

// MARK: The control word

static uint64_t control_word(uint32_t epoch, int64_t grains, int threads) {
    return (uint64_t)epoch << 32 | (uint64_t)grains << 16 | (uint64_t)threads;
}
static uint32_t control_epoch(uint64_t word) { return (uint32_t)(word >> 32); }
static int32_t control_grains(uint64_t word) { return (int32_t)(word >> 16 & 0xffff); }
static int control_threads(uint64_t word) { return (int)(word & 0xffff); }

/// A counter that runs evenly and is cheap to read, for comparing two times.
static uint64_t ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)ech_nanoseconds();
#endif
}

static void spin_pause(void) {
#if defined(__x86_64__)
    __asm__ volatile("pause");
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// MARK: Lost cores

static core_time core_time_now(void) {
    core_time time = {.wall = ech_nanoseconds()};
#if defined(RUSAGE_THREAD)
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return time;
    time.core = 1000000000 * (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                1000 * (int64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    time.losses = usage.ru_nivcsw;
#endif
    return time;
}

/// Notes how long the thread had no core since it last looked, if the system took it away. Waiting for a disk is no
/// such loss. The thread that finishes a loop looks if the loop took long: it is the one for which the others waited.
static void note_loss(member *self) {
    ech_team *team = self->team;
    const uint64_t opened = team->opened;
    team->opened = ticks();
    if (team->opened - opened < long_part) return;
    const core_time now = core_time_now();
    const int64_t lost = (now.wall - self->begun.wall) - (now.core - self->begun.core);
    if (now.losses > self->begun.losses && lost > SMALL_LOSS) team->lost += lost;
    self->begun = now;
}

// MARK: Opening loops

static void wake(_Atomic uint32_t *signal) {
    atomic_fetch_add(signal, 1);
    ech_wake_all(signal);
}

/// Wakes threads after a new control word, if any sleep.
static void wake_for(ech_team *team, uint64_t before, int threads) {
    if (atomic_load_explicit(&team->sleepers, memory_order_relaxed) > 0) wake(&team->signal);
    if (threads > control_threads(before)) wake(&team->rest_signal);
}

/// Makes a loop known. A thread that falls asleep at this very moment may miss it: the others do its part, and the next
/// loop wakes it.
static void publish(ech_team *team, const ech_work *work, int threads) {
    const int64_t grain = ech_grain_of(work->count);
    const uint64_t before = atomic_load_explicit(&team->control, memory_order_relaxed);
    atomic_store_explicit(&team->finished, 0, memory_order_relaxed);
    atomic_store_explicit(&team->min_batch, (int32_t)((work->min_batch + grain - 1) / grain), memory_order_relaxed);
    atomic_store_explicit(&team->max_batch, (int32_t)((work->max_batch + grain - 1) / grain), memory_order_relaxed);
    team->work = *work;
    atomic_store_explicit(&team->control, control_word(work->epoch, ech_grains_of(work->count), threads),
                          memory_order_release);
    wake_for(team, before, threads);
}

/// Makes the end of the job known. Sequentially consistent, because the caller may not miss it: either this thread sees
/// the sleeper, or the sleeper sees the new word.
static void publish_end(ech_team *team, uint32_t epoch, int threads) {
    const uint64_t before = atomic_exchange(&team->control, control_word(epoch, 0, threads));
    atomic_thread_fence(memory_order_seq_cst);
    wake_for(team, before, threads);
}

/// The number of threads that take part in the next loop: fewer than `now` if too much time was lost, and more when the
/// rest is over.
static int choose_threads(ech_team *team, int now) {
    const int step = now / 4 + 1;
    if (team->lost > 0) {
        const int64_t time = ech_nanoseconds(), leaked = (time - team->loss_time) / 4;
        team->excess_loss = team->lost + (leaked < team->excess_loss ? team->excess_loss - leaked : 0);
        team->lost = 0;
        team->loss_time = time;
        if (team->excess_loss < MAX_EXCESS_LOSS) return now;
        const bool again = team->rest > 0 && time - team->rest_until < team->rest;
        team->rest = !again ? FIRST_REST : 2 * team->rest < MAX_REST ? 2 * team->rest : MAX_REST;
        team->rest_until = time + team->rest;
        // The next loss of a turn is enough.
        team->excess_loss = MAX_EXCESS_LOSS / 2;
        team->loss_time = team->rest_until;
        return now > step ? now - step : 1;
    }
    if (now == team->threads || ech_nanoseconds() < team->rest_until) return now;
    return now + step < team->threads ? now + step : team->threads;
}

/// Has the thread prepare for the job, once. Only who holds units or opens loops may call this.
static void begin_job(member *self) {
    ech_team *team = self->team;
    if (self->job_number == team->job_number) return;
    self->job_number = team->job_number;
    self->isa = team->job->isa;
    self->end = team->job->end;
    team->job->begin(self->isa, team->job->rows);
    self->begun = core_time_now();
}

static void end_job(member *self) {
    if (self->end) self->end(self->isa);
    self->end = NULL;
    self->job_number = 0;
}

/// Opens the loop after `work`, or ends the job. Loops that are not worth sharing are computed at once.
static void open_next(member *self, ech_work work, int threads) {
    ech_team *team = self->team;
    ech_job *job = team->job;
    while (!atomic_load_explicit(job->stop, memory_order_relaxed) && job->next(job, &work)) {
        work.epoch++;
        threads = choose_threads(team, threads);
        if (work.count == 0) continue;
        if (work.count > 1 && !work.alone && threads > 1) {
            publish(team, &work, threads);
            return;
        }
        begin_job(self);
        ech_loop loop = {.stop = job->stop, .work = work, .thread = self->thread, .taken = {0, work.count}};
        job->run(job, &loop);
    }
    publish_end(team, work.epoch + 1, threads);
}

// MARK: Helping

/// Computes units of the loop that the control describes; false if there is none to take. A thread that has waited
/// steals.
static bool help(member *self, uint64_t control) {
    ech_team *team = self->team;
    const ech_shared_loop shared = {
        .deques = team->deques,
        .epoch = control_epoch(control),
        .grains = control_grains(control),
        .min_batch = atomic_load_explicit(&team->min_batch, memory_order_relaxed),
        .max_batch = atomic_load_explicit(&team->max_batch, memory_order_relaxed),
        .thread = self->thread,
        .threads = control_threads(control),
    };
    ech_range grains;
    if (!ech_take(&shared, self->idle_since > 0, &grains)) return false;
    begin_job(self);
    ech_job *job = team->job;
    ech_loop loop = {.shared = shared, .stop = job->stop, .work = team->work, .thread = self->thread};
    ech_loop_add(&loop, grains);
    job->run(job, &loop);
    self->idle_since = 0;
    if (atomic_fetch_add_explicit(&team->finished, loop.finished, memory_order_acq_rel) + loop.finished ==
        shared.grains) {
        note_loss(self);
        open_next(self, loop.work, shared.threads);
    }
    return true;
}

// MARK: Waiting

/// Waits for a moment, or sleeps until the control changes if the thread has waited for a while.
static void wait_for_change(member *self, uint64_t control) {
    ech_team *team = self->team;
    const int64_t now = ech_nanoseconds();
    if (self->idle_since == 0) self->idle_since = now;
    if (now - self->idle_since < (control_grains(control) > 0 ? SPIN_WITHIN : SPIN_BETWEEN)) {
        for (int i = 0; i < PAUSES_OF_A_SPIN && atomic_load(&team->control) == control; i++) spin_pause();
        return;
    }
    end_job(self);
    const uint32_t signal = atomic_load(&team->signal);
    atomic_fetch_add(&team->sleepers, 1);
    if (atomic_load(&team->control) == control && !atomic_load(&team->closing)) ech_sleep_while(&team->signal, signal);
    atomic_fetch_sub(&team->sleepers, 1);
    self->idle_since = 0;
}

/// Sleeps until more threads take part.
static void rest(member *self, uint64_t control) {
    ech_team *team = self->team;
    end_job(self);
    const uint32_t signal = atomic_load(&team->rest_signal);
    if (atomic_load(&team->control) == control && !atomic_load(&team->closing))
        ech_sleep_while(&team->rest_signal, signal);
    self->idle_since = 0;
}

static void serve(ech_team *team, int thread) {
    member self = {.team = team, .thread = thread};
    while (!atomic_load_explicit(&team->closing, memory_order_relaxed)) {
        const uint64_t control = atomic_load(&team->control);
        if (thread >= control_threads(control)) rest(&self, control);
        else if (control_grains(control) == 0 || !help(&self, control)) wait_for_change(&self, control);
    }
    end_job(&self);
}

/// Moves the deques of threads that have been idle for a long time to an epoch that is not long ago: epochs are
/// compared across the wrap-around of their numbers.
static void sweep_deques(ech_team *team, uint32_t epoch) {
    const uint32_t often_enough = UINT32_C(1) << 30;
    if (epoch - team->swept < often_enough) return;
    team->swept = epoch;
    for (int i = 0; i < team->threads; i++)
        atomic_store(&team->deques[i].word, ech_deque_word(epoch, (ech_range){0, 0}));
}

void ech_team_run(ech_team *team, ech_job *job) {
    member self = {.team = team};
    const uint64_t before = atomic_load(&team->control);
    sweep_deques(team, control_epoch(before));
    team->job = job;
    team->job_number++;
    team->opened = ticks();
    open_next(&self, (ech_work){.stage = -1, .epoch = control_epoch(before)}, control_threads(before));
    for (;;) {
        const uint64_t control = atomic_load(&team->control);
        if (control_grains(control) == 0) break;
        if (!help(&self, control)) wait_for_change(&self, control);
    }
    end_job(&self);
}

// MARK: Life

static void *host(void *argument) {
    ech_team *team = argument;
#pragma omp parallel num_threads(team->threads - 1)
    serve(team, omp_get_thread_num() + 1);
    return NULL;
}

static void *wait_to_be_joined(void *argument) {
    pthread_mutex_t *held = argument;
    pthread_mutex_lock(held);
    pthread_mutex_unlock(held);
    return NULL;
}

/// Whether the system grants `count` threads at once. OpenMP's runtime ends the process if it does not.
static bool system_grants(int count) {
    pthread_t *threads = count > 0 ? calloc((size_t)count, sizeof *threads) : NULL;
    if (!threads) return false;
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&held);
    int started = 0;
    while (started < count && pthread_create(&threads[started], NULL, wait_to_be_joined, &held) == 0) started++;
    pthread_mutex_unlock(&held);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
    return started == count;
}

ech_team *ech_team_create(int threads) {
    const size_t bytes = sizeof(ech_team) + (size_t)threads * sizeof(ech_deque);
    ech_team *team = aligned_alloc(_Alignof(ech_team), bytes);
    if (!team) return NULL;
    *team = (ech_team){.threads = threads};
    for (int i = 0; i < threads; i++) atomic_init(&team->deques[i].word, 0);
    atomic_init(&team->control, control_word(0, 0, threads));
    if (threads < 2) return team;
    // A team of two needs only the host.
    team->has_host = (threads == 2 || system_grants(threads - 1)) && pthread_create(&team->host, NULL, host, team) == 0;
    if (team->has_host) return team;
    free(team);
    return NULL;
}

void ech_team_destroy(ech_team *team) {
    if (!team) return;
    atomic_store(&team->closing, true);
    wake(&team->signal);
    wake(&team->rest_signal);
    if (team->has_host) pthread_join(team->host, NULL);
    free(team);
}

int ech_team_threads(const ech_team *team) { return team->threads; }

int ech_team_taking_part(const ech_team *team) { return control_threads(atomic_load(&team->control)); }
