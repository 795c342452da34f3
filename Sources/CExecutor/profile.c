#define _POSIX_C_SOURCE 199309L // for clock_gettime()
#include "profile.h"

#include <time.h>

double ech_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ech_profile_add(ech_profile *call, const ech_profile *thread, bool counts) {
    for (int opcode = 0; opcode < ECH_OPCODE_COUNT; opcode++) {
        call->seconds[opcode] += thread->seconds[opcode];
        if (counts) call->executions[opcode] += thread->executions[opcode];
    }
    call->barrier_seconds += thread->barrier_seconds;
    call->total_seconds += thread->total_seconds;
    if (counts) call->barriers += thread->barriers;
}
