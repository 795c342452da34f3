/// Sleeping until a word changes, and waking who sleeps.
#ifndef ECHELON_FUTEX_H
#define ECHELON_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/// Sleeps until the word is woken, unless it no longer has the value `seen`. May return early. Where the system offers
/// nothing of the kind, it only gives up the core for a moment.
void ech_sleep_while(_Atomic uint32_t *word, uint32_t seen);

/// Wakes all threads that sleep on the word.
void ech_wake_all(_Atomic uint32_t *word);

#endif
