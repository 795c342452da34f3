/// A recorded call computes what it computes otherwise, and its tracks hold what every thread did, in order and in
/// full.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, WIDTH = 5, RECURRENCES = 7, MAX_THREADS = 3, ROOM = 128 };

/// Two additions, a loop of a copy and an addition without a barrier between them, and a copy after it. What the tape
/// executes is 2 + RECURRENCES · 2 + 1; the repeat is no work.
enum { REPEAT = 2, BODY = 3, LAST = 5, EXECUTIONS = 2 + RECURRENCES * 2 + 1 };

typedef struct {
    tape tape;
    float x[ROWS * WIDTH], sum[ROWS * WIDTH], copy[ROWS * WIDTH], twice[ROWS * WIDTH], last[ROWS * WIDTH];
    ech_program *program;
    ech_session *session;
} fixture;

static void add_instruction(tape *t, int opcode, int in0, int in1, int out, bool barrier) {
    ech_instruction *instruction = tape_add(t, opcode);
    instruction->in[0] = in0, instruction->in[1] = in1, instruction->out[0] = out;
    instruction->barrier = barrier;
}

static bool set_up(fixture *f) {
    memset(f, 0, sizeof *f);
    for (int i = 0; i < ROWS * WIDTH; i++) f->x[i] = random_float();
    tape *t = &f->tape;
    const int x = tape_parameter(t, ECH_F32, WIDTH, f->x), sum = tape_result(t, ECH_F32, WIDTH, f->sum);
    const int copy = tape_result(t, ECH_F32, WIDTH, f->copy), twice = tape_result(t, ECH_F32, WIDTH, f->twice);
    const int last = tape_result(t, ECH_F32, WIDTH, f->last), middle = tape_arena(t, ECH_F32, WIDTH);
    add_instruction(t, ECH_ADD, x, x, middle, true);
    add_instruction(t, ECH_ADD, middle, x, sum, false);
    tape_add(t, ECH_REPEAT)->i0 = 2;
    add_instruction(t, ECH_COPY, sum, -1, copy, true);
    add_instruction(t, ECH_ADD, copy, copy, twice, false);
    add_instruction(t, ECH_COPY, twice, -1, last, true);
    f->program = tape_program(t, ECH_ISA_PORTABLE);
    f->session = tape_session(t, 1, 1, 1);
    return f->program && f->session;
}

static void tear_down(fixture *f) {
    ech_session_destroy(f->session);
    ech_program_destroy(f->program);
    tape_free(&f->tape);
}

static bool run(fixture *f, ech_track *tracks, int track_count, int threads, char *message) {
    const ech_call call = {.rows = ROWS,
                           .recurrences = RECURRENCES,
                           .parameters = f->tape.parameters,
                           .results = f->tape.results,
                           .tracks = tracks,
                           .track_count = track_count};
    memset(f->last, 0, sizeof f->last);
    return ech_run(f->program, f->session, &call, threads, message);
}

/// The number of an event in the order of the tape.
static int number_of(const ech_event *event) {
    if (event->instruction < REPEAT) return event->instruction;
    if (event->instruction == LAST) return EXECUTIONS - 1;
    return REPEAT + 2 * event->iteration + event->instruction - BODY;
}

/// Two instructions without a barrier between them are one stage, through which a thread takes some rows after others.
static int stage_of(int number) { return number / 2; }

/// One call's events on one thread, which begin at the track's begin and follow the tape stage by stage. `seen` counts
/// each of the call's events.
static void check_events(const ech_event *events, int count, int64_t begin, int64_t end, int seen[EXECUTIONS]) {
    int64_t now = begin;
    int last = 0;
    for (int n = 0; n < count; n++) {
        const ech_event *event = &events[n];
        const int number = number_of(event);
        CHECK(number >= 0 && number < EXECUTIONS, "event %d is instruction %d in iteration %d", n, event->instruction,
              event->iteration);
        CHECK(stage_of(number) >= stage_of(last), "event %d of the tape comes after event %d", number, last);
        CHECK(event->arrival == now, "event %d arrives at %lld, and the one before ended at %lld", n,
              (long long)event->arrival, (long long)now);
        CHECK(event->arrival <= event->start && event->start <= event->end, "event %d runs backwards", n);
        now = event->end;
        last = number;
        if (number >= 0 && number < EXECUTIONS) seen[number]++;
    }
    CHECK(now <= end, "events end at %lld, the call at %lld", (long long)now, (long long)end);
}

static void test_recording(void) {
    fixture f;
    char message[ECH_MESSAGE_SIZE] = "";
    for (int threads = 1; set_up(&f) && threads <= MAX_THREADS; threads++, tear_down(&f)) {
        ech_event events[MAX_THREADS][ROOM];
        ech_track tracks[MAX_THREADS] = {{0}};
        for (int i = 0; i < threads; i++) tracks[i] = (ech_track){.events = events[i], .capacity = ROOM};
        int64_t before = ech_nanoseconds(), earlier[MAX_THREADS] = {0};
        for (int calls = 1; calls <= 2; calls++) {
            CHECK(run(&f, tracks, threads, threads, message), "%s", message);
            const int64_t after = ech_nanoseconds();
            for (int i = 0; i < ROWS * WIDTH; i++) {
                const float expected = 2 * (f.x[i] + f.x[i] + f.x[i]);
                CHECK(f.last[i] == expected, "element %d is %g, not %g", i, (double)f.last[i], (double)expected);
            }
            int seen[EXECUTIONS] = {0};
            for (int i = 0; i < threads; i++) {
                ech_track *track = &tracks[i];
                CHECK(track->dropped == 0, "%lld events were dropped", (long long)track->dropped);
                CHECK(before <= track->begin && track->end <= after, "thread %d walks outside of the call", i);
                check_events(track->events + earlier[i], (int)(track->count - earlier[i]), track->begin, track->end,
                             seen);
                earlier[i] = track->count;
            }
            for (int n = 0; n < EXECUTIONS; n++)
                CHECK(seen[n] >= 1 && seen[n] <= (threads == 1 ? 1 : ROWS), "%d threads have event %d %d times",
                      threads, n, seen[n]);
            before = after;
        }
    }
    tear_down(&f);
}

static void test_limits(void) {
    fixture f;
    char message[ECH_MESSAGE_SIZE] = "";
    enum { FIRST = EXECUTIONS - 1 };
    if (set_up(&f)) {
        ech_event events[ROOM];
        memset(events, 0x55, sizeof events);
        const ech_event untouched = events[0];
        // There is room for all but one event of the first call.
        ech_track track = {.events = events, .capacity = FIRST};
        CHECK(run(&f, &track, 1, 1, message), "%s", message);
        CHECK(run(&f, &track, 1, 1, message), "%s", message);
        CHECK(track.count == FIRST && track.dropped == EXECUTIONS + 1, "%lld events, %lld dropped",
              (long long)track.count, (long long)track.dropped);
        CHECK(memcmp(&events[FIRST], &untouched, sizeof untouched) == 0, "an event was written past the room");
        int seen[EXECUTIONS] = {0};
        check_events(events, FIRST, events[0].arrival, track.begin, seen);
        // Two threads without room and memory.
        ech_track none[2] = {{.events = NULL}, {.events = NULL}};
        CHECK(run(&f, none, 2, 2, message), "%s", message);
        CHECK(none[0].count + none[1].count == 0 && none[0].dropped + none[1].dropped >= EXECUTIONS,
              "%lld events dropped", (long long)(none[0].dropped + none[1].dropped));
    }
    tear_down(&f);
}

static void test_refusals(void) {
    fixture f;
    char message[ECH_MESSAGE_SIZE];
    if (set_up(&f)) {
        ech_event events[ROOM];
        const ech_track fine = {.events = events, .capacity = ROOM};
        const struct {
            const char *what;
            ech_track second;
            int track_count;
        } cases[] = {
            {"fewer tracks than threads", fine, 1},
            {"no tracks", fine, 0},
            {"room without memory", {.events = NULL, .capacity = ROOM}, 2},
            {"more events than room", {.events = events, .capacity = 1, .count = 2}, 2},
            {"a negative count", {.events = events, .capacity = ROOM, .count = -1}, 2},
            {"a negative room", {.events = events, .capacity = -1, .count = 0}, 2},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ech_track tracks[2] = {fine, cases[i].second};
            message[0] = 0;
            CHECK(!run(&f, tracks, cases[i].track_count, 2, message), "%s is accepted", cases[i].what);
            CHECK(message[0] != 0, "%s is refused without a message", cases[i].what);
            CHECK(tracks[0].count == 0, "a refused call is recorded");
        }
        ech_track tracks[2] = {fine, fine};
        CHECK(run(&f, tracks, 2, 1, message), "%s", message);
        CHECK(tracks[1].count == 0 && tracks[1].begin == 0, "a track without a thread is written");
    }
    tear_down(&f);
}

int main(void) {
    run_test("the threads' tracks have every execution, in order, without gaps and overlaps", test_recording);
    run_test("events beyond the room are counted and not written", test_limits);
    run_test("tracks that cannot be recorded on are refused with a sentence", test_refusals);
    return tests_finished();
}
