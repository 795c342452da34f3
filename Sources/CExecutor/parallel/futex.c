/// Sleeping and waking by Linux's futex.
#if defined(__linux__)
#define _DEFAULT_SOURCE // for syscall()
#endif
#include "parallel/futex.h"

#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "The system reads the word as a plain one.");

void ech_sleep_while(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

void ech_wake_all(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

#else
#include <sched.h>

void ech_sleep_while(_Atomic uint32_t *word, uint32_t seen) {
    (void)word, (void)seen;
    sched_yield();
}

void ech_wake_all(_Atomic uint32_t *word) { (void)word; }
#endif
