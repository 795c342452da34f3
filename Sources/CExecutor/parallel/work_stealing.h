/// Work stealing: how threads share the units of a parallel loop. Each thread begins with a contiguous range of its
/// own, the same in every call, so that it reads the weights in its own node's memory. A thread that has finished its
/// range steals half of another thread's. Cores are not equally fast if other programs run on them or if their types
/// differ.
///
/// The ranges are kept in one deque for each thread. The owner pops units from the front, and thieves steal from the
/// back. A deque is one word of an epoch (the number of the loop), a begin and an end, so that one compare-and-exchange
/// takes units away and nothing else can have changed in between. Threads do not wait for each other at the start of a
/// loop: the epoch says whether a deque belongs to the current loop yet.
///
/// Invariants, which Tests/CExecutor/work_stealing_test.c checks:
/// 1. Each unit of a loop is popped exactly once. Units leave a deque only by the compare-and-exchange that takes them.
/// 2. Only the owner gives units to a deque: at the start of a loop, and, while the deque is empty, after it has
/// stolen.
///    Thieves pass over empty deques, so the owner's plain store cannot overwrite an exchange of theirs.
/// 3. A deque's epoch never goes back. Whoever touches the deque first in a loop, the owner or a thief, moves it from
/// the
///    epoch before to the current one, with the range that the loop's size gives the owner.
/// 4. A thief moves a deque only out of the epoch directly before its own, and only if a barrier after that loop has
/// made
///    sure that the owner has finished it. An owner in an earlier loop keeps its units.
/// 5. The first range of a thread depends only on the number of units and of threads.
#ifndef ECHELON_WORK_STEALING_H
#define ECHELON_WORK_STEALING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// Units begin ..< end of a loop.
typedef struct {
    int64_t begin, end;
} ech_range;

/// One thread's contiguous part of `count` units.
static inline ech_range ech_range_of(int64_t count, int thread, int threads) {
    return (ech_range){count * thread / threads, count * (thread + 1) / threads};
}

/// The units that a thread has left, on a cache line of its own.
typedef struct {
    _Alignas(64) _Atomic uint64_t word; ///< epoch, begin and end
} ech_deque;

enum {
    ECH_UNIT_BITS = 28,
    ECH_UNITS_LIMIT = (1 << ECH_UNIT_BITS) - 1, ///< the maximum number of units in a loop
    ECH_EPOCH_LIMIT = 1 << (64 - 2 * ECH_UNIT_BITS),
};

/// One thread's view of a parallel loop over `count` units.
typedef struct {
    ech_deque *deques; ///< one for each thread
    uint32_t epoch;
    int32_t max_batch; ///< the maximum number of units popped together
    int64_t count;
    int thread, threads;
    bool steals;       ///< whether threads steal from each other
    bool synchronized; ///< whether all threads have finished the loop before this one
} ech_loop;

static inline uint64_t ech_deque_word(uint32_t epoch, ech_range range) {
    return (uint64_t)epoch << 2 * ECH_UNIT_BITS | (uint64_t)range.begin << ECH_UNIT_BITS | (uint64_t)range.end;
}

static inline uint32_t ech_word_epoch(uint64_t word) { return (uint32_t)(word >> 2 * ECH_UNIT_BITS); }

static inline ech_range ech_word_range(uint64_t word) {
    return (ech_range){(int64_t)(word >> ECH_UNIT_BITS & ECH_UNITS_LIMIT), (int64_t)(word & ECH_UNITS_LIMIT)};
}

// Threads pass nothing but the words themselves here, and barriers order everything else: relaxed exchanges suffice.

static inline bool ech_deque_exchange(ech_deque *deque, uint64_t *expected, uint64_t word) {
    return atomic_compare_exchange_weak_explicit(&deque->word, expected, word, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/// Starts a loop. Every thread calls this, with the same arguments. An epoch is one more than that of the loop before,
/// or 0 after the last; words begin with 0.
static inline void ech_loop_begin(const ech_loop *loop) {
    ech_deque *own = &loop->deques[loop->thread];
    const uint64_t mine = ech_deque_word(loop->epoch, ech_range_of(loop->count, loop->thread, loop->threads));
    uint64_t word = atomic_load_explicit(&own->word, memory_order_relaxed);
    // A thief may have moved the deque to this epoch already (invariant 3).
    while (ech_word_epoch(word) != loop->epoch && !ech_deque_exchange(own, &word, mine)) continue;
}

static inline uint32_t ech_epoch_before(uint32_t epoch) { return (epoch - 1) % ECH_EPOCH_LIMIT; }

/// Moves half of another thread's units, rounded up, to the calling thread's own deque, which is empty.
static inline bool ech_steal(const ech_loop *loop) {
    for (int distance = 1; distance < loop->threads; distance++) {
        const int thread = (loop->thread + distance) % loop->threads;
        ech_deque *victim = &loop->deques[thread];
        uint64_t word = atomic_load_explicit(&victim->word, memory_order_relaxed);
        for (;;) {
            const uint32_t epoch = ech_word_epoch(word);
            const bool arrived = epoch == loop->epoch;
            // The owner may still be in the loop before, or already in a later one (invariant 4).
            if (!arrived && !(loop->synchronized && epoch == ech_epoch_before(loop->epoch))) break;
            const ech_range range = arrived ? ech_word_range(word) : ech_range_of(loop->count, thread, loop->threads);
            if (range.begin >= range.end) break;
            const int64_t middle = range.begin + (range.end - range.begin) / 2;
            if (!ech_deque_exchange(victim, &word, ech_deque_word(loop->epoch, (ech_range){range.begin, middle})))
                continue;
            // A plain store suffices (invariant 2).
            atomic_store_explicit(&loop->deques[loop->thread].word,
                                  ech_deque_word(loop->epoch, (ech_range){middle, range.end}), memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/// Takes the next units for the calling thread; false if there are none left.
static inline bool ech_pop(const ech_loop *loop, ech_range *popped) {
    ech_deque *own = &loop->deques[loop->thread];
    do {
        uint64_t word = atomic_load_explicit(&own->word, memory_order_relaxed);
        for (;;) {
            const ech_range mine = ech_word_range(word);
            const int64_t units = mine.end - mine.begin;
            if (units <= 0) break;
            // Fewer towards the end, when the others may finish sooner.
            int64_t count = (units + 1) / 2;
            if (count > loop->max_batch) count = loop->max_batch;
            const ech_range rest = {mine.begin + count, mine.end};
            if (!ech_deque_exchange(own, &word, ech_deque_word(loop->epoch, rest))) continue;
            *popped = (ech_range){mine.begin, mine.begin + count};
            return true;
        }
    } while (loop->steals && ech_steal(loop));
    return false;
}

#endif
