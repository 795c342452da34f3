/// Row-wise instructions of a shape of their own, numbers far from zero, and rounding: against plain loops, and the
/// same bits for every instruction set and number of threads. row_opcodes_test.c has those with operands of one width.
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float eps = 1e-5f;
#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

/// Runs `t`, whose only result has `count` elements, on every instruction set and number of threads, and checks that
/// the bits are the same. The last result stays.
static void check_same_bits(const tape *t, int rows, size_t count) {
    uint32_t *first = NULL, *result = t->results[0];
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int threads = 1; threads <= 3; threads++) {
            memset(result, 0xff, count * 4);
            tape_run_alone(t, isas[s], rows, threads);
            if (!first) {
                first = malloc(count * 4);
                memcpy(first, result, count * 4);
            }
            CHECK(memcmp(first, result, count * 4) == 0, "%s with %d threads differs", ech_isa_name(isas[s]), threads);
        }
    free(first);
}

static void test_embed(void) {
    enum { ROWS = 19, TOKENS = 70, WIDTH = 45 };
    float *table = random_floats(TOKENS * WIDTH), result[ROWS * WIDTH];
    int32_t tokens[ROWS];
    for (int i = 0; i < ROWS; i++) tokens[i] = i == 0 ? TOKENS - 1 : random_below(TOKENS);
    float stored[TOKENS * WIDTH];
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++) {
        memcpy(stored, table, sizeof stored);
        round_weight(format, TOKENS, WIDTH, stored);
        tape t = {0};
        ech_instruction *embed = tape_add(&t, ECH_EMBED);
        embed->in[0] = tape_parameter(&t, ECH_I32, 1, tokens);
        embed->out[0] = tape_result(&t, ECH_F32, WIDTH, result);
        embed->weight[0] = tape_weight(&t, format, TOKENS, WIDTH, table);
        embed->f0 = 2.5f;
        check_same_bits(&t, ROWS, ROWS * WIDTH);
        for (int i = 0; i < ROWS * WIDTH; i++) {
            const float element = stored[tokens[i / WIDTH] * WIDTH + i % WIDTH];
            CHECK(result[i] == element * 2.5f, "format %d, element %d: %g, not %g", format, i, result[i],
                  element * 2.5f);
        }
        tape_free(&t);
    }
    free(table);
}

static void test_slice_concat_copy(void) {
    enum { ROWS = 18, A = 37, B = 50, FROM = 5, TO = 70 };
    float *a = random_floats(ROWS * A), *b = random_floats(ROWS * B), result[ROWS * (TO - FROM)];
    for (int element = ECH_F32; element <= ECH_Q8; element++) {
        if (element == ECH_I32) continue;
        tape t = {0};
        const int pa = tape_parameter(&t, ECH_F32, A, a), pb = tape_parameter(&t, ECH_F32, B, b);
        const int out = tape_result(&t, ECH_F32, TO - FROM, result);
        ech_instruction *concat = tape_add(&t, ECH_CONCAT);
        concat->in[0] = pa;
        concat->in[1] = pb;
        const int joined = concat->out[0] = tape_arena(&t, ECH_F32, A + B);
        ech_instruction *slice = tape_add(&t, ECH_SLICE);
        slice->in[0] = joined;
        slice->i0 = FROM;
        slice->i1 = TO;
        const int sliced = slice->out[0] = tape_arena(&t, element, TO - FROM);
        ech_instruction *copy = tape_add(&t, ECH_COPY);
        copy->in[0] = sliced;
        copy->out[0] = element == ECH_F32 ? out : tape_arena(&t, element, TO - FROM);
        if (element != ECH_F32) tape_reveal(&t, copy->out[0], out);
        check_same_bits(&t, ROWS, ROWS * (TO - FROM));
        for (int i = 0; i < ROWS; i++) {
            float expected[TO - FROM];
            for (int j = FROM; j < TO; j++) {
                expected[j - FROM] = j < A ? a[i * A + j] : b[i * B + j - A];
                if (element == ECH_BF16) expected[j - FROM] = rounded_to_bf16(expected[j - FROM]);
            }
            if (element == ECH_Q8) round_to_q8(expected, TO - FROM);
            for (int j = 0; j < TO - FROM; j++)
                CHECK(result[i * (TO - FROM) + j] == expected[j], "element %d, row %d, column %d", element, i,
                      FROM + j);
        }
        tape_free(&t);
    }
    free(a);
    free(b);
}

static void test_copy_of_tokens(void) {
    int32_t tokens[17], result[17];
    for (int i = 0; i < 17; i++) tokens[i] = (int32_t)random_bits();
    tape t = {0};
    ech_instruction *copy = tape_add(&t, ECH_COPY);
    copy->in[0] = tape_parameter(&t, ECH_I32, 1, tokens);
    copy->out[0] = tape_result(&t, ECH_I32, 1, result);
    check_same_bits(&t, 17, 17);
    CHECK(memcmp(tokens, result, sizeof tokens) == 0, "the copy differs");
    tape_free(&t);
}

static void test_convert(void) {
    float x[] = {0, -0.0f, 1, 1.00390625f, 1.01171875f, 3e38f, 3.4e38f, -1e-40f, INFINITY, -INFINITY, NAN, 1.0f / 3};
    enum { WIDTH = COUNT(x) };
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int j = 0; j < WIDTH; j++) { // one element a row: a product with a row of NaN is all NaN
            float result;
            tape t = {0};
            ech_instruction *convert = tape_add(&t, ECH_CONVERT);
            convert->in[0] = tape_parameter(&t, ECH_F32, 1, &x[j]);
            const int converted = convert->out[0] = tape_arena(&t, ECH_BF16, 1);
            tape_reveal(&t, converted, tape_result(&t, ECH_F32, 1, &result));
            tape_run_alone(&t, isas[s], 1, 1);
            // The product may take numbers below the smallest normal one as zero.
            const float expected = fabsf(x[j]) < 1e-37f ? 0 : rounded_to_bf16(x[j]);
            if (isinf(expected)) CHECK(!isfinite(result), "%g became %g", x[j], result);
            else if (isnan(expected)) CHECK(isnan(result), "%g became %g", x[j], result);
            else CHECK(fabsf(result - expected) < 1e-37f, "%g became %g, not %g", x[j], result, expected);
            tape_free(&t);
        }
}

/// One row converted to q8 and back.
static void convert_row(const float *x, int width, int isa, float *result) {
    tape t = {0};
    ech_instruction *convert = tape_add(&t, ECH_CONVERT);
    convert->in[0] = tape_parameter(&t, ECH_F32, width, x);
    const int converted = convert->out[0] = tape_arena(&t, ECH_Q8, width);
    tape_reveal(&t, converted, tape_result(&t, ECH_F32, width, result));
    tape_run_alone(&t, isa, 1, 1);
    tape_free(&t);
}

static void test_convert_to_q8(void) {
    const float tiny = 0x1p-140f, huge = 3e38f;
    const struct {
        float x[4], expected[4];
    } cases[] = {
        {{127, 0.5f, 1.5f, -2.5f}, {127, 0, 2, -2}}, // ties to even
        {{-127, 126.4f, 126.6f, 0}, {-127, 126, 127, 0}},
        {{0, -0.0f, 0, 0}, {0, 0, 0, 0}},
        {{tiny, -tiny, 0, 0x1p-126f}, {0, 0, 0, 0}}, // 127 / max is infinite
        {{0x1p-100f, -0x1p-100f, tiny, 0}, {0x1p-100f, -0x1p-100f, 0, 0}},
        {{huge, -huge, 1, huge / 4}, {huge, -huge, 0, huge * (32.0f / 127)}},
        {{NAN, 1, 2, 3}, {NAN, NAN, NAN, NAN}},
        {{1, INFINITY, 2, 3}, {NAN, NAN, NAN, NAN}},
        {{-INFINITY, 1, 2, NAN}, {NAN, NAN, NAN, NAN}},
    };
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int n = 0; n < COUNT(cases); n++) {
            float result[4];
            convert_row(cases[n].x, 4, isas[s], result);
            for (int j = 0; j < 4; j++) {
                const float expected = cases[n].expected[j];
                CHECK(isnan(expected) ? isnan(result[j]) : fabsf(result[j] - expected) <= 2e-7f * fabsf(expected),
                      "%s, case %d: %g became %g, not %g", ech_isa_name(isas[s]), n, cases[n].x[j], result[j],
                      expected);
            }
        }
}

/// silu or sigmoid of x in double precision.
static double expected_of(int opcode, float x) { return (opcode == ECH_SILU ? x : 1) / (1 + exp(-(double)x)); }

static void test_far_from_zero(void) {
    float x[] = {-1e30f, -200, -88, -20, -1e-20f, 0, 1e-20f, 20, 88, 200, 1e30f, NAN}, result[COUNT(x)];
    for (int k = 0; k < 2; k++) {
        const int opcode = k ? ECH_SIGMOID : ECH_SILU;
        tape t = {0};
        ech_instruction *instruction = tape_add(&t, opcode);
        instruction->in[0] = tape_parameter(&t, ECH_F32, COUNT(x), x);
        instruction->out[0] = tape_result(&t, ECH_F32, COUNT(x), result);
        check_same_bits(&t, 1, COUNT(x));
        for (int j = 0; j < COUNT(x); j++) {
            const double expected = expected_of(opcode, x[j]);
            CHECK(isnan(x[j]) ? isnan(result[j]) : is_close(result[j], expected, 1e-6), "%s(%g) = %g, not %g",
                  ech_opcode_describe(opcode)->name, x[j], result[j], expected);
        }
        tape_free(&t);
    }
}

static void test_precision(void) {
    enum { COUNT_OF = 4000 };
    float *x = malloc(COUNT_OF * sizeof *x), *result = malloc(COUNT_OF * sizeof *result);
    for (int i = 0; i < COUNT_OF; i++) x[i] = -30 + 60.0f * (float)i / COUNT_OF;
    for (int k = 0; k < 2; k++) {
        const int opcode = k ? ECH_SIGMOID : ECH_SILU;
        tape t = {0};
        ech_instruction *instruction = tape_add(&t, opcode);
        instruction->in[0] = tape_parameter(&t, ECH_F32, COUNT_OF, x);
        instruction->out[0] = tape_result(&t, ECH_F32, COUNT_OF, result);
        tape_run_alone(&t, ECH_ISA_PORTABLE, 1, 1);
        for (int i = 0; i < COUNT_OF; i++) {
            const double expected = expected_of(opcode, x[i]);
            CHECK(fabs(result[i] - expected) <= 4e-7 * fabs(expected), "%s(%g) = %.9g, not %.9g",
                  ech_opcode_describe(opcode)->name, x[i], result[i], expected);
        }
        tape_free(&t);
    }
    free(x);
    free(result);
}

static void test_rope(void) {
    static const int shapes[][2] = {{1, 2}, {3, 32}, {5, 96}, {2, 10}};
    enum { ROWS = 17 };
    for (int m = 0; m < COUNT(shapes); m++) {
        const int heads = shapes[m][0], dim = shapes[m][1], width = heads * dim;
        float *x = random_floats(ROWS * width), *result = malloc((size_t)(ROWS * width) * sizeof *result);
        int32_t positions[ROWS];
        for (int i = 0; i < ROWS; i++) positions[i] = i == 0 ? 4095 : random_below(4096);
        tape t = {0};
        ech_instruction *rope = tape_add(&t, ECH_ROPE);
        rope->in[0] = tape_parameter(&t, ECH_F32, width, x);
        rope->in[1] = tape_parameter(&t, ECH_I32, 1, positions);
        rope->out[0] = tape_result(&t, ECH_F32, width, result);
        rope->i0 = heads;
        rope->weight[0] = tape_frequencies(&t, dim, 50000);
        rope->f0 = 1.5f;
        int isas[ECH_ISA_COUNT];
        const int isa_count = available_isas(isas);
        float *first = NULL;
        for (int s = 0; s < isa_count; s++) {
            ech_session *session = tape_session(&t, 1, 4096, 1);
            tape_run(&t, isas[s], session, ROWS, 0, 1 + s % 3);
            ech_session_destroy(session);
            if (!first) {
                first = malloc((size_t)(ROWS * width) * sizeof *first);
                memcpy(first, result, (size_t)(ROWS * width) * sizeof *first);
            }
            CHECK(memcmp(first, result, (size_t)(ROWS * width) * 4) == 0, "%s differs", ech_isa_name(isas[s]));
        }
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < width; j += 2) {
                const double angle = positions[i] * pow(50000, -(double)(j % dim) / dim);
                const double even = x[i * width + j], odd = x[i * width + j + 1];
                // Angles are rounded to float: up to 4096 · 2⁻²³ off.
                CHECK(is_close(result[i * width + j], 1.5 * (even * cos(angle) - odd * sin(angle)), 1e-3),
                      "row %d, column %d", i, j);
                CHECK(is_close(result[i * width + j + 1], 1.5 * (odd * cos(angle) + even * sin(angle)), 1e-3),
                      "row %d, column %d", i, j + 1);
            }
        tape_free(&t);
        free(first);
        free(x);
        free(result);
    }
}

static void test_argmax(void) {
    enum { ROWS = 21, WIDTH = 75 };
    float *x = random_floats(ROWS * WIDTH);
    int32_t result[ROWS], expected[ROWS];
    for (int i = 0; i < ROWS; i++) {
        float *row = x + i * WIDTH;
        if (i == 1) row[40] = row[17] = row[74] = 2; // the first of equals
        if (i == 2)
            for (int j = 0; j < WIDTH; j++) row[j] = NAN;
        if (i == 3) row[0] = NAN;
        if (i == 4)
            for (int j = 0; j < WIDTH; j++) row[j] = -INFINITY;
        if (i == 5) row[74] = INFINITY;
        if (i == 6)
            for (int j = 0; j < WIDTH; j++) row[j] = -1; // zeros of padding never win
        if (i == 7) row[74] = NAN;
        if (i == 8) row[33] = INFINITY;
        if (i == 9) row[0] = -INFINITY; // any other number is larger
        expected[i] = -1;
        float best = -INFINITY;
        for (int j = 0; j < WIDTH; j++)
            if (row[j] > best) {
                best = row[j];
                expected[i] = j;
            }
        // There is no largest of what is no number.
        for (int j = 0; j < WIDTH; j++)
            if (!(row[j] < INFINITY)) expected[i] = -1;
    }
    tape t = {0};
    ech_instruction *argmax = tape_add(&t, ECH_ARGMAX);
    argmax->in[0] = tape_parameter(&t, ECH_F32, WIDTH, x);
    argmax->out[0] = tape_result(&t, ECH_I32, 1, result);
    check_same_bits(&t, ROWS, ROWS);
    for (int i = 0; i < ROWS; i++) CHECK(result[i] == expected[i], "row %d: %d, not %d", i, result[i], expected[i]);
    tape_free(&t);
    free(x);
}

static void test_relative_difference(void) {
    enum { ROWS = 20, WIDTH = 133 };
    float *a = random_floats(ROWS * WIDTH), *b = random_floats(ROWS * WIDTH), result[ROWS];
    memcpy(b, a, WIDTH * sizeof *a);
    tape t = {0};
    ech_instruction *difference = tape_add(&t, ECH_RELATIVE_DIFFERENCE);
    difference->in[0] = tape_parameter(&t, ECH_F32, WIDTH, a);
    difference->in[1] = tape_parameter(&t, ECH_F32, WIDTH, b);
    difference->out[0] = tape_result(&t, ECH_F32, 1, result);
    check_same_bits(&t, ROWS, ROWS);
    for (int i = 0; i < ROWS; i++) {
        double differences = 0, squares = 0;
        for (int j = i * WIDTH; j < (i + 1) * WIDTH; j++) {
            differences += ((double)a[j] - b[j]) * ((double)a[j] - b[j]);
            squares += (double)a[j] * a[j];
        }
        CHECK(is_close(result[i], sqrt(differences / squares), 1e-6), "row %d: %g", i, result[i]);
    }
    tape_free(&t);
    free(a);
    free(b);
}

static void test_output_in_place_of_input(void) {
    enum { ROWS = 18, WIDTH = 45 };
    float *x = random_floats(ROWS * WIDTH), *weight = random_floats(WIDTH), apart[ROWS * WIDTH], in_place[ROWS * WIDTH];
    for (int same = 0; same <= 1; same++) {
        tape t = {0};
        const int a = tape_arena(&t, ECH_F32, WIDTH), b = same ? a : tape_arena(&t, ECH_F32, WIDTH);
        const int w = tape_weight(&t, ECH_WEIGHT_F32, 1, WIDTH, weight);
        const int parameter = tape_parameter(&t, ECH_F32, WIDTH, x);
        ech_instruction *copy = tape_add(&t, ECH_COPY);
        copy->in[0] = parameter;
        copy->out[0] = a;
        ech_instruction *norms = tape_add(&t, ECH_ADD_NORM_NORM);
        norms->in[0] = a;
        norms->in[1] = parameter;
        norms->out[0] = b;
        norms->out[1] = tape_arena(&t, ECH_F32, WIDTH);
        norms->weight[0] = norms->weight[1] = w;
        norms->f0 = eps;
        norms->barrier = 0; // split by rows as what precedes
        ech_instruction *norm = tape_add(&t, ECH_NORM);
        norm->in[0] = b;
        norm->out[0] = tape_result(&t, ECH_F32, WIDTH, same ? in_place : apart);
        norm->weight[0] = w;
        norm->f0 = eps;
        norm->barrier = 0;
        tape_run_alone(&t, ECH_ISA_PORTABLE, ROWS, 3);
        tape_free(&t);
    }
    CHECK(memcmp(apart, in_place, sizeof apart) == 0, "the result in place differs");
    free(x);
    free(weight);
}

int main(void) {
    run_test("embed reads rows of f32 and packed weights", test_embed);
    run_test("slice, concat and copy move columns in f32, bf16 and q8", test_slice_concat_copy);
    run_test("copy moves tokens", test_copy_of_tokens);
    run_test("convert rounds ties to even and keeps infinities and NaN", test_convert);
    run_test("convert to q8 holds at ties, zeros, denormals, huge numbers, infinity and NaN", test_convert_to_q8);
    run_test("silu and sigmoid hold far from zero", test_far_from_zero);
    run_test("silu and sigmoid are precise to a few units in the last place", test_precision);
    run_test("rope turns interleaved pairs", test_rope);
    run_test("argmax takes the first of equals, and no column of a row with NaN or infinity", test_argmax);
    run_test("relative_difference compares norms", test_relative_difference);
    run_test("an output may take its input's place", test_output_in_place_of_input);
    return tests_finished();
}
