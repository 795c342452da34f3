/// Matrix products and what is fused to them, against plain loops in double precision: odd shapes, all weight formats,
/// the same bits for every number of threads, with packed weights for every company in the call, and with quantized
/// weights for every instruction set.
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))
static const int row_counts[] = {1, 2, 15, 16, 17, 33, 40};

/// x (rows × columns) and w (outputs × columns), already rounded as the format rounds them.
typedef struct {
    int format, rows, columns, outputs;
    float *x, *w;
} operands;

static bool is_quantized(int format) { return format == ECH_WEIGHT_INT8 || format == ECH_WEIGHT_INT4; }

static operands random_operands(int format, int rows, int columns, int outputs) {
    operands o = {format,
                  rows,
                  columns,
                  outputs,
                  random_floats((int64_t)rows * columns),
                  random_floats((int64_t)outputs * columns)};
    round_weight(format, outputs, columns, o.w);
    if (format == ECH_WEIGHT_BF16)
        for (int i = 0; i < rows * columns; i++) o.x[i] = rounded_to_bf16(o.x[i]);
    if (is_quantized(format))
        for (int i = 0; i < rows; i++) round_to_q8(o.x + i * columns, columns);
    return o;
}

static void free_operands(operands *o) {
    free(o->x);
    free(o->w);
}

static double product_at(const operands *o, int row, int output) {
    double sum = 0;
    for (int k = 0; k < o->columns; k++) sum += (double)o->x[row * o->columns + k] * o->w[output * o->columns + k];
    return sum;
}

/// The buffer that a product reads: the parameter itself, or its conversion to bf16 or q8.
static int add_input(tape *t, const operands *o, int first) {
    const int parameter = tape_parameter(t, ECH_F32, o->columns, o->x + (int64_t)first * o->columns);
    if (o->format == ECH_WEIGHT_F32) return parameter;
    ech_instruction *convert = tape_add(t, ECH_CONVERT);
    convert->in[0] = parameter;
    return convert->out[0] = tape_arena(t, input_element(o->format), o->columns);
}

/// Runs one product instruction over `rows` rows from `first` on.
static void run_product(const operands *o, int opcode, int out_element, int out_width, int isa, int threads, int first,
                        int rows, void *result) {
    tape t = {0};
    const int input = add_input(&t, o, first);
    ech_instruction *instruction = tape_add(&t, opcode);
    instruction->in[0] = input;
    instruction->weight[0] = tape_weight(&t, o->format, o->outputs, o->columns, o->w);
    const int element = opcode == ECH_LINEAR_ARGMAX ? ECH_I32 : ECH_F32;
    const int out = tape_result(&t, element, out_width, result);
    instruction->out[0] = out_element == ECH_BF16 ? tape_arena(&t, ECH_BF16, out_width) : out;
    if (out_element == ECH_BF16) tape_reveal(&t, instruction->out[0], out);
    tape_run_alone(&t, isa, rows, threads);
    tape_free(&t);
}

typedef double (*expected_element)(const operands *o, int row, int column);

static double expect_gate(const operands *o, int row, int column) {
    const double gate = product_at(o, row, column), up = product_at(o, row, column + o->outputs / 2);
    return gate / (1 + exp(-gate)) * up;
}

static void check_product(const operands *o, int opcode, int out_width, expected_element expected) {
    const size_t count = (size_t)o->rows * (size_t)out_width;
    float *first = malloc(count * 4), *other = malloc(count * 4), *portable = malloc(count * 4);
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++) {
        const char *name = ech_isa_name(isas[s]);
        run_product(o, opcode, ECH_F32, out_width, isas[s], 1, 0, o->rows, first);
        if (isas[s] == ECH_ISA_PORTABLE) memcpy(portable, first, count * 4);
        CHECK(!is_quantized(o->format) || memcmp(first, portable, count * 4) == 0,
              "opcode %d, format %d, %d rows, %d × %d: %s differs from portable", opcode, o->format, o->rows,
              o->outputs, o->columns, name);
        // A column of every strip and every kind of column is enough of the plain loop.
        for (int i = 0; i < o->rows; i++)
            for (int j = random_below(7); j<out_width; j += o->rows> 2 ? 13 : 1)
                CHECK(is_close(first[i * out_width + j], expected(o, i, j), 2e-5 * sqrt(o->columns)),
                      "opcode %d, format %d, %d rows, %d × %d, %s: row %d, output %d is %g, not %g", opcode, o->format,
                      o->rows, o->outputs, o->columns, name, i, j, first[i * out_width + j], expected(o, i, j));
        for (int threads = 2; threads <= 3; threads++) {
            run_product(o, opcode, ECH_F32, out_width, isas[s], threads, 0, o->rows, other);
            CHECK(memcmp(first, other, count * 4) == 0, "opcode %d, format %d, %d rows, %d × %d, %s: %d threads differ",
                  opcode, o->format, o->rows, o->outputs, o->columns, name, threads);
        }
        const int row = random_below(o->rows);
        run_product(o, opcode, ECH_F32, out_width, isas[s], 2, row, 1, other);
        for (int j = 0; j < out_width; j++) {
            const float together = first[row * out_width + j];
            CHECK(o->format != ECH_WEIGHT_F32 ? together == other[j] : is_close(together, other[j], 1e-5 * o->columns),
                  "opcode %d, format %d, %d rows, %d × %d, %s: row %d alone has %g, not %g", opcode, o->format, o->rows,
                  o->outputs, o->columns, name, row, other[j], together);
        }
        if (opcode == ECH_LINEAR) continue;
        run_product(o, opcode, ECH_BF16, out_width, isas[s], 2, 0, o->rows, other);
        for (size_t i = 0; i < count; i++)
            CHECK(other[i] == rounded_to_bf16(first[i]), "opcode %d, format %d, %s: %g rounds to %g", opcode, o->format,
                  name, first[i], other[i]);
    }
    free(first);
    free(other);
    free(portable);
}

static void test_linear(void) {
    static const int shapes[][2] = {{1, 1}, {31, 33}, {33, 31}, {440, 128}, {64, 129}, {96, 300}};
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++)
        for (int n = 0; n < COUNT(row_counts); n++)
            for (int m = 0; m < COUNT(shapes); m++) {
                operands o = random_operands(format, row_counts[n], shapes[m][0], shapes[m][1]);
                check_product(&o, ECH_LINEAR, o.outputs, product_at);
                free_operands(&o);
            }
}

static void test_linear_silu_gate(void) {
    static const int shapes[][2] = {{31, 1}, {33, 32}, {40, 33}, {17, 31}, {96, 440}, {64, 130}};
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++)
        for (int n = 0; n < COUNT(row_counts); n++)
            for (int m = 0; m < COUNT(shapes); m++) {
                operands o = random_operands(format, row_counts[n], shapes[m][0], 2 * shapes[m][1]);
                check_product(&o, ECH_LINEAR_SILU_GATE, shapes[m][1], expect_gate);
                free_operands(&o);
            }
}

static void test_linear_argmax(void) {
    static const int shapes[][2] = {{5, 1}, {31, 40}, {96, 300}, {160, 1000}};
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++)
        for (int n = 0; n < COUNT(row_counts); n++)
            for (int m = 0; m < COUNT(shapes); m++) {
                operands o = random_operands(format, row_counts[n], shapes[m][0], shapes[m][1]);
                // Twins of every output in the second half: the first of equals has to win.
                const int half = o.outputs / 2;
                memcpy(o.w + (o.outputs - half) * o.columns, o.w, (size_t)(half * o.columns) * sizeof *o.w);
                for (int s = 0; s < isa_count; s++)
                    for (int threads = 1; threads <= 3; threads++) {
                        int32_t columns[40];
                        run_product(&o, ECH_LINEAR_ARGMAX, ECH_I32, 1, isas[s], threads, 0, o.rows, columns);
                        for (int i = 0; i < o.rows; i++) {
                            double best = -INFINITY;
                            for (int j = 0; j < o.outputs; j++) best = fmax(best, product_at(&o, i, j));
                            const int column = columns[i];
                            CHECK(column >= 0 && column < o.outputs, "row %d has the column %d", i, column);
                            if (column < 0 || column >= o.outputs) continue;
                            CHECK(is_close(product_at(&o, i, column), best, 1e-5 * o.columns), "row %d: not the best",
                                  i);
                            // f32 products of equal weights may differ by their place in a block.
                            CHECK(format == ECH_WEIGHT_F32 || column < o.outputs - half || half == 0,
                                  "row %d: %d is the second of equals", i, column);
                        }
                    }
                free_operands(&o);
            }
}

static void test_linear_argmax_of_nan(void) {
    enum { ROWS = 18, COLUMNS = 40, OUTPUTS = 70 };
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++) {
        operands o = random_operands(format, ROWS, COLUMNS, OUTPUTS);
        int32_t known[ROWS], columns[ROWS];
        run_product(&o, ECH_LINEAR_ARGMAX, ECH_I32, 1, ECH_ISA_PORTABLE, 1, 0, ROWS, known);
        for (int k = 0; k < COLUMNS; k++) o.x[5 * COLUMNS + k] = NAN;
        int isas[ECH_ISA_COUNT];
        const int isa_count = available_isas(isas);
        for (int s = 0; s < isa_count; s++)
            for (int threads = 1; threads <= 3; threads++) {
                run_product(&o, ECH_LINEAR_ARGMAX, ECH_I32, 1, isas[s], threads, 0, ROWS, columns);
                CHECK(columns[5] == -1, "format %d, %d threads: the row of NaN has the column %d", format, threads,
                      columns[5]);
                for (int i = 0; i < ROWS; i++)
                    CHECK(isas[s] != ECH_ISA_PORTABLE || i == 5 || columns[i] == known[i], "format %d, row %d: %d",
                          format, i, columns[i]);
            }
        free_operands(&o);
    }
}

/// project_rope_write followed by attention against what it is fused from.
static void run_projection(bool fused, const operands *o, const float *bias, int heads, int dim, int cache_format,
                           const int32_t *slots, const int32_t *positions, int isa, int threads, float *queries,
                           float *attended) {
    tape t = {0};
    const int width = heads * dim, rows = o->rows;
    const int input = add_input(&t, o, 0);
    const int slot = tape_parameter(&t, ECH_I32, 1, slots), position = tape_parameter(&t, ECH_I32, 1, positions);
    static const int32_t depths[33] = {0};
    const int depth = tape_parameter(&t, ECH_I32, 1, depths);
    const int q = tape_result(&t, ECH_F32, width, queries), out = tape_result(&t, ECH_F32, width, attended);
    const int cache = tape_cache(&t, heads, dim, true);
    const int w = tape_weight(&t, o->format, 3 * width, o->columns, o->w);
    const int b = tape_weight(&t, ECH_WEIGHT_F32, 1, 2 * width, bias), frequencies = tape_frequencies(&t, dim, 10000);
    if (fused) {
        ech_instruction *project = tape_add(&t, ECH_PROJECT_ROPE_WRITE);
        project->in[0] = input;
        project->in[1] = slot;
        project->in[2] = position;
        project->in[3] = depth;
        project->out[0] = q;
        project->weight[0] = w;
        project->weight[1] = frequencies;
        project->weight[2] = b;
        project->cache = cache;
        project->i0 = heads;
        project->f0 = 1.25f;
        project->recurrence = 2;
    } else {
        const int all = tape_arena(&t, ECH_F32, 3 * width), turned = tape_arena(&t, ECH_F32, 2 * width);
        const int biased = tape_arena(&t, ECH_F32, 2 * width), both = tape_arena(&t, ECH_F32, 2 * width);
        const int keys = tape_arena(&t, ECH_F32, width), values = tape_arena(&t, ECH_F32, width);
        ech_instruction *linear = tape_add(&t, ECH_LINEAR);
        linear->in[0] = input;
        linear->out[0] = all;
        linear->weight[0] = w;
        const int slices[][4] = {{all, both, 0, 2 * width},
                                 {all, values, 2 * width, 3 * width},
                                 {turned, q, 0, width},
                                 {turned, keys, width, 2 * width}};
        for (int k = 0; k < 4; k++) {
            if (k == 2) {
                ech_instruction *add = tape_add(&t, ECH_BIAS);
                add->in[0] = both;
                add->out[0] = biased;
                add->weight[0] = b;
                ech_instruction *rope = tape_add(&t, ECH_ROPE);
                rope->in[0] = biased;
                rope->in[1] = position;
                rope->out[0] = turned;
                rope->i0 = 2 * heads;
                rope->weight[0] = frequencies;
                rope->f0 = 1.25f;
            }
            ech_instruction *slice = tape_add(&t, ECH_SLICE);
            slice->in[0] = slices[k][0];
            slice->out[0] = slices[k][1];
            slice->i0 = slices[k][2];
            slice->i1 = slices[k][3];
        }
        ech_instruction *write = tape_add(&t, ECH_CACHE_WRITE);
        write->in[0] = keys;
        write->in[1] = values;
        write->in[2] = slot;
        write->in[3] = position;
        write->in[4] = depth;
        write->cache = cache;
        write->recurrence = 2;
    }
    ech_instruction *attention = tape_add(&t, ECH_WAVEFRONT_ATTENTION);
    attention->in[0] = q;
    attention->in[1] = slot;
    attention->in[2] = position;
    attention->in[3] = depth;
    attention->out[0] = out;
    attention->cache = cache;
    attention->i0 = heads;
    attention->recurrence = 2;
    ech_session *session = tape_session_in(&t, 3, 32, 2, cache_format);
    tape_run(&t, isa, session, rows, 3, threads);
    ech_session_destroy(session);
    tape_free(&t);
}

static void check_project_rope_write(int format, int cache_format, int heads, int dim, int columns, int rows) {
    const int width = heads * dim;
    operands o = random_operands(format, rows, columns, 3 * width);
    float *bias = random_floats(2 * width);
    int32_t slots[33], positions[33];
    for (int i = 0; i < rows; i++) {
        slots[i] = i % 3;
        positions[i] = i / 3;
    }
    const size_t bytes = (size_t)(rows * width) * sizeof(float);
    float *q = malloc(bytes), *known_q = malloc(bytes), *y = malloc(bytes), *known_y = malloc(bytes);
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++) {
        run_projection(false, &o, bias, heads, dim, cache_format, slots, positions, isas[s], 1, known_q, known_y);
        for (int threads = 1; threads <= 3; threads++) {
            run_projection(true, &o, bias, heads, dim, cache_format, slots, positions, isas[s], threads, q, y);
            // Fusion computes the same numbers in the same order.
            CHECK(memcmp(q, known_q, bytes) == 0, "format %d, %d heads of %d, %s caches, %d rows, %s: queries differ",
                  format, heads, dim, ech_cache_format_name(cache_format), rows, ech_isa_name(isas[s]));
            CHECK(memcmp(y, known_y, bytes) == 0,
                  "format %d, %d heads of %d, %s caches, %d rows, %s: attention differs", format, heads, dim,
                  ech_cache_format_name(cache_format), rows, ech_isa_name(isas[s]));
        }
        for (int j = 0; j < width; j += 2) { // the first row, at position 0, is not turned
            const double expected = 1.25 * (product_at(&o, 0, j) + bias[j]);
            CHECK(is_close(q[j], expected, 1e-4), "query %d is %g, not %g", j, q[j], expected);
        }
    }
    free(q), free(known_q), free(y), free(known_y), free(bias);
    free_operands(&o);
}

/// Heads that are parts of a strip, whole strips, and neither; and one of more columns than a kernel computes at once.
static void test_project_rope_write(void) {
    static const int shapes[][3] = {{1, 2, 9}, {3, 32, 31}, {5, 96, 33}, {3, 10, 40}, {2, 150, 20}};
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++)
        for (int cache_format = 0; cache_format < ECH_CACHE_FORMAT_COUNT; cache_format++)
            for (int m = 0; m < COUNT(shapes); m++)
                for (int rows = 1; rows <= 33; rows += 16)
                    check_project_rope_write(format, cache_format, shapes[m][0], shapes[m][1], shapes[m][2], rows);
}

int main(void) {
    run_test("linear agrees with double precision", test_linear);
    run_test("linear_silu_gate agrees with double precision where halves begin inside a strip", test_linear_silu_gate);
    run_test("linear_argmax takes the first of equals for every number of threads", test_linear_argmax);
    run_test("linear_argmax gives no column for a row of NaN", test_linear_argmax_of_nan);
    run_test("project_rope_write equals what it is fused from", test_project_rope_write);
    return tests_finished();
}
