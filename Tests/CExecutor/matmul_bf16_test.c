/// Checks the bf16 kernels of every instruction set that this machine has, and, built with -DECHELON_EMULATE_AMX, the
/// AMX kernel on emulated tiles in place of real ones.
#include "formats/formats.h"
#include "harness.h"
#include "machine/amx.h"
#include "machine/isa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRIP = 32, BLOCK = 32, TILE = 16, MAX_ROWS = 512, STRIDE = ECH_STRIPS_AT_ONCE * STRIP + 5 };

/// Unlike available_isas, this includes emulated tiles on machines without AVX-512.
static bool runs_here(int isa) {
#if defined(ECHELON_EMULATE_AMX)
    if (isa == ECH_ISA_AMX) return true;
#endif
    return ech_isa_available(isa);
}

/// Emulated tiles are slow: long sums are tried with fewer numbers of rows.
static bool is_slow(int isa) {
#if defined(ECHELON_EMULATE_AMX)
    return isa == ECH_ISA_AMX;
#else
    return isa < 0;
#endif
}

/// AVX512_BF16 and AMX treat denormals as zero.
static bool flushes(int isa) { return isa == ECH_ISA_AMX || (isa == ECH_ISA_AVX512 && ech_has_avx512_bf16()); }

// MARK: Data

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) abort();
    return memory;
}

/// An integer from -8 to 8: sums of up to 2^18 products stay within 2^24, so float32 holds every partial sum exactly.
static uint16_t random_integer(void) { return bf16_of((float)(random_below(17) - 8)); }

/// Magnitudes between 2^-4 and 2^4, either sign.
static uint16_t random_real(void) {
    const uint32_t bits = random_bits();
    return (uint16_t)((bits & 1) << 15 | (123 + (bits >> 1 & 7)) << 7 | (bits >> 8 & 127));
}

/// Plain matrices: `x` of rows × k, `w` of 32 × k.
typedef struct {
    int32_t rows, blocks;
    uint16_t *x, *w;
} problem;

static problem make_problem(int32_t rows, int32_t blocks, uint16_t (*element)(void)) {
    const size_t k = (size_t)blocks * BLOCK;
    problem p = {rows, blocks, allocate((size_t)rows * k, 2), allocate(STRIP * k, 2)};
    for (size_t i = 0; i < (size_t)rows * k; i++) p.x[i] = element();
    for (size_t i = 0; i < STRIP * k; i++) p.w[i] = element();
    return p;
}

static uint16_t zero(void) { return 0; }

static void free_problem(problem p) {
    free(p.x);
    free(p.w);
}

/// The strip in the layout of bf16 weights, by the formula of formats/bf16/bf16.h.
static uint16_t *pack(const problem *p) {
    const size_t k32 = (size_t)p->blocks * BLOCK;
    uint16_t *packed = allocate(STRIP * k32, 2);
    for (size_t n = 0; n < STRIP; n++)
        for (size_t k = 0; k < k32; k++)
            packed[n / 32 * 32 * k32 + k / 32 * 1024 + n % 32 / 16 * 512 + k % 32 / 2 * 32 + n % 16 * 2 + k % 2] =
                p->w[n * k32 + k];
    return packed;
}

/// Rows `from` ..< `from + rows` of x in the layout of ECH_BF16. Rows of the last tile that are not there hold NaNs and
/// infinities.
static uint16_t *tile(const problem *p, int32_t from, int32_t rows) {
    const size_t k32 = (size_t)p->blocks * BLOCK, h = rows < TILE ? (size_t)rows : TILE;
    const size_t padded = ((size_t)rows + h - 1) / h * h;
    uint16_t *tiled = allocate(padded * k32, 2);
    static const uint16_t garbage[] = {0x7fc0, 0x7f81, 0xffff, 0x7f80, 0xff80, 0x7f7f};
    for (size_t i = 0; i < padded; i++)
        for (size_t k = 0; k < k32; k++)
            tiled[i / h * h * k32 + k / 32 * h * 32 + i % h * 32 + k % 32] =
                i < (size_t)rows ? p->x[((size_t)from + i) * k32 + k] : garbage[(i + k) % 6];
    return tiled;
}

static const float untouched = -12345.0f;

/// Multiplies rows of a problem by the packed strips. The output has a wider stride than the strip and ends with its
/// last element, so that the address sanitizer notices rows too many, and the gaps between the rows are checked.
/// Returns rows × STRIDE floats.
static float *run_strips(int isa, const problem *p, const uint16_t *packed, int32_t strips, int32_t from,
                         int32_t rows) {
    uint16_t *x = tile(p, from, rows);
    const size_t outputs = (size_t)strips * STRIP, count = (size_t)(rows - 1) * STRIDE + outputs;
    float *out = allocate(count, sizeof(float));
    for (size_t i = 0; i < count; i++) out[i] = untouched;
    const ech_strips product = {.weights = packed,
                                .x = x,
                                .rows = rows,
                                .blocks = p->blocks,
                                .strips = strips,
                                .out = out,
                                .out_stride = STRIDE};
    ech_amx_thread_begin(isa, rows);
    ech_format_kernel(ECH_WEIGHT_BF16, isa)(&product);
    ech_amx_thread_end(isa);
    for (size_t i = 0; i < count; i++)
        CHECK(i % STRIDE < outputs || out[i] == untouched, "%s wrote between rows, %d rows", ech_isa_name(isa), rows);
    free(x);
    return out;
}

static float *run(int isa, const problem *p, const uint16_t *packed, int32_t from, int32_t rows) {
    return run_strips(isa, p, packed, 1, from, rows);
}

// MARK: Tests

static const int32_t block_counts[] = {1, 2, 13, 165};
static const int32_t many_row_counts[] = {63, 64, 65, 100, 128, 512};
static const int32_t slow_row_counts[] = {1, 15, 16, 17, 33, 65};

/// Calls `visit` with each number of rows that a kernel is tried with.
static void for_each_row_count(int isa, int32_t blocks, void (*visit)(void *, int32_t), void *context) {
    if (is_slow(isa) && blocks > 13) {
        for (size_t i = 0; i < sizeof slow_row_counts / sizeof *slow_row_counts; i++)
            visit(context, slow_row_counts[i]);
        return;
    }
    for (int32_t rows = 1; rows <= 40; rows++) visit(context, rows);
    for (size_t i = 0; i < sizeof many_row_counts / sizeof *many_row_counts; i++) visit(context, many_row_counts[i]);
}

typedef struct {
    int isa;
    const problem *p;
    const uint16_t *packed;
    float (*alone)[STRIP]; ///< each row's result when it is the only one
} batch_test;

static void check_batch(void *context, int32_t rows) {
    const batch_test *test = context;
    // Another stretch of the rows each time, so that a row is seen at many places of a tile.
    const int32_t max_rows = is_slow(test->isa) && test->p->blocks > 13 ? 65 : MAX_ROWS;
    const int32_t from = rows * 7 % (max_rows - rows + 1);
    float *out = run(test->isa, test->p, test->packed, from, rows);
    for (int32_t i = 0; i < rows; i++)
        CHECK(memcmp(out + (size_t)i * STRIDE, test->alone[from + i], sizeof test->alone[0]) == 0,
              "%s, %d blocks: row %d of %d differs from the same row alone", ech_isa_name(test->isa), test->p->blocks,
              i, rows);
    free(out);
}

/// Every row alone is right: exactly for integers; else within the error that float32 sums may have. And every batch
/// gives each of its rows the result that it has alone, to the bit.
///
/// The error: a product of two bf16 numbers has at most 16 significant bits and is exact. Each product then takes part
/// in at most L rounded additions, each with a relative error of at most u = 2^-24, so the sum is off by at most
/// ((1 + u)^L - 1) Σ|x w|, which is below 1.01 L u Σ|x w|. Kernels that sum chunks of 384 columns have
/// L <= min(K, 384) + K / 384 + 1; AMX sums 16 even and 16 odd columns of a block, joins them, and adds the blocks:
/// L <= 17 + K / 32. Both are at most min(K, 384) + K / 32 + 1. The values keep clear of underflow. With K = 5280 the
/// bound is a fifth of what leaving out a product of mean magnitude changes.
static void check_sums(int isa, int32_t blocks, bool integers) {
    const int32_t rows = is_slow(isa) && blocks > 13 ? 65 : MAX_ROWS;
    problem p = make_problem(rows, blocks, integers ? random_integer : random_real);
    uint16_t *packed = pack(&p);
    float(*alone)[STRIP] = allocate((size_t)rows, sizeof *alone);
    const size_t k = (size_t)blocks * BLOCK;
    const double additions = (k < 384 ? (double)k : 384) + blocks + 1;
    for (int32_t i = 0; i < rows; i++) {
        float *out = run(isa, &p, packed, i, 1);
        memcpy(alone[i], out, sizeof alone[i]);
        free(out);
        for (size_t j = 0; j < STRIP; j++) {
            double sum = 0, magnitudes = 0;
            for (size_t c = 0; c < k; c++) {
                const double product =
                    (double)float_of_bf16(p.x[(size_t)i * k + c]) * (double)float_of_bf16(p.w[j * k + c]);
                sum += product;
                magnitudes += fabs(product);
            }
            const double bound = integers ? 0 : 1.01 * additions * ldexp(1, -24) * magnitudes;
            CHECK(fabs((double)alone[i][j] - sum) <= bound, "%s, %d blocks, row %d, output %zu: %g instead of %g",
                  ech_isa_name(isa), blocks, i, j, (double)alone[i][j], sum);
        }
    }
    batch_test test = {isa, &p, packed, alone};
    for_each_row_count(isa, blocks, check_batch, &test);
    free(alone);
    free(packed);
    free_problem(p);
}

/// The portable and the AVX2 kernel do the same additions in the same order.
static void test_avx2_is_portable(void) {
    if (!runs_here(ECH_ISA_AVX2)) return;
    problem p = make_problem(21, 165, random_real);
    uint16_t *packed = pack(&p);
    float *portable = run(ECH_ISA_PORTABLE, &p, packed, 0, 21), *avx2 = run(ECH_ISA_AVX2, &p, packed, 0, 21);
    CHECK(memcmp(portable, avx2, (20 * STRIDE + STRIP) * sizeof(float)) == 0, "portable and avx2 differ");
    free(portable);
    free(avx2);
    free(packed);
    free_problem(p);
}

/// One product, x · w, at column c of row 1 of 3 and output 20, zeros elsewhere; optionally another at column c + 33.
static float one_product(int isa, float x, float w, bool twice) {
    enum { ROW = 1, OUTPUT = 20, COLUMN = 29, BLOCKS = 2 };
    problem p = make_problem(3, BLOCKS, zero);
    for (int again = 0; again <= (int)twice; again++) {
        p.x[ROW * BLOCKS * BLOCK + COLUMN + 33 * again] = bf16_of(x);
        p.w[OUTPUT * BLOCKS * BLOCK + COLUMN + 33 * again] = bf16_of(w);
    }
    uint16_t *packed = pack(&p);
    float *out = run(isa, &p, packed, 0, 3);
    const float result = out[ROW * STRIDE + OUTPUT];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < STRIP; j++)
            // Outputs whose products are all 0 · finite; an infinite or NaN input meets zeros in its own row.
            CHECK((i == ROW && (j == OUTPUT || !isfinite(x))) || (j == OUTPUT && !isfinite(w)) ||
                      (out[i * STRIDE + j] == 0 && !signbit(out[i * STRIDE + j])),
                  "%s: %g · %g reached row %d, output %d", ech_isa_name(isa), (double)x, (double)w, i, j);
    free(out);
    free(packed);
    free_problem(p);
    return result;
}

static void check_extremes(int isa) {
    const float largest = float_of_bf16(0x7f7f), denormal = float_of_bf16(0x0001), below_normal = ldexpf(1, -70);
    CHECK(one_product(isa, largest, 1, false) == largest, "%s", ech_isa_name(isa));
    CHECK(one_product(isa, -largest, 1, false) == -largest, "%s", ech_isa_name(isa));
    CHECK(one_product(isa, ldexpf(1, 100), ldexpf(1, 27), false) == ldexpf(1, 127), "%s", ech_isa_name(isa));
    CHECK(one_product(isa, ldexpf(1, 100), ldexpf(1, 28), false) == INFINITY, "%s", ech_isa_name(isa));
    CHECK(one_product(isa, largest, 1, true) == INFINITY, "%s", ech_isa_name(isa));
    CHECK(one_product(isa, INFINITY, -1, false) == -INFINITY, "%s", ech_isa_name(isa));
    CHECK(isnan(one_product(isa, INFINITY, 0, false)), "%s", ech_isa_name(isa));
    CHECK(isnan(one_product(isa, NAN, 1, false)), "%s", ech_isa_name(isa));
    CHECK(isnan(one_product(isa, 1, NAN, false)), "%s", ech_isa_name(isa));
    CHECK(one_product(isa, ldexpf(1, -126), 1, false) == ldexpf(1, -126), "%s", ech_isa_name(isa));
    // Sums start from +0, so a product that is -0 leaves +0.
    const float zeros = one_product(isa, -0.0f, 3, false);
    CHECK(zeros == 0 && !signbit(zeros), "%s", ech_isa_name(isa));
    // A denormal input, and normal inputs with a denormal product.
    CHECK(one_product(isa, denormal, 1, false) == (flushes(isa) ? 0 : denormal), "%s", ech_isa_name(isa));
    CHECK(one_product(isa, below_normal, below_normal, false) == (flushes(isa) ? 0 : ldexpf(1, -140)), "%s",
          ech_isa_name(isa));
}

/// Strips computed together have the results that they have alone, to the bit.
static void check_strips_together(int isa, int32_t blocks) {
    enum { ROWS = 65 };
    problem p = make_problem(ROWS, blocks, random_real);
    const size_t strip_elements = (size_t)blocks * BLOCK * STRIP;
    uint16_t *packed = allocate(ECH_STRIPS_AT_ONCE * strip_elements, sizeof *packed);
    for (size_t i = 0; i < ECH_STRIPS_AT_ONCE * strip_elements; i++) packed[i] = random_real();
    static const int32_t row_counts[] = {1, 7, 16, 33, ROWS};
    for (size_t r = 0; r < sizeof row_counts / sizeof *row_counts; r++) {
        const int32_t rows = row_counts[r];
        for (int32_t strips = 2; strips <= ECH_STRIPS_AT_ONCE; strips++) {
            float *together = run_strips(isa, &p, packed, strips, 0, rows);
            for (int32_t s = 0; s < strips; s++) {
                float *alone = run(isa, &p, packed + (size_t)s * strip_elements, 0, rows);
                for (size_t i = 0; i < (size_t)rows; i++)
                    CHECK(memcmp(together + i * STRIDE + s * STRIP, alone + i * STRIDE, STRIP * sizeof *alone) == 0,
                          "%s, %d blocks, %d rows: strip %d of %d differs from the same strip alone", ech_isa_name(isa),
                          blocks, rows, s, strips);
                free(alone);
            }
            free(together);
        }
    }
    free(packed);
    free_problem(p);
}

static void for_each_isa(void (*check)(int isa)) {
    for (int isa = ECH_ISA_PORTABLE; isa < ECH_ISA_COUNT; isa++)
        if (runs_here(isa)) check(isa);
}

static void integer_sums(int isa) {
    for (size_t b = 0; b < sizeof block_counts / sizeof *block_counts; b++) check_sums(isa, block_counts[b], true);
}
static void real_sums(int isa) {
    for (size_t b = 0; b < sizeof block_counts / sizeof *block_counts; b++) check_sums(isa, block_counts[b], false);
}
static void strips_together(int isa) {
    check_strips_together(isa, 1);
    check_strips_together(isa, 25);
}

static void test_integer_sums(void) { for_each_isa(integer_sums); }
static void test_real_sums(void) { for_each_isa(real_sums); }
static void test_strips_together(void) { for_each_isa(strips_together); }
static void test_extremes(void) { for_each_isa(check_extremes); }

static void test_amx_is_granted(void) {
    CHECK(!runs_here(ECH_ISA_AMX) || ech_amx_request(), "AMX is available but refused");
}

/// bf16 products gain nothing from AVX-VNNI, and f32 products nothing from AMX.
static void test_nearest_slower_set(void) {
    CHECK(ech_format_kernel(ECH_WEIGHT_BF16, ECH_ISA_AVX_VNNI) == ech_format_kernel(ECH_WEIGHT_BF16, ECH_ISA_AVX2),
          "bf16 on AVX-VNNI does not use the kernel for AVX2");
    CHECK(ech_format_kernel(ECH_WEIGHT_F32, ECH_ISA_AMX) == ech_format_kernel(ECH_WEIGHT_F32, ECH_ISA_AVX512),
          "f32 on AMX does not use the kernel for AVX-512");
#if defined(__x86_64__)
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++)
        CHECK(ech_format_kernel(format, ECH_ISA_AVX_VNNI) != ech_format_kernel(format, ECH_ISA_AVX2),
              "format %d has no kernel for AVX-VNNI", format);
#endif
}

static void test_unknown_set(void) {
    CHECK(ech_format_kernel(ECH_WEIGHT_BF16, -1) == ech_format_kernel(ECH_WEIGHT_BF16, ECH_ISA_PORTABLE),
          "an unknown set has no portable kernel");
}

int main(void) {
    run_test("AMX is granted if it is available", test_amx_is_granted);
    run_test("a set without a kernel uses that of the nearest slower set", test_nearest_slower_set);
    run_test("integers give exact sums in every company and instruction set", test_integer_sums);
    run_test("sums are within the error of float32 additions, and the same in every company", test_real_sums);
    run_test("strips that are computed together give the bits that they give alone", test_strips_together);
    run_test("the largest numbers, infinities, NaNs and denormals multiply as defined", test_extremes);
    run_test("the portable and the AVX2 kernel give the same bits", test_avx2_is_portable);
    run_test("an unknown instruction set gets the portable kernel", test_unknown_set);
    return tests_finished();
}
