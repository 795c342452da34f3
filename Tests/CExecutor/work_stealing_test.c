/// The division of work among threads: every unit is done once, and threads help exactly when they may.
#include "harness.h"
#include "parallel/work_stealing.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

extern int omp_get_num_threads(void);
extern int omp_get_thread_num(void);

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

/// How often each unit of each division was taken.
typedef _Atomic int tally[MAX_UNITS];

/// More divisions than there are tickets, of threads that are unevenly fast. Every third begins without waiting for the
/// threads that are still at the one before.
static void take_everything(int threads, int at_once, bool help) {
    static const int counts[] = {0, 1, 2, 5, 100, MAX_UNITS};
    enum { DIVISIONS = 2 * ECH_TICKET_LIMIT + 3 };
    tally *taken = calloc(DIVISIONS, sizeof *taken);
    ech_left all[MAX_THREADS];
    for (int i = 0; i < MAX_THREADS; i++) atomic_init(&all[i].left, 0);
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), there = omp_get_num_threads();
        for (int d = 0; d < DIVISIONS; d++) {
            const bool met = d % 3 != 0;
            if (met) {
#pragma omp barrier
            }
            const ech_division division = {.all = all,
                                           .ticket = (uint32_t)(d + 1) % ECH_TICKET_LIMIT,
                                           .at_once = at_once,
                                           .count = counts[d % COUNT(counts)],
                                           .thread = thread,
                                           .threads = there,
                                           .help = help,
                                           .met = met};
            if ((thread + d) % 5 == 0) wait_a_little(d % 4);
            ech_divide(&division);
            for (ech_share share; ech_take(&division, &share);) {
                for (int64_t unit = share.begin; unit < share.end; unit++) taken[d][unit]++;
                if ((thread + d) % 7 == 0) wait_a_little(1);
            }
        }
    }
    for (int d = 0; d < DIVISIONS; d++)
        for (int unit = 0; unit < MAX_UNITS; unit++)
            CHECK(taken[d][unit] == (unit < counts[d % COUNT(counts)]),
                  "%d threads take unit %d of %d in division %d %d times", threads, unit, counts[d % COUNT(counts)], d,
                  taken[d][unit]);
    free(taken);
}

static void test_every_unit_once(void) {
    static const int thread_counts[] = {1, 2, 3, MAX_THREADS};
    for (int t = 0; t < COUNT(thread_counts); t++)
        for (int at_once = 1; at_once <= 4; at_once += 3)
            for (int help = 0; help < 2; help++) take_everything(thread_counts[t], at_once, help);
}

/// Two threads, of which the first dawdles until nothing is left, or for a moment when nobody may help it: before it
/// arrives, or with its first unit in hand. Returns how many of the units were the first thread's own doing.
static int units_of_dawdler(bool help, bool met, bool arrives) {
    enum { UNITS = 64 };
    ech_left all[2];
    for (int i = 0; i < 2; i++) atomic_init(&all[i].left, 0);
    _Atomic int taken = 0;
    int own = 0;
    bool two = true;
#pragma omp parallel num_threads(2)
    {
        const int thread = omp_get_thread_num();
        if (omp_get_num_threads() != 2) two = false;
        const ech_division division = {.all = all,
                                       .ticket = 1,
                                       .at_once = 4,
                                       .count = UNITS,
                                       .thread = thread,
                                       .threads = 2,
                                       .help = help,
                                       .met = met};
        const bool dawdles = thread == 0 && two;
        const double latest = seconds() + (help && (met || arrives) ? 20 : 0.05);
        if (dawdles && !arrives)
            while (taken < UNITS && seconds() < latest) sched_yield();
        ech_divide(&division);
        if (arrives) {
#pragma omp barrier
            while (thread == 1 && taken == 0 && seconds() < latest) sched_yield(); // the first units are the dawdler's
        }
        for (ech_share share; ech_take(&division, &share);) {
            const int count = (int)(share.end - share.begin);
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

static void test_slow_thread_is_helped(void) {
    CHECK(units_of_dawdler(true, true, true) == 4,
          "the second thread does all but the four units that the first holds");
    CHECK(units_of_dawdler(true, false, true) == 4, "having met does not matter once a thread has arrived");
    CHECK(units_of_dawdler(false, true, true) == 32, "without help a thread's share is its own");
    CHECK(units_of_dawdler(true, true, false) == 0, "a thread that has yet to arrive is helped once all have met");
    CHECK(units_of_dawdler(true, false, false) == 32,
          "before that it may be at the division before, and is left alone");
}

int main(void) {
    run_test("every unit is taken once, by however many threads", test_every_unit_once);
    run_test("a thread that is done takes over what a slow one has left", test_slow_thread_is_helped);
    return tests_finished();
}
