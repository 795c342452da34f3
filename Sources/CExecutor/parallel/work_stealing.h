/// How the threads divide an instruction's work. Every thread begins with a share of its own, the same in every call,
/// so that it reads the weights that its own node's memory holds. A thread that is done takes half of what another has
/// left: cores are not equally fast where other programs run beside them, or where they are not alike to begin with.
#ifndef ECHELON_SHARES_H
#define ECHELON_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/// Units begin ..< end of some work.
typedef struct {
    int64_t begin, end;
} ech_share;

/// One thread's contiguous share of `count` units.
static inline ech_share ech_share_of(int64_t count, int thread, int threads) {
    return (ech_share){count * thread / threads, count * (thread + 1) / threads};
}

/// What a thread has left, on a cache line of its own: the division's ticket, begin and end in one word, so that a
/// single exchange takes units away and nothing else can have changed meanwhile.
typedef struct {
    _Alignas(64) _Atomic uint64_t left;
} ech_left;

enum {
    ECH_UNIT_BITS = 28,
    ECH_UNITS_LIMIT = (1 << ECH_UNIT_BITS) - 1, ///< most units of a division
    ECH_TICKET_LIMIT = 1 << (64 - 2 * ECH_UNIT_BITS),
};

/// One thread's view of the division of `count` units.
typedef struct {
    ech_left *all; ///< one for each thread
    uint32_t ticket;
    int32_t at_once; ///< most units that are taken together, while there are enough
    int64_t count;
    int thread, threads;
    bool help; ///< whether threads take over each other's work
    bool met;  ///< whether all threads have finished the division before this one
} ech_division;

static inline uint64_t ech_left_of(uint32_t ticket, ech_share share) {
    return (uint64_t)ticket << 2 * ECH_UNIT_BITS | (uint64_t)share.begin << ECH_UNIT_BITS | (uint64_t)share.end;
}

static inline uint32_t ech_ticket_of(uint64_t left) { return (uint32_t)(left >> 2 * ECH_UNIT_BITS); }

static inline ech_share ech_share_left(uint64_t left) {
    return (ech_share){(int64_t)(left >> ECH_UNIT_BITS & ECH_UNITS_LIMIT), (int64_t)(left & ECH_UNITS_LIMIT)};
}

// Nothing but the words themselves goes from thread to thread here, barriers order the rest: relaxed exchanges suffice.

static inline bool ech_exchange_left(ech_left *cell, uint64_t *expected, uint64_t left) {
    return atomic_compare_exchange_weak_explicit(&cell->left, expected, left, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/// Every thread calls this, with the same arguments. A ticket is one more than that of the division before, or 0 after
/// the last; words begin with 0.
static inline void ech_divide(const ech_division *division) {
    ech_left *own = &division->all[division->thread];
    const uint64_t mine =
        ech_left_of(division->ticket, ech_share_of(division->count, division->thread, division->threads));
    uint64_t left = atomic_load_explicit(&own->left, memory_order_relaxed);
    // A thread that helps may have come first.
    while (ech_ticket_of(left) != division->ticket && !ech_exchange_left(own, &left, mine)) continue;
}

static inline uint32_t ech_ticket_before(uint32_t ticket) { return (ticket - 1) % ECH_TICKET_LIMIT; }

/// Takes half of what another thread has left, rounded up.
static inline bool ech_help(const ech_division *division) {
    for (int distance = 1; distance < division->threads; distance++) {
        const int thread = (division->thread + distance) % division->threads;
        ech_left *cell = &division->all[thread];
        uint64_t left = atomic_load_explicit(&cell->left, memory_order_relaxed);
        for (;;) {
            const uint32_t ticket = ech_ticket_of(left);
            const bool arrived = ticket == division->ticket;
            // It may still be busy with the division before, unless all have met since; or already be further.
            if (!arrived && !(division->met && ticket == ech_ticket_before(division->ticket))) break;
            const ech_share there =
                arrived ? ech_share_left(left) : ech_share_of(division->count, thread, division->threads);
            if (there.begin >= there.end) break;
            const int64_t middle = there.begin + (there.end - there.begin) / 2;
            if (!ech_exchange_left(cell, &left, ech_left_of(division->ticket, (ech_share){there.begin, middle})))
                continue;
            atomic_store_explicit(&division->all[division->thread].left,
                                  ech_left_of(division->ticket, (ech_share){middle, there.end}), memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/// Takes the next units for the calling thread; false when there are none left.
static inline bool ech_take(const ech_division *division, ech_share *taken) {
    ech_left *own = &division->all[division->thread];
    do {
        uint64_t left = atomic_load_explicit(&own->left, memory_order_relaxed);
        for (;;) {
            const ech_share mine = ech_share_left(left);
            const int64_t units = mine.end - mine.begin;
            if (units <= 0) break;
            // Fewer towards the end, where the others may be done sooner.
            int64_t count = (units + 1) / 2;
            if (count > division->at_once) count = division->at_once;
            const ech_share rest = {mine.begin + count, mine.end};
            if (!ech_exchange_left(own, &left, ech_left_of(division->ticket, rest))) continue;
            *taken = (ech_share){mine.begin, mine.begin + count};
            return true;
        }
    } while (division->help && ech_help(division));
    return false;
}

#endif
