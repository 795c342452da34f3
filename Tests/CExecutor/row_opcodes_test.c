/// Row-wise instructions with operands of one width, against a plain loop in double precision; the same bits for every
/// instruction set, number of threads, and company in the call; bf16 and q8 outputs as the rounded f32 outputs.
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 440 };
static const int row_counts[] = {1, 2, 15, 16, 17, 40};
static const int widths[] = {1, 7, 16, 31, 33, 96, 440};
#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

/// One row's operands and expected outputs.
typedef struct {
    int width;
    const float *a, *b, *v, *w;
    double p, q;
} row_input;
typedef void (*reference)(const row_input *row, double *out0, double *out1);

static const float eps = 1e-5f;

static double scale_of(const double *x, int width) {
    double squares = 0;
    for (int j = 0; j < width; j++) squares += x[j] * x[j];
    return 1 / sqrt(squares / width + (double)eps);
}

static void expect_add(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = (double)r->a[j] + r->b[j];
}
static void expect_multiply(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = (double)r->a[j] * r->b[j];
}
static void expect_silu(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = r->a[j] / (1 + exp(-(double)r->a[j]));
}
static void expect_sigmoid(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = 1 / (1 + exp(-(double)r->a[j]));
}
static void expect_mix(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = r->p * r->a[j] + r->q * r->b[j];
}
static void expect_bias(const row_input *r, double *out, double *unused) {
    (void)unused;
    for (int j = 0; j < r->width; j++) out[j] = (double)r->a[j] + r->v[j];
}
static void expect_norm(const row_input *r, double *out, double *unused) {
    (void)unused;
    double x[MAX_WIDTH];
    for (int j = 0; j < r->width; j++) x[j] = r->a[j];
    const double scale = scale_of(x, r->width);
    for (int j = 0; j < r->width; j++) out[j] = x[j] * scale * r->v[j];
}
static void expect_add_norm(const row_input *r, double *out, double *unused) {
    (void)unused;
    double x[MAX_WIDTH];
    expect_add(r, x, NULL);
    const double scale = scale_of(x, r->width);
    for (int j = 0; j < r->width; j++) out[j] = x[j] * scale * r->v[j];
}
static void expect_add_norm_norm(const row_input *r, double *out0, double *out1) {
    expect_add_norm(r, out0, NULL);
    const double scale = scale_of(out0, r->width);
    for (int j = 0; j < r->width; j++) out1[j] = out0[j] * scale * r->w[j];
}
static void expect_add_keep_norm(const row_input *r, double *out0, double *out1) {
    expect_add(r, out0, NULL);
    const double scale = scale_of(out0, r->width);
    for (int j = 0; j < r->width; j++) out1[j] = out0[j] * scale * r->v[j];
}

static void expect_norm_add(const row_input *r, double *out, double *unused) {
    (void)unused;
    expect_norm(r, out, NULL);
    for (int j = 0; j < r->width; j++) out[j] += r->b[j];
}

typedef struct {
    int opcode;
    int inputs, scalars, weights, outputs;
    reference expected;
} row_opcode;

static const row_opcode opcodes[] = {
    {ECH_ADD, 2, 0, 0, 1, expect_add},
    {ECH_MULTIPLY, 2, 0, 0, 1, expect_multiply},
    {ECH_SILU, 1, 0, 0, 1, expect_silu},
    {ECH_SIGMOID, 1, 0, 0, 1, expect_sigmoid},
    {ECH_MIX, 2, 2, 0, 1, expect_mix},
    {ECH_BIAS, 1, 0, 1, 1, expect_bias},
    {ECH_NORM, 1, 0, 1, 1, expect_norm},
    {ECH_ADD_NORM, 2, 0, 1, 1, expect_add_norm},
    {ECH_ADD_NORM_NORM, 2, 0, 2, 2, expect_add_norm_norm},
    {ECH_ADD_KEEP_NORM, 2, 0, 1, 2, expect_add_keep_norm},
    {ECH_NORM_ADD, 2, 0, 1, 1, expect_norm_add},
};

typedef struct {
    int rows, width;
    float *a, *b, *v, *w, *p, *q;
} row_data;

static void run_row_opcode(const row_opcode *op, const row_data *data, int element, int isa, int threads, int first,
                           int rows, float *out[2]) {
    tape t = {0};
    const int64_t offset = (int64_t)first * data->width;
    const int inputs[2] = {tape_parameter(&t, ECH_F32, data->width, data->a + offset),
                           tape_parameter(&t, ECH_F32, data->width, data->b + offset)};
    const int scalars[2] = {tape_parameter(&t, ECH_F32, 1, data->p + first),
                            tape_parameter(&t, ECH_F32, 1, data->q + first)};
    const int weights[2] = {tape_weight(&t, ECH_WEIGHT_F32, 1, data->width, data->v),
                            tape_weight(&t, ECH_WEIGHT_F32, 1, data->width, data->w)};
    ech_instruction *instruction = tape_add(&t, op->opcode);
    instruction->f0 = eps;
    for (int k = 0; k < op->inputs; k++) instruction->in[k] = inputs[k];
    for (int k = 0; k < op->scalars; k++) instruction->in[op->inputs + k] = scalars[k];
    for (int k = 0; k < op->weights; k++) instruction->weight[k] = weights[k];
    for (int k = 0; k < op->outputs; k++) {
        int result = tape_result(&t, ECH_F32, data->width, out[k]);
        instruction->out[k] = element == ECH_F32 ? result : tape_arena(&t, element, data->width);
        if (element != ECH_F32) tape_reveal(&t, instruction->out[k], result);
    }
    tape_run_alone(&t, isa, rows, threads);
    tape_free(&t);
}

static void check_row_opcode(const row_opcode *op, const row_data *data) {
    const int64_t count = (int64_t)data->rows * data->width;
    float *known[2], *other[2];
    for (int k = 0; k < 2; k++) {
        known[k] = calloc((size_t)count, sizeof(float));
        other[k] = calloc((size_t)count, sizeof(float));
    }
    run_row_opcode(op, data, ECH_F32, ECH_ISA_PORTABLE, 1, 0, data->rows, known);
    for (int i = 0; i < data->rows; i++) {
        const int64_t o = (int64_t)i * data->width;
        const row_input row = {data->width, data->a + o, data->b + o, data->v, data->w, data->p[i], data->q[i]};
        double expected[2][MAX_WIDTH];
        op->expected(&row, expected[0], expected[1]);
        for (int k = 0; k < op->outputs; k++)
            for (int j = 0; j < data->width; j++)
                CHECK(is_close(known[k][o + j], expected[k][j], 2e-6),
                      "opcode %d, width %d, output %d, row %d: %g, not %g", op->opcode, data->width, k, i,
                      known[k][o + j], expected[k][j]);
    }
    float *rounded[2];
    for (int k = 0; k < 2; k++) {
        rounded[k] = malloc((size_t)count * sizeof(float));
        memcpy(rounded[k], known[k], (size_t)count * sizeof(float));
        for (int i = 0; i < data->rows; i++) round_to_q8(rounded[k] + (int64_t)i * data->width, data->width);
        for (int64_t j = 0; j < count; j++) rounded[k][j] += 0.0f; // a product's sum is never −0
    }
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++) {
        const int threads = 1 + random_below(3);
        run_row_opcode(op, data, ECH_F32, isas[s], threads, 0, data->rows, other);
        for (int k = 0; k < op->outputs; k++)
            CHECK(memcmp(known[k], other[k], (size_t)count * 4) == 0,
                  "opcode %d, width %d, rows %d: %s with %d threads "
                  "differs",
                  op->opcode, data->width, data->rows, ech_isa_name(isas[s]), threads);
        run_row_opcode(op, data, ECH_BF16, isas[s], threads, 0, data->rows, other);
        for (int k = 0; k < op->outputs; k++)
            for (int64_t j = 0; j < count; j++)
                CHECK(other[k][j] == rounded_to_bf16(known[k][j]), "opcode %d, width %d, rows %d, %s: %g rounds to %g",
                      op->opcode, data->width, data->rows, ech_isa_name(isas[s]), known[k][j], other[k][j]);
        run_row_opcode(op, data, ECH_Q8, isas[s], threads, 0, data->rows, other);
        for (int k = 0; k < op->outputs; k++)
            CHECK(memcmp(rounded[k], other[k], (size_t)count * 4) == 0,
                  "opcode %d, width %d, rows %d, %s: output %d is "
                  "not the quantized f32",
                  op->opcode, data->width, data->rows, ech_isa_name(isas[s]), k);
        const int alone = random_below(data->rows);
        run_row_opcode(op, data, ECH_F32, isas[s], 1, alone, 1, other);
        for (int k = 0; k < op->outputs; k++)
            CHECK(memcmp(known[k] + (int64_t)alone * data->width, other[k], (size_t)data->width * 4) == 0,
                  "opcode %d, width %d, %s: row %d differs alone", op->opcode, data->width, ech_isa_name(isas[s]),
                  alone);
    }
    for (int k = 0; k < 2; k++) {
        free(known[k]);
        free(other[k]);
        free(rounded[k]);
    }
}

static void test_row_opcodes(void) {
    for (int n = 0; n < COUNT(row_counts); n++)
        for (int m = 0; m < COUNT(widths); m++) {
            const int64_t count = (int64_t)row_counts[n] * widths[m];
            row_data data = {row_counts[n],
                             widths[m],
                             random_floats(count),
                             random_floats(count),
                             random_floats(widths[m]),
                             random_floats(widths[m]),
                             random_floats(row_counts[n]),
                             random_floats(row_counts[n])};
            for (int k = 0; k < COUNT(opcodes); k++) check_row_opcode(&opcodes[k], &data);
            free(data.a), free(data.b), free(data.v), free(data.w), free(data.p), free(data.q);
        }
}

int main(void) {
    run_test("row-wise instructions agree with double precision, to the bit between instruction sets",
             test_row_opcodes);
    return tests_finished();
}
