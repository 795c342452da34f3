/// Calls: checks one, then walks the tape with all threads.
#include "core/failure.h"
#include "core/walk.h"
#include "instructions/operation.h"
#include "machine/amx.h"
#include "parallel/omp.h"
#include "parallel/profile.h"

#include <limits.h>

int ech_default_threads(void) { return ech_max(1, ech_min(omp_get_max_threads(), ECH_THREADS_LIMIT)); }

// MARK: Checks

static bool check_session(const ech_program *program, const ech_session *session, char *message) {
    if (program->cache_count != session->cache_count)
        return ech_fail(message, "The function uses %d caches, and the session has %d.", program->cache_count,
                        session->cache_count);
    for (int32_t i = 0; i < program->cache_count; i++) {
        const ech_cache *wanted = &program->caches[i];
        const ech_cache_memory *there = &session->caches[i];
        if (wanted->heads != there->heads || wanted->dim != there->dim || (wanted->recurrent != 0) != there->recurrent)
            return ech_fail(message, "Cache %d of the session is not of the function's type.", i);
    }
    return true;
}

static bool check_pointers(const ech_program *program, const ech_call *call, char *message) {
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const ech_buffer *buffer = &program->buffers[i];
        if (buffer->storage == ECH_PARAMETER && (!call->parameters || !call->parameters[buffer->index]))
            return ech_fail(message, "Parameter %d of the call is missing.", buffer->index);
        if (buffer->storage == ECH_RESULT && (!call->results || !call->results[buffer->index]))
            return ech_fail(message, "Result %d of the call is missing.", buffer->index);
    }
    return true;
}

static bool check_tracks(const ech_call *call, int threads, char *message) {
    if (!call->tracks) return true;
    if (call->track_count < threads)
        return ech_fail(message, "A call of %d threads cannot be recorded on %d tracks.", threads, call->track_count);
    for (int i = 0; i < threads; i++) {
        const ech_track *track = &call->tracks[i];
        if (track->count < 0 || track->count > track->capacity || (track->capacity > 0 && !track->events))
            return ech_fail(message, "Track %d of the call has %lld events in room for %lld.", i,
                            (long long)track->count, (long long)track->capacity);
    }
    return true;
}

static bool check_range(const int32_t *values, int32_t rows, int64_t limit, const char *what, char *message) {
    for (int32_t i = 0; i < rows; i++)
        if (values[i] < 0 || values[i] >= limit)
            return ech_fail(message, "Row %d of the call has the %s %d; it has to be at least 0 and below %lld.", i,
                            what, values[i], (long long)limit);
    return true;
}

/// Two rows at one position would write the same cache entry.
static bool check_distinct(ech_session *session, const int32_t *slots, const int32_t *positions, int32_t rows,
                           char *message) {
    int32_t marked = 0;
    bool distinct = true;
    for (; marked < rows && distinct; marked++) {
        uint8_t *mark = &session->marked[(int64_t)slots[marked] * session->context + positions[marked]];
        if (*mark)
            distinct = ech_fail(message, "Row %d of the call has slot %d and position %d, as an earlier row has.",
                                marked, slots[marked], positions[marked]);
        *mark = 1;
    }
    for (int32_t i = 0; i < marked; i++) session->marked[(int64_t)slots[i] * session->context + positions[i]] = 0;
    return distinct;
}

static bool check_call(const ech_program *program, ech_session *session, const ech_call *call, int threads,
                       char *message) {
    if (call->rows < 1 || call->rows > ECH_ROWS_LIMIT)
        return ech_fail(message, "A call has %d rows; there have to be 1 ... %d.", call->rows, ECH_ROWS_LIMIT);
    if (call->recurrences < 0)
        return ech_fail(message, "A call has %d recurrences; the number cannot be negative.", call->recurrences);
    if (threads < 1 || threads > ECH_THREADS_LIMIT)
        return ech_fail(message, "%d threads cannot run a call; there have to be 1 ... %d.", threads,
                        ECH_THREADS_LIMIT);
    if (!check_session(program, session, message) || !check_pointers(program, call, message) ||
        !check_tracks(call, threads, message))
        return false;
    for (int32_t i = 0; i < program->parameter_count; i++)
        if (program->token_limit[i] &&
            !check_range(call->parameters[i], call->rows, program->token_limit[i], "token", message))
            return false;
    const int32_t slots = program->slots_parameter, positions = program->positions_parameter;
    if (positions >= 0 && !check_range(call->parameters[positions], call->rows, session->context, "position", message))
        return false;
    if (slots < 0) return true;
    // Recurrences are numbers of 32 bits.
    const int64_t depth_limit = INT64_C(1) + INT32_MAX - ech_max(call->recurrences, program->max_recurrence);
    return check_range(call->parameters[program->depths_parameter], call->rows, depth_limit, "depth", message) &&
           check_range(call->parameters[slots], call->rows, session->slots, "slot", message) &&
           check_distinct(session, call->parameters[slots], call->parameters[positions], call->rows, message);
}

// MARK: Depths

/// Orders the call's rows for attention. A row that is deeper than an older one would read recurrences that the older
/// one has not had, and is refused.
static bool order_rows(ech_run_state *run, char *message) {
    const int32_t rows = run->call->rows;
    const ech_arena *arena = &run->arena;
    run->wavefront = ech_wavefront_of(run->slots, run->positions, rows, arena->ordered_rows, arena->row_blocks);
    const int32_t rising = ech_rising_depth(&run->wavefront, run->depths, rows);
    // A call without recurrences, which only reads positions out, reads no recurrence of another one.
    if (rising >= 0 && run->call->recurrences > 0) {
        const ech_ordered_row *younger = &run->wavefront.rows[rising], *older = younger - 1;
        return ech_fail(
            message,
            "Row %d of the call has slot %d, position %d and depth %d, and position %d has depth %d: depths "
            "may not rise along a sequence.",
            younger->row, younger->slot, younger->position, run->depths[younger->row], older->position,
            run->depths[older->row]);
    }
    run->wavefront_by_depth = run->session->budget > 1 ? ech_wavefront_by_depth(&run->wavefront, run->depths, rows,
                                                                                arena->row_blocks + arena->capacity)
                                                       : run->wavefront;
    return true;
}

static bool uses_recurrent(const ech_program *program) { return program->writes_recurrent || program->reads_recurrent; }

/// While the call runs, its rows are read at the recurrence of the reader.
static void begin_depths(const ech_run_state *run, ech_session *session) {
    if (!uses_recurrent(run->program)) return;
    for (int32_t i = 0; i < run->call->rows; i++) {
        int32_t *depth = &session->depth[(int64_t)run->slots[i] * session->context + run->positions[i]];
        run->arena.saved_depth[i] = *depth;
        *depth = INT32_MAX;
    }
}

static void end_depths(const ech_run_state *run, ech_session *session) {
    if (!uses_recurrent(run->program)) return;
    for (int32_t i = 0; i < run->call->rows; i++)
        session->depth[(int64_t)run->slots[i] * session->context + run->positions[i]] =
            run->program->writes_recurrent ? run->depths[i] + run->call->recurrences : run->arena.saved_depth[i];
}

// MARK: The tape

static inline void perform(ech_walk *walk, const ech_instruction *instruction) {
    ech_operations[instruction->opcode].run(walk, instruction);
}

static inline void execute(ech_walk *walk, int32_t index) {
    const ech_instruction *instruction = &walk->run->program->instructions[index];
    if (instruction->barrier) ech_walk_barrier(walk);
    perform(walk, instruction);
}

/// Reads the clock only once if there is no wait: the end of one instruction is the arrival at the next.
static inline void execute_recorded(ech_walk *walk, int32_t index) {
    const ech_instruction *instruction = &walk->run->program->instructions[index];
    ech_track *track = walk->track;
    ech_event event = {.instruction = index, .iteration = walk->iteration, .arrival = track->end, .start = track->end};
    if (instruction->barrier && walk->threads > 1) {
        ech_walk_barrier(walk);
        event.start = ech_nanoseconds();
    }
    perform(walk, instruction);
    event.end = track->end = ech_nanoseconds();
    ech_track_append(track, event);
}

/// The order of instructions. Compiled for each way to execute one, so that recording costs nothing when it is off.
static inline __attribute__((always_inline)) void follow_tape(ech_walk *walk,
                                                              void (*execute_one)(ech_walk *, int32_t)) {
    const ech_program *program = walk->run->program;
    const int32_t recurrences = walk->run->call->recurrences;
    for (int32_t i = 0; i < program->instruction_count; i++) {
        execute_one(walk, i);
        if (program->instructions[i].opcode != ECH_REPEAT) continue;
        const int32_t end = i + 1 + program->instructions[i].i0;
        for (walk->iteration = 0; walk->iteration < recurrences; walk->iteration++)
            for (int32_t j = i + 1; j < end; j++) execute_one(walk, j);
        walk->iteration = 0;
        i = end - 1;
    }
}

static void walk_tape(ech_walk *walk) { follow_tape(walk, execute); }

/// Records on a copy of the thread's track, so that threads do not write to each other's cache lines.
static void walk_tape_recorded(ech_walk *walk) {
    ech_track track = walk->run->call->tracks[walk->thread];
    track.begin = track.end = ech_nanoseconds();
    walk->track = &track;
    follow_tape(walk, execute_recorded);
    walk->run->call->tracks[walk->thread] = track;
}

bool ech_run(const ech_program *program, ech_session *session, const ech_call *call, int threads,
             char message[ECH_MESSAGE_SIZE]) {
    ech_arena arena;
    if (!check_call(program, session, call, threads, message) ||
        !ech_session_prepare(session, program, call, threads, &arena, message))
        return false;
    ech_run_state run = {
        .program = program,
        .session = session,
        .call = call,
        .arena = arena,
        .slots = program->slots_parameter < 0 ? NULL : call->parameters[program->slots_parameter],
        .positions = program->positions_parameter < 0 ? NULL : call->parameters[program->positions_parameter],
        .depths = program->depths_parameter < 0 ? NULL : call->parameters[program->depths_parameter],
    };
    if (run.slots && !order_rows(&run, message)) return false;
    for (int i = 0; call->tracks && i < threads; i++) call->tracks[i].begin = call->tracks[i].end = 0;
    begin_depths(&run, session);
#pragma omp parallel num_threads(threads)
    {
        // OpenMP may grant fewer threads than asked for.
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        ech_walk walk = {
            .run = &run, .scratch = arena.scratch + thread * arena.scratch_stride, .thread = thread, .threads = count};
        ech_amx_thread_begin(program->isa, call->rows);
        if (call->tracks) walk_tape_recorded(&walk);
        else walk_tape(&walk);
        ech_amx_thread_end(program->isa);
    }
    end_depths(&run, session);
    return true;
}
