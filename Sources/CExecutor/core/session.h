/// The memory of a session: caches, rotary tables, and the arena of a call.
#ifndef ECHELON_SESSION_H
#define ECHELON_SESSION_H

#include "CExecutor.h"
#include "core/program.h"
#include "core/wavefront.h"
#include "parallel/team.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/// Cosines and sines of a rotary embedding: y[i] = x[i] · c[i] + x[i ^ 1] · s[i].
typedef struct {
    float *frequencies; ///< dim / 2, a copy of the program's
    float magnitude;
    int32_t dim;
    int32_t positions;
    float *values; ///< for each position: c[dim], then s[dim] with the sign of its term
} ech_rope_table;

/// One cache, see core/cache.h. Columns from dim to dim16 are zeros.
typedef struct {
    void *keys, *values;
    int32_t format; ///< one of ech_cache_format
    int32_t heads, dim, dim16, entries;
    bool recurrent;
    int64_t head_stride, entry_stride, slot_stride; ///< in numbers
    float *key_scales, *value_scales;               ///< those of an int8 cache, else NULL
} ech_cache_memory;

typedef struct {
    void *data;
    int64_t bytes;
} ech_mapping;

struct ech_session {
    int32_t slots, context, budget, cache_count;
    ech_cache_memory *caches;
    /// For each slot and position: the number of recurrences whose entries are in recurrent caches. During a call, the
    /// call's own rows have INT32_MAX, so that they are read at t.
    int32_t *depth;
    uint8_t *marked; ///< for each slot and position; all zero between calls
    ech_mapping cache_memory, arena;
    ech_rope_table *ropes;
    int32_t rope_count;
    ech_team *team; ///< the threads of the last call, NULL before the first
};

/// The number of a session's rotary table with these frequencies and this magnitude, -1 if there is none.
static inline int32_t ech_rope_index(const ech_session *session, ech_rope_need need) {
    for (int32_t i = 0; i < session->rope_count; i++) {
        const ech_rope_table *table = &session->ropes[i];
        if (table->dim == need.dim && table->magnitude == need.magnitude &&
            memcmp(table->frequencies, need.frequencies, (size_t)need.dim / 2 * sizeof(float)) == 0)
            return i;
    }
    return -1;
}

/// A thread's track while a call is recorded.
typedef struct {
    _Alignas(ECH_APART) ech_track track;
} ech_running_track;

/// The parts of a session's arena during a call.
typedef struct {
    char *buffers;
    char *scratch; ///< that of thread t begins at t * scratch_stride
    int64_t scratch_stride;
    int64_t best_offset;           ///< in a thread's scratch: see linear_argmax.c
    int32_t *saved_depth;          ///< one for each row
    ech_ordered_row *ordered_rows; ///< one for each row
    ech_row_block *row_blocks;     ///< room for one for each row, twice: by slot, and by slot and depth
    ech_running_track *tracks;     ///< one for each thread
    int32_t capacity;              ///< rows rounded up to 16
} ech_arena;

/// Grows the arena and the rotary tables to the size that the call needs, and starts its threads. False with a message
/// if memory or threads are short.
bool ech_session_prepare(ech_session *session, const ech_program *program, const ech_call *call, int threads,
                         ech_arena *arena, char *message);

#endif
