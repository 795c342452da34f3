/// Teams: every unit is computed once and loops follow each other, whichever threads have a core; a stopped job ends.
#define _GNU_SOURCE // for affinity
#include "harness.h"
#include "parallel/team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
enum { MAX_THREADS = 8 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void wait_a_little(int turns) {
    for (int i = 0; i < turns; i++) sched_yield();
}

static void nothing_to_begin(int isa, int32_t rows) { (void)isa, (void)rows; }
static void nothing_to_end(int isa) { (void)isa; }

static const atomic_bool never;

/// A job whose loops have these numbers of units, as often as `rounds` says.
typedef struct {
    ech_job job;
    const int *counts;
    int count_of_counts, loops, loop;
    _Atomic int *computed; ///< how often each unit of the current loop was computed
    _Atomic int inside;    ///< threads that compute units
    _Atomic int wrong;     ///< units that were not computed once, threads that were inside between loops
    void (*unit)(int thread, int64_t unit);
} counted_job;

static bool next_counted(ech_job *job, ech_work *work) {
    counted_job *counted = (counted_job *)job;
    if (counted->inside != 0) counted->wrong++;
    const int before = counted->loop > 0 ? counted->counts[(counted->loop - 1) % counted->count_of_counts] : 0;
    for (int unit = 0; unit < before; unit++)
        if (counted->computed[unit] != 1) counted->wrong++;
    if (counted->loop == counted->loops) return false;
    const int count = counted->counts[counted->loop++ % counted->count_of_counts];
    for (int unit = 0; unit < count; unit++) counted->computed[unit] = 0;
    work->count = count, work->min_batch = 1, work->max_batch = 4;
    return true;
}

static void run_counted(ech_job *job, ech_loop *loop) {
    counted_job *counted = (counted_job *)job;
    counted->inside++;
    for (ech_range range; ech_pop(loop, &range);)
        for (int64_t unit = range.begin; unit < range.end; unit++) {
            counted->computed[unit]++;
            if (counted->unit) counted->unit(loop->thread, unit);
        }
    counted->inside--;
}

static counted_job counted_job_of(const int *counts, int count_of_counts, int loops,
                                  void (*unit)(int thread, int64_t unit)) {
    int most = 1;
    for (int i = 0; i < count_of_counts; i++) most = counts[i] > most ? counts[i] : most;
    return (counted_job){.job = {.next = next_counted,
                                 .run = run_counted,
                                 .begin = nothing_to_begin,
                                 .end = nothing_to_end,
                                 .stop = &never},
                         .counts = counts,
                         .count_of_counts = count_of_counts,
                         .loops = loops,
                         .computed = calloc((size_t)most, sizeof(_Atomic int)),
                         .unit = unit};
}

static void run_counted_job(ech_team *team, counted_job job) {
    ech_team_run(team, &job.job);
    CHECK(job.loop == job.loops && job.wrong == 0, "%d of %d loops, %d faults", job.loop, job.loops, job.wrong);
    free(job.computed);
}

static ech_team *team_of(int threads) {
    ech_team *team = ech_team_create(threads);
    CHECK(team && ech_team_threads(team) == threads, "a team of %d threads", threads);
    return team;
}

// MARK: Every unit once

static void dawdle_at_times(int thread, int64_t unit) {
    if ((thread + unit) % 7 == 0) wait_a_little((int)(unit % 3));
}

static void test_every_unit_once(void) {
    static const int counts[] = {0, 1, 2, 5, 100, 1000}, large[] = {200000, 1, 70000};
    static const int thread_counts[] = {1, 2, 3, MAX_THREADS};
    for (int t = 0; t < COUNT(thread_counts); t++) {
        ech_team *team = team_of(thread_counts[t]);
        if (!team) return;
        for (int calls = 0; calls < 20; calls++)
            run_counted_job(team, counted_job_of(counts, COUNT(counts), 30, calls % 2 ? dawdle_at_times : NULL));
        run_counted_job(team, counted_job_of(large, COUNT(large), COUNT(large), NULL));
        ech_team_destroy(team);
    }
}

// MARK: Threads without a core

static pthread_t threads_seen[MAX_THREADS];
static _Atomic bool seen[MAX_THREADS];

static void note_thread(int thread, int64_t unit) {
    (void)unit;
    if (!seen[thread]) threads_seen[thread] = pthread_self();
    seen[thread] = true;
}

static _Atomic bool held, in_handler;

static void hold_thread(int signal) {
    (void)signal;
    in_handler = true;
    while (held) usleep(100);
    in_handler = false;
}

/// Runs jobs until a thread other than the caller has computed units, for 20 s at most.
static bool see_thread(ech_team *team, int thread) {
    static const int counts[] = {64};
    seen[thread] = false;
    for (const double latest = seconds() + 20; !seen[thread] && seconds() < latest;)
        run_counted_job(team, counted_job_of(counts, 1, 1000, note_thread));
    return seen[thread];
}

static void test_late_thread(void) {
    static const int counts[] = {1, 2, 64, 1000};
    ech_team *team = team_of(2);
    if (!team) return;
    CHECK(see_thread(team, 1), "the second thread never works");
    // The thread has no job here, so it holds no units when the signal stops it.
    held = true;
    struct sigaction action = {.sa_handler = hold_thread}, before;
    sigaction(SIGUSR1, &action, &before);
    pthread_kill(threads_seen[1], SIGUSR1);
    while (!in_handler) sched_yield();
    for (int i = 0; i < 3; i++) run_counted_job(team, counted_job_of(counts, COUNT(counts), 1000, NULL));
    held = false;
    while (in_handler) sched_yield();
    sigaction(SIGUSR1, &before, NULL);
    CHECK(see_thread(team, 1), "the late thread does not join again");
    ech_team_destroy(team);
}

static _Atomic int slow_thread = -1, units_of_slow, units_of_others;

/// The first thread to come is slow: it waits in its first unit until the others have computed all that it left.
static void be_slow_first(int thread, int64_t unit) {
    (void)unit;
    int nobody = -1;
    const bool first = atomic_compare_exchange_strong(&slow_thread, &nobody, thread);
    if (thread != slow_thread) {
        units_of_others++;
        return;
    }
    units_of_slow++;
    const double latest = seconds() + 20;
    while (first && units_of_others < 60 && seconds() < latest) usleep(100);
}

static void test_slow_thread(void) {
    static const int counts[] = {64};
    ech_team *team = team_of(2);
    if (!team) return;
    CHECK(see_thread(team, 1), "the second thread never works");
    run_counted_job(team, counted_job_of(counts, 1, 1, be_slow_first));
    CHECK(units_of_slow == 4 && units_of_others == 60, "the slow thread computed %d units, the other %d",
          (int)units_of_slow, (int)units_of_others);
    ech_team_destroy(team);
}

// MARK: Rests

/// Computes for three milliseconds of its thread's time, about a turn of the scheduler.
static void compute_for_a_turn(int thread, int64_t unit) {
    (void)thread, (void)unit;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    const int64_t end = now.tv_sec * 1000000000 + now.tv_nsec + 3000000;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    while (now.tv_sec * 1000000000 + now.tv_nsec < end);
}

/// Two threads have one core, so each takes it from the other in the middle of its units.
static void test_rest(void) {
    static const int counts[] = {16};
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    ech_team *team = team_of(2);
    if (!team) return;
    double latest = seconds() + 20;
    while (ech_team_taking_part(team) == 2 && seconds() < latest)
        run_counted_job(team, counted_job_of(counts, 1, 1, compute_for_a_turn));
    CHECK(ech_team_taking_part(team) == 1, "%d threads take part on one core", ech_team_taking_part(team));
    sched_setaffinity(0, sizeof before, &before);
    latest = seconds() + 20;
    while (ech_team_taking_part(team) == 1 && seconds() < latest)
        run_counted_job(team, counted_job_of(counts, 1, 1000, NULL));
    CHECK(ech_team_taking_part(team) == 2, "the second thread does not take part again after its rest");
    CHECK(see_thread(team, 1), "the second thread sleeps on after its rest");
    ech_team_destroy(team);
}

// MARK: Stopping

static bool next_endless(ech_job *job, ech_work *work) {
    (void)job;
    work->count = 1000, work->min_batch = 1, work->max_batch = 1;
    return true;
}

static void run_endless(ech_job *job, ech_loop *loop) {
    (void)job;
    for (ech_range range; ech_pop(loop, &range);) continue;
}

static void *stop_after_a_moment(void *argument) {
    usleep(2000);
    atomic_store((atomic_bool *)argument, true);
    return NULL;
}

static void test_stopping(void) {
    for (int threads = 1; threads <= 3; threads++) {
        ech_team *team = team_of(threads);
        if (!team) return;
        atomic_bool stop = false;
        ech_job job = {
            .next = next_endless, .run = run_endless, .begin = nothing_to_begin, .end = nothing_to_end, .stop = &stop};
        pthread_t stopper;
        pthread_create(&stopper, NULL, stop_after_a_moment, &stop);
        ech_team_run(team, &job); // hangs if stopping does not work
        pthread_join(stopper, NULL);
        static const int counts[] = {100};
        run_counted_job(team, counted_job_of(counts, 1, 10, NULL));
        ech_team_destroy(team);
    }
}

int main(void) {
    run_test("every unit is computed once, and a loop begins when the one before is finished", test_every_unit_once);
    run_test("nobody waits for a thread that holds no unit, and it joins again", test_late_thread);
    run_test("a thread that is held up in a unit loses all that it has not begun", test_slow_thread);
    run_test("a thread that takes another's core rests, and takes part again later", test_rest);
    run_test("a stopped job ends, and the team goes on with the next", test_stopping);
    return tests_finished();
}
