/// norm_add and norm_add_keep_norm against the norms and the addition that they are fused from: the same bits for every
/// instruction set and number of rows and threads, also when they are stored as bf16 or q8, or in an input's place.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 33, MAX_WIDTH = 330 };

static const float eps = 1e-5f;

/// Inputs a and b, the weights v and w, and what norm, add and norm make of them: norm(a, v) + b, and its norm by w.
typedef struct {
    int rows, width;
    float *a, *b, *v, *w;
    float sum[MAX_ROWS * MAX_WIDTH], normed[MAX_ROWS * MAX_WIDTH];
} residual;

static ech_instruction *add(tape *t, int opcode, int in0, int in1, int out0, int weight0) {
    ech_instruction *instruction = tape_add(t, opcode);
    instruction->in[0] = in0;
    instruction->in[1] = in1;
    instruction->out[0] = out0;
    instruction->weight[0] = weight0;
    instruction->f0 = eps;
    return instruction;
}

static void run_apart(residual *r) {
    tape t = {0};
    const int a = tape_parameter(&t, ECH_F32, r->width, r->a), b = tape_parameter(&t, ECH_F32, r->width, r->b);
    const int v = tape_weight(&t, ECH_WEIGHT_F32, 1, r->width, r->v);
    const int w = tape_weight(&t, ECH_WEIGHT_F32, 1, r->width, r->w);
    const int x = tape_arena(&t, ECH_F32, r->width), sum = tape_result(&t, ECH_F32, r->width, r->sum);
    add(&t, ECH_NORM, a, -1, x, v);
    add(&t, ECH_ADD, x, b, sum, -1);
    add(&t, ECH_NORM, sum, -1, tape_result(&t, ECH_F32, r->width, r->normed), w);
    tape_run_alone(&t, ECH_ISA_PORTABLE, r->rows, 1);
    tape_free(&t);
}

/// Which of the inputs, copied to the arena, the first output takes the place of.
enum place { OF_NONE, OF_FIRST, OF_SECOND };

/// The fused operation with outputs in `element`. `normed` is NULL for norm_add.
static void run_fused(const residual *r, int element, enum place place, int isa, int threads, float *sum,
                      float *normed) {
    tape t = {0};
    const float *inputs[2] = {r->a, r->b};
    float *results[2] = {sum, normed};
    int in[2], out[2] = {-1, -1};
    for (int k = 0; k < 2; k++) {
        const int parameter = tape_parameter(&t, ECH_F32, r->width, inputs[k]);
        add(&t, ECH_COPY, parameter, -1, in[k] = tape_arena(&t, ECH_F32, r->width), -1);
    }
    const int v = tape_weight(&t, ECH_WEIGHT_F32, 1, r->width, r->v);
    ech_instruction *fused = add(&t, normed ? ECH_NORM_ADD_KEEP_NORM : ECH_NORM_ADD, in[0], in[1], -1, v);
    if (normed) fused->weight[1] = tape_weight(&t, ECH_WEIGHT_F32, 1, r->width, r->w);
    for (int k = 0; k < (normed ? 2 : 1); k++) {
        const bool in_place = k == 0 && place != OF_NONE;
        fused->out[k] = out[k] = in_place ? in[place - OF_FIRST] : tape_arena(&t, element, r->width);
        const int result = tape_result(&t, ECH_F32, r->width, results[k]);
        if (element == ECH_F32 || in_place) add(&t, ECH_COPY, out[k], -1, result, -1)->barrier = 0;
        else tape_reveal(&t, out[k], result);
    }
    tape_run_alone(&t, isa, r->rows, threads);
    tape_free(&t);
}

/// Compares rows with known ones, stored in `element`.
static void check_rows(const residual *r, const char *what, int element, int isa, const float *known,
                       const float *got) {
    float *expected = malloc((size_t)r->width * sizeof *expected);
    for (int i = 0; i < r->rows; i++) {
        memcpy(expected, known + i * r->width, (size_t)r->width * sizeof *expected);
        if (element == ECH_Q8) round_to_q8(expected, r->width);
        for (int j = 0; j < r->width; j++) {
            const float number = element == ECH_BF16 ? rounded_to_bf16(expected[j]) : expected[j];
            CHECK(got[i * r->width + j] == number,
                  "%s, width %d, %d rows, element %d, %s: row %d, column %d is %g, not %g", what, r->width, r->rows,
                  element, ech_isa_name(isa), i, j, got[i * r->width + j], number);
        }
    }
    free(expected);
}

static void check_residual(residual *r) {
    static float sum[MAX_ROWS * MAX_WIDTH], normed[MAX_ROWS * MAX_WIDTH];
    static const int elements[] = {ECH_F32, ECH_BF16, ECH_Q8};
    run_apart(r);
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++) {
        for (int k = 0; k < 3; k++) {
            const int threads = 1 + random_below(3);
            run_fused(r, elements[k], OF_NONE, isas[s], threads, sum, NULL);
            check_rows(r, "norm_add", elements[k], isas[s], r->sum, sum);
            run_fused(r, elements[k], OF_NONE, isas[s], threads, sum, normed);
            check_rows(r, "norm_add_keep_norm", elements[k], isas[s], r->sum, sum);
            check_rows(r, "its norm", elements[k], isas[s], r->normed, normed);
        }
        for (enum place place = OF_FIRST; place <= OF_SECOND; place++) {
            run_fused(r, ECH_F32, place, isas[s], 2, sum, NULL);
            check_rows(r, "norm_add in place", ECH_F32, isas[s], r->sum, sum);
            run_fused(r, ECH_Q8, place, isas[s], 2, sum, normed);
            check_rows(r, "norm_add_keep_norm in place", ECH_F32, isas[s], r->sum, sum);
            check_rows(r, "its norm, with the sum in place", ECH_Q8, isas[s], r->normed, normed);
        }
    }
}

static void test_residual_norms(void) {
    static const int row_counts[] = {1, 2, 16, 17, MAX_ROWS}, widths[] = {1, 7, 16, 31, 33, 96, MAX_WIDTH};
    static residual r;
    for (size_t n = 0; n < sizeof row_counts / sizeof *row_counts; n++)
        for (size_t m = 0; m < sizeof widths / sizeof *widths; m++) {
            r.rows = row_counts[n], r.width = widths[m];
            r.a = random_floats(r.rows * r.width), r.b = random_floats(r.rows * r.width);
            r.v = random_floats(r.width), r.w = random_floats(r.width);
            check_residual(&r);
            free(r.a), free(r.b), free(r.v), free(r.w);
        }
}

int main(void) {
    run_test("norms of a branch give the same bits fused with the addition", test_residual_norms);
    return tests_finished();
}
