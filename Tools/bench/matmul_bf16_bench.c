/// Times the bf16 kernels, and beside every figure what reading the same weights costs.
///
///     gcc -std=c11 -O3 -fopenmp -ffp-contract=off -I Sources/CExecutor -I Sources/CExecutor/include
///         Sources/CExecutor/matmul_bf16*.c Tools/bench/matmul_bf16_bench.c -o /tmp/matmul_bf16_bench        (one line)
///     /tmp/matmul_bf16_bench [portable|avx2|avx512|amx [REPEATS [N [K]]]]
///
/// By default: the machine's best instruction set, 7 repeats, N = 35840 and K = 5280, the gate and up matrix of
/// Huginn-0125 (378 MB, so that weights come from memory). Each repeat times a plain read of the weights and then every
/// number of rows. Median and best times are printed, as the best is what other users of the machine disturb least;
/// rates are those of the best. `share` is the best read's time over the best product's: 1 is the memory bound.
#define _DEFAULT_SOURCE
#include "CExecutor.h"
#include "matmul_bf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

// Declared here because LLVM's omp.h is often not installed where its library is.
int omp_get_thread_num(void);

static const int32_t row_counts[] = {1, 8, 16, 32, 64, 128};
enum { ROW_COUNTS = sizeof row_counts / sizeof row_counts[0], MOST_ROWS = 128, MOST_REPEATS = 101, STRIP = 32 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct {
    double median, best;
} times;

static times summary(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return (times){values[count / 2], values[0]};
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

/// Random bf16 values between 1/4 and 1 in magnitude, of either sign.
static void fill(uint16_t *values, size_t count) {
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        values[i] = (uint16_t)(0x3e80 + (state >> 40 & 0x80ff));
    }
}

static bool runs_here(int isa) {
    if (isa == ECH_ISA_PORTABLE) return true;
#if defined(__x86_64__)
    if (isa == ECH_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == ECH_ISA_AVX512) return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bf16");
    // The system refuses the request on processors without AMX.
    if (isa == ECH_ISA_AMX) return ech_amx_request();
#endif
    return false;
}

typedef struct {
    const uint16_t *weights, *x;
    float *out;
    int32_t n, k;
    int32_t calls; ///< that one timing spans
} problem;

static double time_product(const problem *p, int isa, int threads, int32_t rows) {
    const ech_strip_bf16 kernel = ech_strip_bf16_for(isa);
    const int32_t strips = p->n / STRIP;
    const double start = seconds();
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
        ech_matmul_thread_begin(isa, rows);
        for (int32_t call = 0; call < p->calls; call++)
            for (int32_t s = strips * thread / threads; s < strips * (thread + 1) / threads; s++)
                kernel(p->weights + (size_t)s * STRIP * (size_t)p->k, p->x, rows, p->k / STRIP, p->out + s * STRIP,
                       p->n);
        ech_matmul_thread_end(isa);
    }
    return (seconds() - start) / p->calls;
}

static volatile uint64_t sink;

static double time_read(const problem *p, int threads) {
    const uint64_t *words = (const uint64_t *)p->weights;
    const size_t groups = (size_t)p->n * (size_t)p->k / 32; // of 8 words
    const double start = seconds();
#pragma omp parallel num_threads(threads)
    {
        const size_t thread = (size_t)omp_get_thread_num(), count = (size_t)threads;
        uint64_t sums[8] = {0};
        for (int32_t call = 0; call < p->calls; call++)
            for (size_t g = groups * thread / count; g < groups * (thread + 1) / count; g++)
                for (int i = 0; i < 8; i++) sums[i] += words[g * 8 + (size_t)i];
        sink = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
    }
    return (seconds() - start) / p->calls;
}

int main(int argc, char **argv) {
    static const char *const names[] = {"portable", "avx2", "avx512", "amx"};
    int isa = ECH_ISA_AMX;
    while (!runs_here(isa)) isa--;
    if (argc > 1) {
        for (isa = 0; isa < 4 && strcmp(argv[1], names[isa]) != 0; isa++) {}
        if (isa == 4 || !runs_here(isa)) {
            fprintf(stderr, "This machine cannot run '%s'; choose portable, avx2, avx512 or amx.\n", argv[1]);
            return 1;
        }
    }
    const int repeats = argc > 2 ? atoi(argv[2]) : 7;
    const int32_t n = argc > 3 ? atoi(argv[3]) : 35840, k = argc > 4 ? atoi(argv[4]) : 5280;
    if (repeats < 1 || repeats > MOST_REPEATS || n < 32 || k < 32 || n % 32 != 0 || k % 32 != 0) {
        fprintf(stderr, "REPEATS is 1 to %d; N and K are multiples of 32.\n", MOST_REPEATS);
        return 1;
    }

    const size_t bytes = (size_t)n * (size_t)k * 2;
    uint16_t *weights = allocate(bytes), *x = allocate((size_t)MOST_ROWS * (size_t)k * 2);
    fill(weights, (size_t)n * (size_t)k);
    fill(x, (size_t)MOST_ROWS * (size_t)k);
    const int32_t calls = bytes < (64u << 20) ? (int32_t)((64u << 20) / bytes) : 1;
    const problem p = {weights, x, allocate((size_t)MOST_ROWS * (size_t)n * sizeof(float)), n, k, calls};

    for (int threads = 1; threads <= 2; threads++) {
        double reads[MOST_REPEATS], products[ROW_COUNTS][MOST_REPEATS];
        for (int r = -1; r < repeats; r++) { // the first round only warms up
            const int at = r < 0 ? 0 : r;
            reads[at] = time_read(&p, threads);
            for (int i = 0; i < ROW_COUNTS; i++) products[i][at] = time_product(&p, isa, threads, row_counts[i]);
        }
        const times read = summary(reads, repeats);
        printf("%s, N = %d, K = %d, %.1f MB, %d thread%s\n", names[isa], n, k, (double)bytes * 1e-6, threads,
               threads == 1 ? "" : "s");
        printf("  rows  median ms   best ms    GB/s   share   GFLOP/s\n");
        printf("  read %10.3f %9.3f %7.1f\n", read.median * 1e3, read.best * 1e3, (double)bytes / read.best * 1e-9);
        for (int i = 0; i < ROW_COUNTS; i++) {
            const times t = summary(products[i], repeats);
            printf("%6d %10.3f %9.3f %7.1f %7.2f %9.0f\n", row_counts[i], t.median * 1e3, t.best * 1e3,
                   (double)bytes / t.best * 1e-9, read.best / t.best, 2.0 * row_counts[i] * n * k / t.best * 1e-9);
        }
    }
    return 0;
}
