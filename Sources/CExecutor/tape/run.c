/// Calls: checks one, then has a team of threads walk along its tape, stage by stage.
#include "core/failure.h"
#include "core/walk.h"
#include "instructions/operation.h"
#include "machine/amx.h"
#include "parallel/omp.h"
#include "parallel/profile.h"
#include "parallel/team.h"

#include <limits.h>

int ech_default_threads(void) { return ech_max(1, ech_min(omp_get_max_threads(), ECH_THREADS_LIMIT)); }

int ech_available_cores(void) { return ech_max(1, omp_get_num_procs()); }

// MARK: Stopping

/// Whether calls end before their time. The only state of the process: a signal means all of it.
static struct { _Alignas(ECH_APART) atomic_bool flag; } calls_are_stopped;

void ech_stop_calls(void) { atomic_store(&calls_are_stopped.flag, true); }

void ech_allow_calls(void) { atomic_store(&calls_are_stopped.flag, false); }

bool ech_calls_are_stopped(void) { return atomic_load(&calls_are_stopped.flag); }

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
    // Recurrences are numbers of 32 bits.
    const int64_t depth_limit = INT64_C(1) + INT32_MAX - ech_max(call->recurrences, program->max_recurrence);
    const int32_t depths = program->depths_parameter;
    if (depths >= 0 && !check_range(call->parameters[depths], call->rows, depth_limit, "depth", message)) return false;
    if (slots < 0) return true;
    return check_range(call->parameters[slots], call->rows, session->slots, "slot", message) &&
           check_distinct(session, call->parameters[slots], call->parameters[positions], call->rows, message);
}

// MARK: Depths

/// Orders the call's rows for attention. A row that is deeper than an older one would read recurrences that the older
/// one has not had, and is refused.
static bool order_rows(ech_run_state *run, char *message) {
    const int32_t rows = run->call->rows;
    const ech_arena *arena = &run->arena;
    run->wavefront = ech_wavefront_of(run->slots, run->positions, rows, run->program->max_group, arena->ordered_rows,
                                      arena->row_blocks);
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

/// The rows have had `recurrences` more.
static void end_depths(const ech_run_state *run, ech_session *session, int32_t recurrences) {
    if (!uses_recurrent(run->program)) return;
    for (int32_t i = 0; i < run->call->rows; i++)
        session->depth[(int64_t)run->slots[i] * session->context + run->positions[i]] =
            run->program->writes_recurrent ? run->depths[i] + recurrences : run->arena.saved_depth[i];
}

// MARK: The tape

/// A call as a team's job. Nothing in it changes while the call runs, and it is apart from the caller's stack, which
/// does.
typedef struct {
    _Alignas(ECH_APART) ech_job job;
    ech_run_state run;
    char apart[ECH_APART];
} tape_job;

static const ech_instruction *first_instruction(const ech_run_state *run, int32_t stage) {
    return &run->program->instructions[run->program->stages[stage].begin];
}

/// Moves to the next stage that has work; false after the last.
static bool next_stage(const ech_run_state *run, ech_work *at) {
    const ech_program *program = run->program;
    const int32_t recurrences = run->call->recurrences;
    for (;;) {
        const ech_stage *before = at->stage >= 0 ? &program->stages[at->stage] : NULL;
        at->stage++;
        if (before && at->stage == before->loop_end) {
            if (++at->iteration < recurrences) at->stage = before->loop_begin;
            else at->iteration = 0;
        }
        if (at->stage == program->stage_count) return false;
        const ech_stage *stage = &program->stages[at->stage];
        if (stage->begin < stage->end) return true;
        // A loop without iterations is left out.
        if (recurrences == 0) at->stage = stage->loop_end - 1;
    }
}

/// The numbers that an instruction divided by rows writes for each row, or reads if it writes none.
static int64_t width_of(const ech_program *program, const ech_instruction *instruction) {
    const int32_t buffer = instruction->out[0] < 0 ? instruction->in[0] : instruction->out[0];
    return program->buffers[buffer].width;
}

static ech_work divide_rows(const ech_run_state *run, const ech_stage *stage) {
    // A thread that takes fewer rows spends more on taking them than on computing them in a small model; one that takes
    // more keeps others waiting in a large one.
    const int32_t min_batch = 8, max_batch = 16;
    // Less takes about a microsecond, of which two threads would save half and spend as much on meeting.
    const int64_t worth_sharing = 2048;
    int64_t numbers = 0;
    for (int32_t i = stage->begin; i < stage->end; i++)
        numbers += run->call->rows * width_of(run->program, &run->program->instructions[i]);
    return (ech_work){
        .count = run->call->rows, .min_batch = min_batch, .max_batch = max_batch, .alone = numbers < worth_sharing};
}

static bool open_stage(ech_job *job, ech_work *work) {
    const ech_run_state *run = &((tape_job *)job)->run;
    if (work->stage >= 0) {
        const ech_instruction *finished = first_instruction(run, work->stage);
        const ech_combine combine = ech_combinations[finished->opcode];
        if (combine) combine(run, finished, work->epoch);
    }
    ech_work next = {.stage = work->stage, .iteration = work->iteration, .epoch = work->epoch};
    if (!next_stage(run, &next)) return false;
    const ech_instruction *instruction = first_instruction(run, next.stage);
    const ech_divide divide = ech_divisions[instruction->opcode];
    *work = divide ? divide(run, instruction) : divide_rows(run, &run->program->stages[next.stage]);
    work->stage = next.stage;
    work->iteration = next.iteration;
    work->epoch = next.epoch;
    return true;
}

static inline void perform(ech_walk *walk, int32_t index) {
    const ech_instruction *instruction = &walk->run->program->instructions[index];
    ech_operations[instruction->opcode].run(walk, instruction);
}

/// Reads the clock before an instruction only if the thread has waited since the one before.
static void perform_recorded(ech_walk *walk, int32_t index) {
    const ech_run_state *run = walk->run;
    ech_track *track = &run->arena.tracks[walk->loop->thread].track;
    const bool waited = run->threads > 1 && index == run->program->stages[walk->loop->work.stage].begin;
    ech_event event = {.instruction = index,
                       .iteration = walk->loop->work.iteration,
                       .arrival = track->end,
                       .start = waited ? ech_nanoseconds() : track->end};
    perform(walk, index);
    event.end = track->end = ech_nanoseconds();
    ech_track_append(track, event);
}

static void run_stage(ech_job *job, ech_loop *loop) {
    const ech_run_state *run = &((tape_job *)job)->run;
    const ech_stage *stage = &run->program->stages[loop->work.stage];
    ech_walk walk = {
        .run = run, .scratch = run->arena.scratch + loop->thread * run->arena.scratch_stride, .loop = loop};
    void (*const perform_one)(ech_walk *, int32_t) = run->call->tracks ? perform_recorded : perform;
    if (ech_divisions[first_instruction(run, loop->work.stage)->opcode]) {
        perform_one(&walk, stage->begin);
        return;
    }
    while (ech_pop(loop, &walk.rows))
        for (int32_t i = stage->begin; i < stage->end; i++) perform_one(&walk, i);
}

static void begin_tracks(const ech_call *call, const ech_arena *arena, int threads) {
    const int64_t now = ech_nanoseconds();
    for (int i = 0; i < call->track_count; i++) call->tracks[i].begin = call->tracks[i].end = i < threads ? now : 0;
    for (int i = 0; i < threads; i++) arena->tracks[i].track = call->tracks[i];
}

/// The end of the last event is the end of all tracks.
static void end_tracks(const ech_call *call, const ech_arena *arena, int threads) {
    int64_t end = 0;
    for (int i = 0; i < threads; i++) end = arena->tracks[i].track.end > end ? arena->tracks[i].track.end : end;
    for (int i = 0; i < threads; i++) {
        call->tracks[i] = arena->tracks[i].track;
        call->tracks[i].end = end;
    }
}

bool ech_run(const ech_program *program, ech_session *session, const ech_call *call, int threads,
             char message[ECH_MESSAGE_SIZE]) {
    ech_arena arena;
    if (!check_call(program, session, call, threads, message) ||
        !ech_session_prepare(session, program, call, threads, &arena, message))
        return false;
    tape_job job = {
        .job = {.next = open_stage,
                .run = run_stage,
                .begin = ech_amx_thread_begin,
                .end = ech_amx_thread_end,
                .isa = program->isa,
                .rows = call->rows,
                .stop = &calls_are_stopped.flag},
        .run = {.program = program,
                .session = session,
                .call = call,
                .arena = arena,
                .slots = program->slots_parameter < 0 ? NULL : call->parameters[program->slots_parameter],
                .positions = program->positions_parameter < 0 ? NULL : call->parameters[program->positions_parameter],
                .depths = program->depths_parameter < 0 ? NULL : call->parameters[program->depths_parameter],
                .threads = threads},
    };
    if (job.run.slots && !order_rows(&job.run, message)) return false;
    begin_depths(&job.run, session);
    if (call->tracks) begin_tracks(call, &arena, threads);
    ech_team_run(session->team, &job.job);
    if (call->tracks) end_tracks(call, &arena, threads);
    const bool stopped = ech_calls_are_stopped();
    end_depths(&job.run, session, stopped ? 0 : call->recurrences);
    return !stopped || ech_fail(message, "The call was stopped.");
}
