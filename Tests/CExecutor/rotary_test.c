/// Rotary embeddings: the frequencies of a program's weights decide the angles, and a session keeps a table for each
/// set of frequencies and each magnitude.
#include "harness.h"

#include "core/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 11, HEADS = 2, DIM = 6, WIDTH = HEADS * DIM, CONTEXT = 1000 };

/// A rotary embedding of all rows; the frequencies belong to a program that is gone afterwards.
static void turn(ech_session **session, const float *x, const int32_t *positions, const float *frequencies,
                 float magnitude, int isa, float *out) {
    tape t = {0};
    ech_instruction *rope = tape_add(&t, ECH_ROPE);
    rope->in[0] = tape_parameter(&t, ECH_F32, WIDTH, x);
    rope->in[1] = tape_parameter(&t, ECH_I32, 1, positions);
    rope->out[0] = tape_result(&t, ECH_F32, WIDTH, out);
    rope->weight[0] = tape_weight(&t, ECH_WEIGHT_F32, 1, DIM / 2, frequencies);
    rope->i0 = HEADS;
    rope->f0 = magnitude;
    if (!*session) *session = tape_session(&t, 1, CONTEXT, 1);
    tape_run(&t, isa, *session, ROWS, 0, 2);
    tape_free(&t);
}

/// The same in float32, to the bit: the angle, its cosine and sine, and their products with the magnitude are rounded.
static void expect(const float *x, const int32_t *positions, const float *frequencies, float magnitude, float *out) {
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < WIDTH; j += 2) {
            const float angle = (float)positions[i] * frequencies[j % DIM / 2];
            const float cosine = cosf(angle) * magnitude, sine = sinf(angle) * magnitude;
            const float *even = x + i * WIDTH + j, *odd = even + 1;
            out[i * WIDTH + j] = *even * cosine + *odd * -sine;
            out[i * WIDTH + j + 1] = *odd * cosine + *even * sine;
        }
}

static void test_tables(void) {
    static const float frequencies[][DIM / 2] = {{1, 0.1f, 0.01f}, {1, 0.1f, 0.02f}, {0, 0, 0}, {-0.5f, 3, 0}};
    static const float magnitudes[] = {1, 1.25f};
    enum { SETS = sizeof frequencies / sizeof *frequencies };
    float *x = random_floats(ROWS * WIDTH), result[ROWS * WIDTH], expected[ROWS * WIDTH];
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    ech_session *session = NULL;
    // Positions rise, so tables grow while others are there.
    for (int last = 0; last < CONTEXT; last += CONTEXT / 3) {
        int32_t positions[ROWS];
        for (int i = 0; i < ROWS; i++) positions[i] = i == 0 ? last : random_below(last + 1);
        for (int s = 0; s < isa_count; s++)
            for (int set = 0; set < SETS; set++)
                for (int k = 0; k < 2; k++) {
                    turn(&session, x, positions, frequencies[set], magnitudes[k], isas[s], result);
                    expect(x, positions, frequencies[set], magnitudes[k], expected);
                    for (int i = 0; i < ROWS * WIDTH; i++)
                        CHECK(result[i] == expected[i], "set %d, magnitude %g, up to %d, %s, element %d: %g, not %g",
                              set, (double)magnitudes[k], last, ech_isa_name(isas[s]), i, result[i], expected[i]);
                }
    }
    CHECK(session->rope_count == SETS * 2, "the session has %d tables", session->rope_count);
    ech_session_destroy(session);
    free(x);
}

/// Whether a program with this rotary embedding can be made. A refusal has to contain `said`.
static void check_refused(const float *frequencies, int count, int heads, float magnitude, const char *said) {
    tape t = {0};
    ech_instruction *rope = tape_add(&t, ECH_ROPE);
    rope->in[0] = tape_parameter(&t, ECH_F32, WIDTH, NULL);
    rope->in[1] = tape_parameter(&t, ECH_I32, 1, NULL);
    rope->out[0] = tape_result(&t, ECH_F32, WIDTH, NULL);
    rope->weight[0] = tape_weight(&t, ECH_WEIGHT_F32, 1, count, frequencies);
    rope->i0 = heads;
    rope->f0 = magnitude;
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program =
        ech_program_create(t.instructions, t.instruction_count, t.buffers, t.buffer_count, t.weights, t.weight_count,
                           NULL, 0, t.parameter_count, t.result_count, 0, ECH_ISA_PORTABLE, message);
    CHECK((program == NULL) == (said != NULL), "%d frequencies from %g, magnitude %g: \"%s\"", count,
          (double)*frequencies, (double)magnitude, message);
    CHECK(program || !said || strstr(message, said), "\"%s\" does not contain \"%s\"", message, said);
    ech_program_destroy(program);
    tape_free(&t);
}

static void test_refusals(void) {
    const float fine[DIM] = {1, 0.1f, 0.01f, 0.001f}, infinite[] = {1, 0.1f, INFINITY}, none[] = {1, NAN, 0.01f};
    check_refused(fine, 3, HEADS, 1, NULL);
    check_refused(infinite, 3, HEADS, 1, "frequency 2");
    check_refused(none, 3, HEADS, 1, "frequency 1");
    check_refused(fine, 2, HEADS, 1, "its frequencies");
    check_refused(fine, 4, HEADS, 1, "its frequencies");
    check_refused(fine, 3, 4, 1, "a head has 3");
    check_refused(fine, 3, HEADS, 0, "magnitude");
    check_refused(fine, 3, HEADS, -1, "magnitude");
    check_refused(fine, 3, HEADS, INFINITY, "magnitude");
    check_refused(fine, 3, HEADS, NAN, "magnitude");
}

int main(void) {
    run_test("a session turns by the frequencies and the magnitude of each program", test_tables);
    run_test("frequencies that are not finite or not one for each pair are refused", test_refusals);
    return tests_finished();
}
