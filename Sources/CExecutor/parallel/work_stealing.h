/// Work stealing: how threads share the units of a parallel loop. Each thread begins with a contiguous range of its
/// own, the same in every call, so that it reads the weights in its own node's memory. A thread that has finished its
/// range steals half of another thread's. Cores are not equally fast if other programs run on them or if their types
/// differ.
///
/// The ranges are kept in one deque for each thread. The owner takes units from the front, and thieves steal from the
/// back. A deque is one word of an epoch (the number of the loop), a begin and an end, so that one compare-and-exchange
/// takes units away and nothing else can have changed in between. The next loop begins when every unit of this one is
/// finished, whoever finished it. So a thread may be late by any number of loops: it finds its deque in a later epoch,
/// and takes nothing.
///
/// Invariants, which Tests/CExecutor/work_stealing_test.c checks:
/// 1. Each unit of a loop is taken exactly once. Units leave a deque only by the compare-and-exchange that takes them.
/// 2. A loop does not end while a thread holds units of it. So who holds units may read the loop's description, and
///    nobody else may.
/// 3. A deque's epoch never goes back. Whoever touches a deque first in a loop, its owner or a thief, moves it to the
///    loop's epoch, with the range that the loop's size gives the owner. All units of earlier epochs are finished then.
/// 4. A thief stores what it stole in its own deque, which is empty, and holds those units meanwhile. Others pass over
///    empty deques of the same epoch, so this plain store cannot overwrite an exchange of theirs.
/// 5. The first range of a thread depends only on the number of units and of threads.
#ifndef ECHELON_WORK_STEALING_H
#define ECHELON_WORK_STEALING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// Numbers begin ..< end.
typedef struct {
    int64_t begin, end;
} ech_range;

/// The part that a thread begins with; nothing if the thread's number is not below the number of threads.
static inline ech_range ech_range_of(int64_t count, int thread, int threads) {
    if (thread >= threads) return (ech_range){count, count};
    return (ech_range){count * thread / threads, count * (thread + 1) / threads};
}

/// What one thread writes and another one reads all the time is kept apart from other data by this many bytes:
/// processors fetch cache lines of 64 bytes in pairs.
enum { ECH_APART = 128 };

/// The units that a thread has left.
typedef struct {
    _Alignas(ECH_APART) _Atomic uint64_t word; ///< epoch, begin and end
} ech_deque;

/// Deques count in grains, so that a range fits into half a word. A grain is one unit in all but the largest loops.
enum { ECH_GRAIN_BITS = 16, ECH_GRAINS_LIMIT = (1 << ECH_GRAIN_BITS) - 1 };

/// The units of a parallel loop.
typedef struct {
    int64_t count;
    int32_t min_batch, max_batch; ///< the numbers of units that a thread takes together
    int32_t stage, iteration;     ///< which loop it is, for those who compute it
    uint32_t epoch;               ///< the loop's number
    bool alone;                   ///< whether sharing it would cost more than it saves
    bool steals;                  ///< whether it is so long that a thread steals as soon as its own units are finished
} ech_work;

/// Whether a loop of that many multiplications is so long, 10 µs or more, that stealing at once saves more than it
/// costs.
static inline bool ech_is_worth_stealing(double multiplications) { return multiplications >= 0x1p21; }

static inline int64_t ech_grain_of(int64_t units) { return units / ECH_GRAINS_LIMIT + 1; }

/// The number of a loop's grains.
static inline int64_t ech_grains_of(int64_t units) { return (units + ech_grain_of(units) - 1) / ech_grain_of(units); }

/// What every thread may know of a loop before it holds units of it.
typedef struct {
    ech_deque *deques; ///< one for each thread
    uint32_t epoch;
    int32_t grains;
    int32_t min_batch, max_batch; ///< in grains
    int thread, threads;
} ech_shared_loop;

static inline uint64_t ech_deque_word(uint32_t epoch, ech_range range) {
    return (uint64_t)epoch << 2 * ECH_GRAIN_BITS | (uint64_t)range.begin << ECH_GRAIN_BITS | (uint64_t)range.end;
}

static inline uint32_t ech_word_epoch(uint64_t word) { return (uint32_t)(word >> 2 * ECH_GRAIN_BITS); }

static inline ech_range ech_word_range(uint64_t word) {
    return (ech_range){(int64_t)(word >> ECH_GRAIN_BITS & ECH_GRAINS_LIMIT), (int64_t)(word & ECH_GRAINS_LIMIT)};
}

/// Whether the first epoch is before the second, also if numbers have wrapped around between them.
static inline bool ech_is_before(uint32_t epoch, uint32_t other) { return (int32_t)(epoch - other) < 0; }

// Threads pass nothing but the words themselves here, and the loop's begin and end order everything else: relaxed
// exchanges suffice.

static inline bool ech_deque_exchange(ech_deque *deque, uint64_t *expected, uint64_t word) {
    return atomic_compare_exchange_weak_explicit(&deque->word, expected, word, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/// The range that a deque with this word has in the loop; nothing if the loop is over.
static inline ech_range ech_range_in(const ech_shared_loop *loop, int owner, uint64_t word) {
    const uint32_t epoch = ech_word_epoch(word);
    if (epoch == loop->epoch) return ech_word_range(word);
    if (ech_is_before(epoch, loop->epoch)) return ech_range_of(loop->grains, owner, loop->threads);
    return (ech_range){0, 0};
}

/// Takes grains from the front of the thread's own deque.
static inline bool ech_take_own(const ech_shared_loop *loop, ech_range *taken) {
    ech_deque *own = &loop->deques[loop->thread];
    uint64_t word = atomic_load_explicit(&own->word, memory_order_relaxed);
    for (;;) {
        const ech_range mine = ech_range_in(loop, loop->thread, word);
        const int64_t left = mine.end - mine.begin;
        if (left <= 0) return false;
        // Fewer towards the end, when the others may finish sooner.
        int64_t count = (left + 1) / 2;
        if (count > loop->max_batch) count = loop->max_batch;
        if (count < loop->min_batch) count = left < loop->min_batch ? left : loop->min_batch;
        const ech_range rest = {mine.begin + count, mine.end};
        if (!ech_deque_exchange(own, &word, ech_deque_word(loop->epoch, rest))) continue;
        *taken = (ech_range){mine.begin, mine.begin + count};
        return true;
    }
}

/// Moves half of another thread's grains, rounded up, to the calling thread's own deque, which is empty.
static inline bool ech_steal(const ech_shared_loop *loop) {
    for (int distance = 1; distance < loop->threads; distance++) {
        const int owner = (loop->thread + distance) % loop->threads;
        ech_deque *victim = &loop->deques[owner];
        uint64_t word = atomic_load_explicit(&victim->word, memory_order_relaxed);
        for (;;) {
            const ech_range range = ech_range_in(loop, owner, word);
            if (range.begin >= range.end) break;
            const int64_t middle = range.begin + (range.end - range.begin) / 2;
            if (!ech_deque_exchange(victim, &word, ech_deque_word(loop->epoch, (ech_range){range.begin, middle})))
                continue;
            // A plain store suffices (invariant 4).
            atomic_store_explicit(&loop->deques[loop->thread].word,
                                  ech_deque_word(loop->epoch, (ech_range){middle, range.end}), memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/// Takes grains for the calling thread; false if there are none left. Looking at the deque of a thread that is at work
/// costs both of them a cache line, so in a short loop a thread steals only when it has waited for a moment.
static inline bool ech_take(const ech_shared_loop *loop, bool steals, ech_range *taken) {
    do {
        if (ech_take_own(loop, taken)) return true;
    } while (steals && ech_steal(loop));
    return false;
}

/// One thread's part of a parallel loop: what it has taken and not computed yet, and where it takes more.
typedef struct {
    ech_shared_loop shared; ///< without deques if the thread has the loop for itself
    const atomic_bool *stop;
    ech_work work;
    int thread;
    ech_range taken;  ///< units
    int64_t finished; ///< grains that the thread has taken: they are finished when the loop is left
} ech_loop;

/// Adds grains that the thread has taken.
static inline void ech_loop_add(ech_loop *loop, ech_range grains) {
    const int64_t grain = ech_grain_of(loop->work.count), end = grains.end * grain;
    loop->taken = (ech_range){grains.begin * grain, end < loop->work.count ? end : loop->work.count};
    loop->finished += grains.end - grains.begin;
}

/// The end of the units that the thread begins with: what it is likely to compute, unless others steal it.
static inline int64_t ech_loop_first_end(const ech_loop *loop) {
    if (!loop->shared.deques) return loop->work.count;
    const ech_range first = ech_range_of(loop->shared.grains, loop->thread, loop->shared.threads);
    const int64_t end = first.end * ech_grain_of(loop->work.count);
    return end < loop->work.count ? end : loop->work.count;
}

static inline bool ech_loop_is_stopped(const ech_loop *loop) {
    return atomic_load_explicit(loop->stop, memory_order_relaxed);
}

/// Takes the next units for the calling thread; false if there are none left for now. If the call has been stopped,
/// units are taken and thrown away.
static inline bool ech_pop(ech_loop *loop, ech_range *popped) {
    while (ech_loop_is_stopped(loop) || loop->taken.begin >= loop->taken.end) {
        ech_range grains;
        loop->taken.begin = loop->taken.end;
        if (!loop->shared.deques || !ech_take(&loop->shared, loop->work.steals, &grains)) return false;
        ech_loop_add(loop, grains);
    }
    const int64_t end = loop->taken.begin + loop->work.max_batch;
    *popped = (ech_range){loop->taken.begin, end < loop->taken.end ? end : loop->taken.end};
    loop->taken.begin = popped->end;
    return true;
}

#endif
