/// Clocks around instructions, for calls that ask where their time goes.
#ifndef ECHELON_PROFILE_H
#define ECHELON_PROFILE_H

#include "CExecutor.h"

/// A clock that only runs forward, in seconds. Reading it takes some 20 ns and no system call.
double ech_seconds(void);

/// Adds what one thread measured to the record of the whole call. One thread at a time; the first also counts.
void ech_profile_add(ech_profile *call, const ech_profile *thread, bool counts);

#endif
