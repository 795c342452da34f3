/// Times the overhead of the tape: of a call, an instruction and a barrier, and of recording an instruction with a
/// barrier.
///
///     Tools/bench/run overhead [MAX_THREADS [REPEATS]]
///
/// The instructions add two vectors of 16 columns for one row, which is hardly any work. `call` is a tape of one of
/// them. The costs of an instruction and of a barrier are differences between long and short tapes with and without
/// barriers: differences of the medians, and of the minima, which other programs disturb least.
#define _DEFAULT_SOURCE
#include "bench.h"

#include "CExecutor.h"

enum { LONG = 4000, CALLS = 50, WIDTH = 16, ROWS_OF_A_THREAD = 8, MAX_ROWS = 1024, MAX_REPEATS = 501 };

/// A tape of `count` additions, with a barrier before each or before none.
static ech_program *additions(int count, bool barriers, int isa) {
    static ech_instruction instructions[LONG];
    const ech_buffer buffers[] = {{ECH_F32, WIDTH, ECH_PARAMETER, 0, 0}, {ECH_F32, WIDTH, ECH_ARENA, 0, 0}};
    for (int i = 0; i < count; i++)
        instructions[i] = (ech_instruction){.opcode = ECH_ADD,
                                            .barrier = barriers,
                                            .in = {0, 0, -1, -1, -1},
                                            .out = {1, -1},
                                            .weight = {-1, -1, -1},
                                            .cache = -1};
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program =
        ech_program_create(instructions, count, buffers, 2, NULL, 0, NULL, 0, 1, 0, WIDTH * 4, isa, message);
    require(program, message);
    return program;
}

/// Room for a call's events on every thread.
static ech_track *make_tracks(int threads) {
    ech_track *tracks = calloc((size_t)threads, sizeof *tracks);
    for (int i = 0; tracks && i < threads; i++) {
        tracks[i].events = calloc(LONG, sizeof *tracks[i].events);
        tracks[i].capacity = tracks[i].events ? LONG : 0;
    }
    require(tracks && tracks[threads - 1].capacity, "There is not enough memory for the tracks.");
    return tracks;
}

static void free_tracks(ech_track *tracks, int threads) {
    for (int i = 0; i < threads; i++) free(tracks[i].events);
    free(tracks);
}

/// `tracks` may be NULL; else their events are replaced.
static double time_calls(const ech_program *program, ech_session *session, int calls, int threads, ech_track *tracks) {
    static const float x[MAX_ROWS * WIDTH];
    const void *parameters[] = {x};
    const ech_call call = {
        .rows = ROWS_OF_A_THREAD * threads, .parameters = parameters, .tracks = tracks, .track_count = threads};
    for (int i = 0; tracks && i < threads; i++) tracks[i].count = 0;
    char message[ECH_MESSAGE_SIZE] = "";
    const double start = seconds();
    for (int i = 0; i < calls; i++) require(ech_run(program, session, &call, threads, message), message);
    return (seconds() - start) / calls;
}

typedef struct {
    double median, best;
} times;

static times summary(double *values, int count) {
    const double middle = median(values, count);
    return (times){middle, values[0]};
}

static void print(const char *what, times more, times less, int count) {
    printf("  %-12s %8.0f %8.0f\n", what, (more.median - less.median) / count * 1e9,
           (more.best - less.best) / count * 1e9);
}

int main(int argc, char **argv) {
    const int max_threads = argc > 1 ? atoi(argv[1]) : ech_default_threads(), repeats = argc > 2 ? atoi(argv[2]) : 51;
    if (max_threads < 1 || repeats < 1 || repeats > MAX_REPEATS) {
        fprintf(stderr, "The arguments are a number of threads and 1 to %d repeats.\n", MAX_REPEATS);
        return 1;
    }
    char message[ECH_MESSAGE_SIZE] = "";
    const int isa = ech_isa_choose(message);
    require(isa >= 0, message);
    ech_session *session = ech_session_create(NULL, 0, 1, 1, 1, ECH_CACHE_F32, message);
    require(session, message);
    ech_program *single = additions(1, false, isa), *plain = additions(LONG, false, isa),
                *met = additions(LONG, true, isa);
    for (int threads = 1; threads <= max_threads; threads++) {
        double calls[MAX_REPEATS], without[MAX_REPEATS], with[MAX_REPEATS], recorded[MAX_REPEATS];
        ech_track *tracks = make_tracks(threads);
        for (int r = -1; r < repeats; r++) { // the first round only warms up
            const int at = r < 0 ? 0 : r;
            calls[at] = time_calls(single, session, CALLS, threads, NULL);
            without[at] = time_calls(plain, session, 1, threads, NULL);
            with[at] = time_calls(met, session, 1, threads, NULL);
            recorded[at] = time_calls(met, session, 1, threads, tracks);
        }
        free_tracks(tracks, threads);
        const times nothing = {0, 0}, call = summary(calls, repeats), unmet = summary(without, repeats);
        const times bound = summary(with, repeats);
        printf("%s, %d thread%s: nanoseconds   median     best\n", ech_isa_name(isa), threads, threads == 1 ? "" : "s");
        print("call", call, nothing, 1);
        print("instruction", unmet, call, LONG - 1);
        print("barrier", bound, unmet, LONG);
        print("recording", summary(recorded, repeats), bound, LONG);
    }
    ech_program_destroy(single);
    ech_program_destroy(plain);
    ech_program_destroy(met);
    ech_session_destroy(session);
    return 0;
}
