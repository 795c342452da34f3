/// The int8 and int4 kernels of every instruction set against exact integer sums, to the bit: so instruction sets
/// agree, and a row's result does not depend on its neighbors. If the machine has no AMX, its kernels run on
/// emulated tiles.
#include "harness.h"

#include "core/q8.h"
#include "formats/formats.h"
#include "machine/amx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRIP = 32, TILE = 16, MAX_ROWS = 144, STRIDE = ECH_STRIPS_AT_ONCE * STRIP + 5 };

// MARK: Data

/// Strips and rows to multiply them by.
typedef struct {
    int rows, blocks, strips;
    quantized_weight weight;
    int8_t *x;     ///< rows × columns
    float *scales; ///< of the rows
} problem;

typedef int8_t (*number)(int max);

static int8_t any(int max) { return (int8_t)(random_below(2 * max + 1) - max); }
static int8_t extreme(int max) { return (int8_t)(random_below(2) ? max : -max); }
static int8_t largest(int max) { return (int8_t)max; }
static int8_t smallest(int max) { return (int8_t)-max; }

static float bf16_scale(void) { return rounded_to_bf16(random_float()); }

static problem make_problem(int format, int rows, int blocks, int strips, number weight, number x) {
    const int columns = 64 * blocks, outputs = STRIP * strips, scales = scales_of_row(format, columns);
    int8_t *q = malloc((size_t)(outputs * columns));
    float *weight_scales = malloc((size_t)(outputs * scales) * sizeof *weight_scales);
    problem p = {rows,
                 blocks,
                 strips,
                 {format, outputs, columns, q, weight_scales},
                 malloc((size_t)rows * (size_t)columns),
                 random_floats(rows)};
    for (int i = 0; i < outputs * columns; i++) p.weight.q[i] = weight(format == ECH_WEIGHT_INT8 ? 127 : 7);
    for (int i = 0; i < outputs * scales; i++) p.weight.scales[i] = bf16_scale();
    for (int64_t i = 0; i < (int64_t)rows * columns; i++) p.x[i] = x(127);
    return p;
}

static void free_problem(problem *p) {
    free_quantized(&p->weight);
    free(p->x);
    free(p->scales);
}

/// Rows `from` ..< `from + rows` as a buffer of ECH_Q8. The rest holds garbage.
static void *make_rows(const problem *p, int from, int rows) {
    const int64_t columns = 64 * p->blocks, h = rows < TILE ? rows : TILE, rows16 = (rows + 15) / 16 * 16;
    const size_t bytes = (size_t)(rows16 * (columns + 64) + rows * columns / 8);
    char *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (size_t i = 0; i < bytes; i++) data[i] = (char)random_bits();
    float *scales = (float *)(data + rows16 * columns);
    int32_t *totals = (int32_t *)(scales + rows16), *sums = (int32_t *)(data + rows16 * (columns + 64));
    for (int64_t i = 0; i < rows; i++) {
        const int8_t *row = p->x + (from + i) * columns;
        scales[i] = p->scales[from + i];
        totals[i] = 0;
        memset(sums + i * columns / 32, 0, (size_t)columns / 32 * sizeof *sums);
        for (int64_t k = 0; k < columns; k++) {
            data[i / h * h * columns + k / 64 * h * 64 + i % h * 64 + k % 64] = (char)row[k];
            sums[i * columns / 32 + k / 32] += row[k];
            totals[i] += row[k];
        }
    }
    return data;
}

static const float untouched = -12345.0f;

/// Runs a kernel on rows of a problem; returns rows × STRIDE floats. The output ends with its last element, so that the
/// address sanitizer notices rows too many, and the gaps between the rows are checked.
static float *run(int isa, const problem *p, const void *packed, int from, int rows) {
    void *data = make_rows(p, from, rows);
    const ech_q8_rows x = ech_q8_rows_of(data, 64 * p->blocks, rows);
    const size_t outputs = (size_t)p->strips * STRIP, count = (size_t)(rows - 1) * STRIDE + outputs;
    float *out = malloc(count * sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = untouched;
    const float *scales = (const float *)((const char *)packed + (int64_t)outputs * 64 * p->blocks);
    const ech_strips product = {
        .weights = packed,
        .weight_scales = p->weight.format == ECH_WEIGHT_INT8 ? scales : NULL,
        .x = x.values,
        .scales = x.scales,
        .totals = x.totals,
        .sums = x.sums,
        .rows = rows,
        .blocks = p->blocks,
        .strips = p->strips,
        .out = out,
        .out_stride = STRIDE,
    };
    ech_amx_thread_begin(isa, rows);
    ech_format_kernel(p->weight.format, isa)(&product);
    ech_amx_thread_end(isa);
    for (size_t i = 0; i < count; i++)
        CHECK(i % STRIDE < outputs || out[i] == untouched, "%s wrote between rows, %d rows", ech_isa_name(isa), rows);
    free(data);
    return out;
}

// MARK: Expected results

static int64_t exact_sum(const problem *p, int row, int output, int begin, int end) {
    const int columns = 64 * p->blocks;
    int64_t sum = 0;
    for (int k = begin; k < end; k++) sum += p->weight.q[output * columns + k] * p->x[(int64_t)row * columns + k];
    return sum;
}

/// The result as formats/int8/int8.h and formats/int4/int4.h define it, and in double precision.
static float expected(const problem *p, int row, int output, double *precise) {
    const int columns = 64 * p->blocks, scales = scales_of_row(p->weight.format, columns);
    const float *scale = p->weight.scales + output * scales;
    if (p->weight.format == ECH_WEIGHT_INT8) {
        const int64_t sum = exact_sum(p, row, output, 0, columns);
        *precise = (double)sum * (double)scale[0] * (double)p->scales[row];
        return (float)sum * (scale[0] * p->scales[row]);
    }
    float result = 0;
    *precise = 0;
    for (int g = 0; g < scales; g++) {
        const int64_t sum = exact_sum(p, row, output, 32 * g, 32 * (g + 1));
        const float product = scale[g] * (float)sum;
        result += product;
        *precise += (double)scale[g] * (double)sum;
    }
    *precise *= (double)p->scales[row];
    return result * p->scales[row];
}

/// Checks each instruction set with each number of rows; another stretch of the rows each time, so that a row is seen
/// at many places of a tile.
static void check(const problem *p, const int *row_counts, int counts) {
    const int outputs = p->strips * STRIP;
    float *known = malloc((size_t)(p->rows * outputs) * sizeof *known);
    for (int i = 0; i < p->rows; i++)
        for (int j = 0; j < outputs; j++) {
            double precise;
            const float value = known[i * outputs + j] = expected(p, i, j, &precise);
            // Scales are at most 1: no partial sum is above 64 · 127 · 127 a block, and there are few roundings.
            const double bound = 64.0 * p->blocks * 127 * 127 * 1e-6;
            CHECK(fabs(value - precise) <= bound, "row %d, output %d: %g, not %g", i, j, value, precise);
        }
    int64_t bytes;
    void *packed = pack_quantized(&p->weight, &bytes);
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int n = 0; n < counts; n++) {
            const int rows = row_counts[n], from = rows * 7 % (p->rows - rows + 1);
            float *out = run(isas[s], p, packed, from, rows);
            for (int i = 0; i < rows; i++) {
                const float *row = known + (from + i) * outputs;
                CHECK(memcmp(out + i * STRIDE, row, (size_t)outputs * sizeof *row) == 0,
                      "format %d, %s, %d blocks, %d strips, %d rows: row %d has %g ..., not %g ...", p->weight.format,
                      ech_isa_name(isas[s]), p->blocks, p->strips, rows, i, out[i * STRIDE], row[0]);
            }
            free(out);
        }
    free(packed);
    free(known);
}

// MARK: Tests

static void for_each_problem(number weight, number x) {
    static const int block_counts[] = {1, 2, 7, 12, 13, 25};
    int row_counts[42];
    for (int i = 0; i < 40; i++) row_counts[i] = i + 1;
    row_counts[40] = 64;
    row_counts[41] = MAX_ROWS;
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++)
        for (size_t b = 0; b < sizeof block_counts / sizeof *block_counts; b++) {
            problem p = make_problem(format, MAX_ROWS, block_counts[b], 1, weight, x);
            // Some rows of zeros, with a scale of 0.
            for (int i = 3; i < p.rows; i += 11) {
                memset(p.x + (int64_t)i * 64 * p.blocks, 0, (size_t)(64 * p.blocks));
                p.scales[i] = 0;
            }
            check(&p, row_counts, 42);
            free_problem(&p);
        }
}

static void test_random(void) { for_each_problem(any, any); }
static void test_extremes(void) {
    for_each_problem(extreme, extreme);
    for_each_problem(largest, largest);
    for_each_problem(smallest, largest);
    for_each_problem(largest, smallest);
}

static void test_strips_together(void) {
    static const int row_counts[] = {1, 4, 16, 17, 40, 64, MAX_ROWS};
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++)
        for (int strips = 2; strips <= ECH_STRIPS_AT_ONCE; strips++)
            for (int blocks = 1; blocks <= 25; blocks += 12) {
                problem p = make_problem(format, MAX_ROWS, blocks, strips, any, any);
                check(&p, row_counts, 7);
                free_problem(&p);
            }
}

/// −128 and −8, which a quantizer may use in weights.
static int8_t below(int max) { return (int8_t)(-max - 1); }
static void test_smallest_weights(void) {
    for_each_problem(below, smallest);
    for_each_problem(below, any);
}

/// The largest sums that int8 allows.
static void test_longest_sums(void) {
    static const int row_counts[] = {1, 2};
    for (int sign = 0; sign < 2; sign++) {
        problem p = make_problem(ECH_WEIGHT_INT8, 2, ECH_INT8_COLUMNS_LIMIT / 64, 1, below, sign ? smallest : largest);
        check(&p, row_counts, 2);
        free_problem(&p);
    }
}

static void test_scales_out_of_range(void) {
    static const float scales[] = {0x1p-140f, -0x1p-126f, 3e38f, INFINITY, NAN, 0, -0.0f};
    static const int row_counts[] = {1, 5, 17};
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++) {
        problem p = make_problem(format, 20, 3, 1, any, any);
        const int count = STRIP * scales_of_row(format, 64 * p.blocks);
        for (int i = 0; i < count; i++) p.weight.scales[i] = rounded_to_bf16(scales[i % 7]);
        for (int i = 0; i < p.rows; i++) p.scales[i] = scales[i * 3 % 7];
        int64_t bytes;
        void *packed = pack_quantized(&p.weight, &bytes);
        int isas[ECH_ISA_COUNT];
        const int isa_count = available_isas(isas);
        for (int s = 0; s < isa_count; s++)
            for (int n = 0; n < 3; n++) {
                float *out = run(isas[s], &p, packed, 2, row_counts[n]);
                for (int i = 0; i < row_counts[n]; i++)
                    for (int j = 0; j < STRIP; j++) {
                        double unused;
                        const float known = expected(&p, 2 + i, j, &unused), got = out[i * STRIDE + j];
                        CHECK(isnan(known) ? isnan(got) : memcmp(&known, &got, sizeof got) == 0,
                              "format %d, %s, row %d, output %d: %g, not %g", format, ech_isa_name(isas[s]), i, j, got,
                              known);
                    }
                free(out);
            }
        free(packed);
        free_problem(&p);
    }
}

static void test_unknown_set(void) {
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++)
        CHECK(ech_format_kernel(format, -1) == ech_format_kernel(format, ECH_ISA_PORTABLE),
              "format %d has no portable kernel for an unknown set", format);
}

int main(void) {
    run_test("random numbers give exact sums in every company and instruction set", test_random);
    run_test("the largest numbers give exact sums", test_extremes);
    run_test("strips that are computed together give exact sums", test_strips_together);
    run_test("weights of -128 and -8 give exact sums", test_smallest_weights);
    run_test("sums of 65536 columns do not overflow", test_longest_sums);
    run_test("denormal, huge, infinite and NaN scales multiply as floats do", test_scales_out_of_range);
    run_test("an unknown instruction set gets the portable kernels", test_unknown_set);
    return tests_finished();
}
