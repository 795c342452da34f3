/// Work stealing on one thread, step by step. Names of tests refer to the invariants that parallel/work_stealing.h
/// numbers; team_test.c has the threads.
#include "harness.h"
#include "parallel/work_stealing.h"

#include <string.h>

enum { MAX_THREADS = 8, MAX_GRAINS = 100 };

static ech_shared_loop loop_of(ech_deque *deques, uint32_t epoch, int grains, int thread, int threads) {
    return (ech_shared_loop){.deques = deques,
                             .epoch = epoch,
                             .grains = grains,
                             .min_batch = 1,
                             .max_batch = 4,
                             .thread = thread,
                             .threads = threads};
}

static void start_at(ech_deque *deques, uint32_t epoch) {
    for (int i = 0; i < MAX_THREADS; i++) atomic_init(&deques[i].word, ech_deque_word(epoch, (ech_range){0, 0}));
}

/// Threads take turns at random until nothing is left. Some are idle for whole loops. Epochs begin before the
/// wrap-around of their number.
static void test_every_grain_once(void) {
    ech_deque deques[MAX_THREADS];
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        uint32_t epoch = UINT32_MAX - 20;
        start_at(deques, epoch);
        for (int n = 0; n < 50; n++) {
            const int grains = random_below(MAX_GRAINS + 1), active = 1 + random_below(threads);
            int taken[MAX_GRAINS] = {0}, left = grains;
            epoch++;
            while (left > 0) {
                const ech_shared_loop loop = loop_of(deques, epoch, grains, random_below(active), threads);
                ech_range range;
                CHECK(ech_take(&loop, true, &range), "%d grains are left and none can be taken", left);
                for (int64_t grain = range.begin; grain < range.end; grain++, left--) taken[grain]++;
            }
            for (int grain = 0; grain < grains; grain++)
                CHECK(taken[grain] == 1, "%d threads take grain %d of %d %d times", threads, grain, grains,
                      taken[grain]);
            for (int thread = 0; thread < threads; thread++) {
                const ech_shared_loop loop = loop_of(deques, epoch, grains, thread, threads);
                ech_range range;
                CHECK(!ech_take(&loop, true, &range), "thread %d takes more grains than there are", thread);
            }
        }
    }
}

static void test_late_threads(void) {
    ech_deque deques[MAX_THREADS];
    start_at(deques, 0);
    const ech_shared_loop first = loop_of(deques, 1, 8, 0, 2), second = loop_of(deques, 2, 8, 0, 2);
    ech_range range;
    while (ech_take(&first, true, &range)) continue;
    CHECK(ech_take(&second, true, &range), "the second loop has grains");
    // Thread 1 has seen neither loop begin.
    for (int thread = 0; thread < 2; thread++) {
        const ech_shared_loop late = loop_of(deques, 1, 8, thread, 2);
        uint64_t before[2], after[2];
        for (int i = 0; i < 2; i++) before[i] = atomic_load(&deques[i].word);
        CHECK(!ech_take(&late, true, &range), "thread %d takes grains of a loop that is over", thread);
        for (int i = 0; i < 2; i++) after[i] = atomic_load(&deques[i].word);
        CHECK(memcmp(before, after, sizeof before) == 0, "thread %d changes a deque of a later loop", thread);
    }
    int left = 8 - (int)(range.end - range.begin);
    const ech_shared_loop joined = loop_of(deques, 2, 8, 1, 2);
    while (ech_take(&joined, true, &range)) left -= (int)(range.end - range.begin);
    CHECK(left == 0, "%d grains of the second loop are left", left);
}

static void test_batches(void) {
    ech_deque deques[MAX_THREADS];
    start_at(deques, 0);
    ech_shared_loop loop = loop_of(deques, 1, 32, 0, 2);
    loop.min_batch = 2;
    static const int expected[] = {4, 4, 4, 2, 2}; // half of what is left of 16, within the limits
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ech_range range;
        CHECK(ech_take_own(&loop, &range) && range.end - range.begin == expected[i], "batch %d has %lld grains, not %d",
              (int)i, (long long)(range.end - range.begin), expected[i]);
    }
    ech_range range;
    CHECK(!ech_take_own(&loop, &range), "the own deque is empty");
    CHECK(ech_take(&loop, true, &range) && range.begin == 24, "the back half of the other thread's 16 is stolen");
}

static void test_first_ranges(void) {
    for (int threads = 1; threads <= MAX_THREADS; threads++)
        for (int64_t count = 0; count <= 2 * MAX_THREADS; count++) {
            int64_t end = 0;
            for (int thread = 0; thread < threads; thread++) {
                const ech_range range = ech_range_of(count, thread, threads);
                CHECK(range.begin == end, "thread %d of %d begins at %lld of %lld, not %lld", thread, threads,
                      (long long)range.begin, (long long)count, (long long)end);
                end = range.end;
            }
            CHECK(end == count, "%d threads share %lld of %lld", threads, (long long)end, (long long)count);
            const ech_range none = ech_range_of(count, threads, threads);
            CHECK(none.begin == none.end, "a thread that does not take part has a range");
        }
}

static void test_grains(void) {
    static const int64_t counts[] = {0, 1, ECH_GRAINS_LIMIT, ECH_GRAINS_LIMIT + 1, 1 << 22, 1 << 28};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const int64_t count = counts[i], grains = ech_grains_of(count), grain = ech_grain_of(count);
        CHECK(grains <= ECH_GRAINS_LIMIT, "%lld units make %lld grains", (long long)count, (long long)grains);
        CHECK(grains * grain >= count && (grains - 1) * grain < count, "%lld grains of %lld units do not cover %lld",
              (long long)grains, (long long)grain, (long long)count);
    }
}

int main(void) {
    run_test("invariant 1: every grain is taken once, whichever threads take part", test_every_grain_once);
    run_test("invariant 3: a thread that is late by a loop takes nothing of it, and joins the current one",
             test_late_threads);
    run_test("batches are half of what is left, within their limits, and the back half is stolen", test_batches);
    run_test("invariant 5: threads begin with equal ranges, in order", test_first_ranges);
    run_test("a loop of any size has no more grains than a deque can count", test_grains);
    return tests_finished();
}
