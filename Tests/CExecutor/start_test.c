/// start: rows of depth 0 take the fresh state, and all others keep theirs.
#include "harness.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 33 };

/// Which of the inputs, copied to the arena, the output takes the place of.
enum place { OF_NONE, OF_FRESH, OF_STATE };

static void check_start(int rows, int width, int element, enum place place, int isa, int threads) {
    float *inputs[2] = {random_floats(rows * width), random_floats(rows * width)};
    float *result = malloc((size_t)(rows * width) * sizeof *result), *expected = malloc((size_t)width * sizeof *result);
    int32_t depths[MAX_ROWS];
    for (int i = 0; i < rows; i++) depths[i] = random_below(2) ? 0 : 1 + random_below(INT_MAX);
    tape t = {0};
    int in[2];
    for (int k = 0; k < 2; k++) {
        ech_instruction *copy = tape_add(&t, ECH_COPY);
        copy->in[0] = tape_parameter(&t, ECH_F32, width, inputs[k]);
        copy->out[0] = in[k] = tape_arena(&t, ECH_F32, width);
    }
    ech_instruction *start = tape_add(&t, ECH_START);
    start->in[0] = in[0], start->in[1] = in[1];
    start->in[2] = tape_parameter(&t, ECH_I32, 1, depths);
    start->out[0] = place == OF_NONE ? tape_arena(&t, element, width) : in[place - OF_FRESH];
    start->barrier = 0; // divided by rows as what precedes
    const int started = start->out[0], out = tape_result(&t, ECH_F32, width, result);
    if (element != ECH_F32) tape_reveal(&t, started, out);
    else {
        ech_instruction *copy = tape_add(&t, ECH_COPY);
        copy->in[0] = started;
        copy->out[0] = out;
    }
    tape_run_alone(&t, isa, rows, threads);
    tape_free(&t);
    for (int i = 0; i < rows; i++) {
        memcpy(expected, inputs[depths[i] == 0 ? 0 : 1] + i * width, (size_t)width * sizeof *expected);
        if (element == ECH_Q8) round_to_q8(expected, width);
        for (int j = 0; j < width; j++) {
            const float number = element == ECH_BF16 ? rounded_to_bf16(expected[j]) : expected[j];
            CHECK(result[i * width + j] == number, "element %d, %s, depth %d, column %d of %d: %g, not %g", element,
                  ech_isa_name(isa), depths[i], j, width, result[i * width + j], number);
        }
    }
    free(inputs[0]), free(inputs[1]), free(result), free(expected);
}

static void test_start(void) {
    static const int row_counts[] = {1, 2, 17, MAX_ROWS}, widths[] = {1, 15, 33, 160};
    static const int elements[] = {ECH_F32, ECH_BF16, ECH_Q8};
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int n = 0; n < 4; n++)
            for (int m = 0; m < 4; m++) {
                for (int k = 0; k < 3; k++)
                    check_start(row_counts[n], widths[m], elements[k], OF_NONE, isas[s], 1 + random_below(3));
                check_start(row_counts[n], widths[m], ECH_F32, OF_FRESH, isas[s], 2);
                check_start(row_counts[n], widths[m], ECH_F32, OF_STATE, isas[s], 2);
            }
}

/// A program without caches has its depths checked, too.
static void test_bad_depths(void) {
    float x[2] = {1, 2}, result[2];
    int32_t depths[2] = {0, 3};
    tape t = {0};
    ech_instruction *start = tape_add(&t, ECH_START);
    start->in[0] = start->in[1] = tape_parameter(&t, ECH_F32, 1, x);
    start->in[2] = tape_parameter(&t, ECH_I32, 1, depths);
    start->out[0] = tape_result(&t, ECH_F32, 1, result);
    ech_program *program = tape_program(&t, ECH_ISA_PORTABLE);
    ech_session *session = tape_session(&t, 1, 1, 1);
    const ech_call call = {.rows = 2, .recurrences = 2, .parameters = t.parameters, .results = t.results};
    char message[ECH_MESSAGE_SIZE] = "";
    CHECK(ech_run(program, session, &call, 1, message), "%s", message);
    static const int bad[] = {-1, INT_MIN, INT_MAX, INT_MAX - 1};
    for (int k = 0; k < 4; k++) {
        depths[1] = bad[k];
        CHECK(!ech_run(program, session, &call, 1, message) && strstr(message, "depth"), "depth %d: \"%s\"", bad[k],
              message);
    }
    ech_session_destroy(session);
    ech_program_destroy(program);
    tape_free(&t);
}

int main(void) {
    run_test("rows of depth 0 start from the fresh state, and others from theirs", test_start);
    run_test("depths out of range are refused without caches", test_bad_depths);
    return tests_finished();
}
