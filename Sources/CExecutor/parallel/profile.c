/// The clock of recorded calls and probes.
#define _POSIX_C_SOURCE 199309L // for clock_gettime()
#include "parallel/profile.h"

#include <time.h>

int64_t ech_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double ech_seconds(void) { return 1e-9 * (double)ech_nanoseconds(); }
