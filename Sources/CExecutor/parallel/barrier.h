/// A barrier that spins. Between instructions threads wait for microseconds, less time than the system needs to wake
/// them.
#ifndef ECHELON_BARRIER_H
#define ECHELON_BARRIER_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct {
    _Alignas(64) _Atomic uint32_t arrived;
    _Alignas(64) _Atomic uint32_t passed; ///< the number of times that all threads have met
} ech_barrier;

static inline void ech_spin_pause(void) {
#if defined(__x86_64__)
    __asm__ volatile("pause");
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Waits until all threads have come to the barrier. `barriers` is the calling thread's own count of barriers passed.
static inline void ech_barrier_wait(ech_barrier *barrier, int threads, uint32_t *barriers) {
    if (threads == 1) return;
    const uint32_t next = ++*barriers;
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) == (uint32_t)threads - 1) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&barrier->passed, next, memory_order_release);
        return;
    }
    // About 0.1 ms of spinning. A longer wait is for a thread without a core, which should get this one.
    const int spins_before_yield = 2000;
    for (int spins = 0; atomic_load_explicit(&barrier->passed, memory_order_acquire) != next; spins++) {
        if (spins < spins_before_yield) ech_spin_pause();
        else sched_yield();
    }
}

#endif
