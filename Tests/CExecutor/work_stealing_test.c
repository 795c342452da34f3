/// Work stealing: every unit is popped once, and threads steal exactly when they may. Names of tests refer to the
/// invariants that parallel/work_stealing.h numbers.
#include "harness.h"
#include "parallel/omp.h"
#include "parallel/work_stealing.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
enum { MAX_THREADS = 8, MAX_UNITS = 1000 };

static void wait_a_little(int turns) {
    for (int i = 0; i < turns; i++) sched_yield();
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/// The number of times that each unit of each loop was popped.
typedef _Atomic int tally[MAX_UNITS];

/// Runs more loops than there are epochs, on threads that are unevenly fast. Every third loop begins without waiting
/// for threads that are still in the loop before.
static void pop_everything(int threads, int max_batch, bool steals) {
    static const int counts[] = {0, 1, 2, 5, 100, MAX_UNITS};
    enum { LOOPS = 2 * ECH_EPOCH_LIMIT + 3 };
    tally *popped = calloc(LOOPS, sizeof *popped);
    ech_deque deques[MAX_THREADS];
    for (int i = 0; i < MAX_THREADS; i++) atomic_init(&deques[i].word, 0);
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), there = omp_get_num_threads();
        for (int d = 0; d < LOOPS; d++) {
            const bool synchronized = d % 3 != 0;
            if (synchronized) {
#pragma omp barrier
            }
            const ech_loop loop = {.deques = deques,
                                   .epoch = (uint32_t)(d + 1) % ECH_EPOCH_LIMIT,
                                   .max_batch = max_batch,
                                   .count = counts[d % COUNT(counts)],
                                   .thread = thread,
                                   .threads = there,
                                   .steals = steals,
                                   .synchronized = synchronized};
            if ((thread + d) % 5 == 0) wait_a_little(d % 4);
            ech_loop_begin(&loop);
            for (ech_range range; ech_pop(&loop, &range);) {
                for (int64_t unit = range.begin; unit < range.end; unit++) popped[d][unit]++;
                if ((thread + d) % 7 == 0) wait_a_little(1);
            }
        }
    }
    for (int d = 0; d < LOOPS; d++)
        for (int unit = 0; unit < MAX_UNITS; unit++)
            CHECK(popped[d][unit] == (unit < counts[d % COUNT(counts)]),
                  "%d threads pop unit %d of %d in loop %d %d times", threads, unit, counts[d % COUNT(counts)], d,
                  popped[d][unit]);
    free(popped);
}

static void test_every_unit_once(void) {
    static const int thread_counts[] = {1, 2, 3, MAX_THREADS};
    for (int t = 0; t < COUNT(thread_counts); t++)
        for (int max_batch = 1; max_batch <= 4; max_batch += 3)
            for (int steals = 0; steals < 2; steals++) pop_everything(thread_counts[t], max_batch, steals);
}

/// Runs a loop on two threads. The first one dawdles until no unit is left, or for a moment if the other may not steal:
/// before it arrives, or after it has popped its first units. Returns the number of units that the first thread popped.
static int units_of_dawdler(bool steals, bool synchronized, bool arrives) {
    enum { UNITS = 64 };
    ech_deque deques[2];
    for (int i = 0; i < 2; i++) atomic_init(&deques[i].word, 0);
    _Atomic int taken = 0;
    int own = 0;
    bool two = true;
#pragma omp parallel num_threads(2)
    {
        const int thread = omp_get_thread_num();
        if (omp_get_num_threads() != 2) two = false;
        const ech_loop loop = {.deques = deques,
                               .epoch = 1,
                               .max_batch = 4,
                               .count = UNITS,
                               .thread = thread,
                               .threads = 2,
                               .steals = steals,
                               .synchronized = synchronized};
        const bool dawdles = thread == 0 && two;
        const double latest = seconds() + (steals && (synchronized || arrives) ? 20 : 0.05);
        if (dawdles && !arrives)
            while (taken < UNITS && seconds() < latest) sched_yield();
        ech_loop_begin(&loop);
        if (arrives) {
#pragma omp barrier
            while (thread == 1 && taken == 0 && seconds() < latest) sched_yield(); // the first units are the dawdler's
        }
        for (ech_range range; ech_pop(&loop, &range);) {
            const int count = (int)(range.end - range.begin);
            taken += count;
            if (!dawdles) continue;
            own += count;
            while (taken < UNITS && seconds() < latest) sched_yield();
        }
    }
    CHECK(two, "there were two threads");
    CHECK(taken == UNITS, "%d of %d units were taken", taken, UNITS);
    return own;
}

static void test_stealing(void) {
    CHECK(units_of_dawdler(true, true, true) == 4,
          "the second thread does all but the four units that the first holds");
    CHECK(units_of_dawdler(true, false, true) == 4, "synchronization does not matter once a thread has arrived");
    CHECK(units_of_dawdler(false, true, true) == 32, "without stealing, a thread keeps its range");
    CHECK(units_of_dawdler(true, true, false) == 0,
          "a thread that has not arrived is stolen from if the loop is synchronized");
    CHECK(units_of_dawdler(true, false, false) == 32, "otherwise it may be in the loop before, and keeps its units");
}

static void test_first_ranges(void) {
    for (int threads = 1; threads <= MAX_THREADS; threads++)
        for (int64_t count = 0; count <= 2 * MAX_THREADS; count++) {
            int64_t end = 0;
            for (int thread = 0; thread < threads; thread++) {
                ech_deque deques[MAX_THREADS];
                for (int i = 0; i < MAX_THREADS; i++) atomic_init(&deques[i].word, 0);
                const ech_loop loop = {
                    .deques = deques, .epoch = 1, .max_batch = 1, .count = count, .thread = thread, .threads = threads};
                ech_loop_begin(&loop);
                const ech_range range = ech_word_range(atomic_load(&deques[thread].word));
                CHECK(range.begin == end, "thread %d of %d begins at %lld of %lld units, not %lld", thread, threads,
                      (long long)range.begin, (long long)count, (long long)end);
                end = range.end;
            }
            CHECK(end == count, "%d threads share %lld of %lld units", threads, (long long)end, (long long)count);
        }
}

int main(void) {
    run_test("invariants 1 to 3: every unit is popped once, by any number of threads", test_every_unit_once);
    run_test("invariant 4: a finished thread steals the units that a slow one has left", test_stealing);
    run_test("invariant 5: the first range of a thread is the same in every loop", test_first_ranges);
    return tests_finished();
}
