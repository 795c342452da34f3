/// Times the kernels of every packed format, and beside every figure what reading the same weights costs.
///
///     Tools/bench/run matmul [portable|avx2|avx512|amx [REPEATS [N [K]]]]
///
/// By default: the machine's best instruction set, 7 repeats, N = 35840 and K = 5280, the gate and up matrix of
/// Huginn-0125 (378 MB in bf16, so that weights come from memory). Each repeat times a plain read of each format's
/// weights and then every number of rows, the formats one after another.
///
/// `median ms` is the whole product's time. `quiet ms` is what it would be if every strip of 32 outputs took the time
/// of the first quartile of the strips (some microseconds): other programs that take the processor away for
/// milliseconds show in the former only. Rates are of the latter, and `share` is its ratio to the quiet read's: 1 is
/// the memory bound. `ratio` compares the quiet time to the next wider format's.
#define _DEFAULT_SOURCE
#include "CExecutor.h"
#include "formats/bf16/bf16.h"
#include "formats/int4/int4.h"
#include "formats/int8/int8.h"
#include "machine/amx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

// Declared here because LLVM's omp.h is often not installed where its library is.
int omp_get_thread_num(void);

static const int32_t row_counts[] = {1, 8, 16, 32, 64, 128};
enum { ROW_COUNTS = sizeof row_counts / sizeof row_counts[0], MAX_ROWS = 128, MAX_REPEATS = 101, STRIP = 32 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/// Sorts the values.
static double quantile(double *values, int32_t count, double fraction) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[(int32_t)(fraction * (count - 1))];
}

/// Memory in huge pages where the system gives them, as plans' weights should lie.
static void *allocate(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "There is no memory for %zu bytes.\n", bytes);
        exit(1);
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

enum format { BF16, INT8, INT4, FORMATS };
static const char *const format_names[] = {"bf16", "int8", "int4"};

static uint64_t random_bits(void) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

/// Random bf16 values between 1/4 and 1 in magnitude, of either sign.
static void fill_bf16(void *memory, size_t bytes) {
    uint16_t *values = memory;
    for (size_t i = 0; i < bytes / sizeof *values; i++) values[i] = (uint16_t)(0x3e80 + (random_bits() >> 40 & 0x80ff));
}

static void fill_bytes(void *memory, size_t bytes) {
    uint64_t *words = memory;
    for (size_t i = 0; i < bytes / sizeof *words; i++) words[i] = random_bits();
}

static bool runs_here(int isa) {
    if (isa == ECH_ISA_PORTABLE) return true;
#if defined(__x86_64__)
    if (isa == ECH_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == ECH_ISA_AVX512)
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bf16") &&
               __builtin_cpu_supports("avx512vnni");
    // The system refuses the request on processors without AMX.
    if (isa == ECH_ISA_AMX) return ech_amx_request();
#endif
    return false;
}

/// A matrix in one format, and rows for it.
typedef struct {
    enum format format;
    int32_t n, k; ///< multiples of 32
    size_t bytes; ///< of the weights
    void *weights, *x;
    float *out;
    double *seconds; ///< that each strip took
    int32_t calls;   ///< that one timing spans
} problem;

static problem make_problem(enum format format, int32_t n, int32_t k) {
    const size_t k64 = ((size_t)k + 63) / 64 * 64, n32 = (size_t)n;
    problem p = {.format = format, .n = n, .k = k};
    p.bytes = format == BF16   ? n32 * (size_t)k * 2
              : format == INT8 ? n32 * k64 + n32 * 4
                               : n32 / STRIP * (k64 / 64) * ECH_INT4_BLOCK_BYTES;
    p.calls = p.bytes < (64u << 20) ? (int32_t)((64u << 20) / p.bytes) : 1;
    p.weights = allocate(p.bytes);
    p.x = allocate(MAX_ROWS * (k64 * 2 + 64));
    p.seconds = allocate((size_t)n / STRIP * sizeof *p.seconds);
    p.out = allocate((size_t)MAX_ROWS * (size_t)n * sizeof(float));
    // int4 weights have many scales, which must not be denormal: some processors multiply those slowly.
    if (format == INT8) fill_bytes(p.weights, p.bytes);
    else fill_bf16(p.weights, p.bytes);
    if (format == BF16) fill_bf16(p.x, MAX_ROWS * (size_t)k * 2);
    else fill_bytes(p.x, MAX_ROWS * (k64 + 64 + k64 / 8));
    return p;
}

static void multiply_strip(const problem *p, int isa, int32_t strip, int32_t rows) {
    const size_t first = (size_t)strip * STRIP;
    const int32_t blocks64 = (p->k + 63) / 64;
    const ech_q8_rows q8 = ech_q8_rows_of(p->x, p->k, rows);
    float *out = p->out + first;
    switch (p->format) {
    case BF16:
        ech_strips_bf16_for(isa)((const uint16_t *)p->weights + first * (size_t)p->k, p->x,
                                 (ech_strips_size){rows, p->k / 32, 1}, out, p->n);
        break;
    case INT8: {
        const ech_int8_strip weights = ech_int8_strip_at(p->weights, p->n, p->k, (int64_t)first);
        ech_strips_int8_for(isa)(&weights, &q8, (ech_strips_size){rows, blocks64, 1}, out, p->n);
        break;
    }
    default:
        ech_strips_int4_for(isa)((const uint8_t *)p->weights + (size_t)strip * (size_t)blocks64 * ECH_INT4_BLOCK_BYTES,
                                 &q8, (ech_strips_size){rows, blocks64, 1}, out, p->n);
    }
}

static volatile uint64_t sink;

static void read_strip(const problem *p, int32_t strip) {
    const size_t words = p->bytes / (size_t)(p->n / STRIP) / 64 * 8;
    const uint64_t *from = (const uint64_t *)p->weights + (size_t)strip * words;
    uint64_t sums[8] = {0};
    for (size_t at = 0; at < words; at += 8)
        for (size_t i = 0; i < 8; i++) sums[i] += from[at + i];
    sink = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

typedef struct {
    double whole, quiet;
} timing;

/// Times the product with some rows, or with 0 rows the reading of the weights.
static timing time_pass(const problem *p, int isa, int threads, int32_t rows) {
    const int32_t strips = p->n / STRIP;
    const double start = seconds();
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
        ech_matmul_thread_begin(isa, rows > 0 ? rows : 1);
        for (int32_t call = 0; call < p->calls; call++)
            for (int32_t s = strips * thread / threads; s < strips * (thread + 1) / threads; s++) {
                const double before = seconds();
                if (rows == 0) read_strip(p, s);
                else multiply_strip(p, isa, s, rows);
                p->seconds[s] = seconds() - before;
            }
        ech_matmul_thread_end(isa);
    }
    const double whole = (seconds() - start) / p->calls;
    return (timing){whole, quantile(p->seconds, strips, 0.25) * strips / threads};
}

/// Repeated timings of one number of rows.
typedef struct {
    double whole[MAX_REPEATS], quiet[MAX_REPEATS];
} samples;

static void add_sample(samples *s, int at, timing t) {
    s->whole[at] = t.whole;
    s->quiet[at] = t.quiet;
}

/// Prints a format's table; `quiet` has the wider format's times, and then this one's.
static void print_format(const problem *p, samples *read, samples *products, int repeats, double quiet[ROW_COUNTS]) {
    const double quiet_read = quantile(read->quiet, repeats, 0.5);
    printf("  %s, %.1f MB\n", format_names[p->format], (double)p->bytes * 1e-6);
    printf("    rows  median ms  quiet ms    GB/s   share   GFLOP/s%s\n", p->format == BF16 ? "" : "   ratio");
    printf("    read %10.3f %9.3f %7.1f\n", quantile(read->whole, repeats, 0.5) * 1e3, quiet_read * 1e3,
           (double)p->bytes / quiet_read * 1e-9);
    for (int i = 0; i < ROW_COUNTS; i++) {
        const double time = quantile(products[i].quiet, repeats, 0.5);
        printf("%8d %10.3f %9.3f %7.1f %7.2f %9.0f", row_counts[i], quantile(products[i].whole, repeats, 0.5) * 1e3,
               time * 1e3, (double)p->bytes / time * 1e-9, quiet_read / time,
               2.0 * row_counts[i] * p->n * p->k / time * 1e-9);
        if (p->format != BF16) printf(" %7.2f", time / quiet[i]);
        printf("\n");
        quiet[i] = time;
    }
}

int main(int argc, char **argv) {
    static const char *const names[] = {"portable", "avx2", "avx512", "amx"};
    int isa = ECH_ISA_AMX;
    while (!runs_here(isa)) isa--;
    if (argc > 1) {
        for (isa = 0; isa < 4 && strcmp(argv[1], names[isa]) != 0; isa++) {
        }
        if (isa == 4 || !runs_here(isa)) {
            fprintf(stderr, "This machine cannot run '%s'; choose portable, avx2, avx512 or amx.\n", argv[1]);
            return 1;
        }
    }
    const int repeats = argc > 2 ? atoi(argv[2]) : 7;
    const int32_t n = argc > 3 ? atoi(argv[3]) : 35840, k = argc > 4 ? atoi(argv[4]) : 5280;
    if (repeats < 1 || repeats > MAX_REPEATS || n < 32 || k < 32 || n % 32 != 0 || k % 32 != 0 ||
        k > ECH_INT8_COLUMNS_LIMIT) {
        fprintf(stderr, "REPEATS is 1 to %d; N and K are multiples of 32, K at most %d.\n", MAX_REPEATS,
                ECH_INT8_COLUMNS_LIMIT);
        return 1;
    }

    problem problems[FORMATS];
    for (int format = 0; format < FORMATS; format++) problems[format] = make_problem((enum format)format, n, k);
    static samples reads[FORMATS], products[FORMATS][ROW_COUNTS];
    for (int threads = 1; threads <= 2; threads++) {
        for (int r = -1; r < repeats; r++) { // the first round only warms up
            const int at = r < 0 ? 0 : r;
            for (int f = 0; f < FORMATS; f++) {
                add_sample(&reads[f], at, time_pass(&problems[f], isa, threads, 0));
                for (int i = 0; i < ROW_COUNTS; i++)
                    add_sample(&products[f][i], at, time_pass(&problems[f], isa, threads, row_counts[i]));
            }
        }
        printf("%s, N = %d, K = %d, %d thread%s\n", names[isa], n, k, threads, threads == 1 ? "" : "s");
        double quiet[ROW_COUNTS];
        for (int f = 0; f < FORMATS; f++) print_format(&problems[f], &reads[f], products[f], repeats, quiet);
    }
    return 0;
}
