/// Recording the times at which a thread executes its instructions, for calls that ask for it.
#ifndef ECHELON_PROFILE_H
#define ECHELON_PROFILE_H

#include "CExecutor.h"

/// The clock of ech_nanoseconds in seconds.
double ech_seconds(void);

/// Appends an event, or counts it as dropped if the track is full.
static inline void ech_track_append(ech_track *track, ech_event event) {
    if (track->count < track->capacity) track->events[track->count++] = event;
    else track->dropped++;
}

#endif
