/// Times the kernels of every packed format, next to the time to read the same weights.
///
///     Tools/bench/run matmul [portable|avx2|avx-vnni|avx512|amx [REPEATS [N [K]]]]
///
/// The defaults are the machine's best instruction set, 7 repeats, and the gate and up matrix of Huginn-0125: N = 35840
/// and K = 5280 (378 MB in bf16, so that weights come from memory). Each repeat times a plain read of each format's
/// weights and then every number of rows, the formats one after another.
///
/// `median ms` is the whole product's time. `quiet ms` is the time that it would take if every strip of 32 outputs took
/// the time of the first quartile of the strips (a few microseconds). Other programs that take the processor away for
/// milliseconds show only in the former. Rates are computed from the latter, and `share` is its ratio to the quiet
/// read's: 1 is the memory bound. `floor` is the ratio of the floor to the quiet time; the floor is the longer of the
/// quiet read and of the operations at the rate of the multiply-add units, which a probe measures in registers between
/// the repeats. `ratio` compares the quiet time to the next wider format's.
#define _DEFAULT_SOURCE
#include "bench.h"

#include "CExecutor.h"
#include "CExecutorProbe.h"
#include "core/view.h"
#include "formats/formats.h"
#include "machine/amx.h"
#include "machine/isa.h"
#include "parallel/omp.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

static const int32_t row_counts[] = {1, 2, 4, 6, 8, 16, 32, 64, 128, 256};
enum {
    ROW_COUNTS = sizeof row_counts / sizeof row_counts[0],
    MAX_ROWS = 256,
    MAX_REPEATS = 101,
    STRIP = 32,
    /// With more rows the executor's products compute several strips together (instructions/product.c).
    ROWS_OF_ONE_STRIP = 32,
    /// The floats that a thread's sums need.
    OUT_FLOATS = MAX_ROWS * ECH_STRIPS_AT_ONCE * STRIP,
};

/// Memory in huge pages if the system grants them, as for a plan's weights.
static void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED, "There is not enough memory for the benchmark.");
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

/// The packed formats: those whose kernels this benchmark times.
enum { FIRST_FORMAT = ECH_WEIGHT_BF16, FORMATS = ECH_FORMAT_COUNT };

/// Fills memory with random bf16 numbers between 1/4 and 1 in magnitude, of either sign. Read as another type, they
/// have no denormal scales, which some processors multiply slowly.
static void fill(void *memory, size_t bytes) {
    uint16_t *values = memory;
    for (size_t i = 0; i < bytes / sizeof *values; i++) values[i] = (uint16_t)(0x3e80 + (random_bits() >> 40 & 0x80ff));
}

static bool runs_here(int isa) {
    return ech_isa_available(isa) && (isa != ECH_ISA_AVX512 || (ech_has_avx512_bf16() && ech_has_avx512_vnni()));
}

/// A matrix in one format, and rows for it.
typedef struct {
    ech_weight weight;
    void *x;
    float *out;
    double *seconds; ///< the time of each strip
    int32_t calls;   ///< the number of calls in one timing
} problem;

static problem make_problem(int32_t format, int32_t n, int32_t k) {
    const int64_t bytes = ech_format_bytes(format, n, k);
    const int32_t input = ech_format_describe(format)->input;
    const size_t x_bytes = MAX_ROWS * (size_t)ech_element_bytes_per_row(input, k);
    void *weights = map((size_t)bytes);
    problem p = {.weight = {weights, bytes, format, n, k}, .x = map(x_bytes)};
    p.calls = bytes < (64 << 20) ? (int32_t)((64 << 20) / bytes) : 1;
    p.seconds = allocate((size_t)n / STRIP * sizeof *p.seconds);
    p.out = map((size_t)omp_get_max_threads() * OUT_FLOATS * sizeof(float));
    fill(weights, (size_t)bytes);
    fill(p.x, x_bytes);
    return p;
}

/// Multiplies some strips. The sums go to the thread's scratch memory, as the executor's do.
static void multiply_strips(const problem *p, int isa, int32_t strip, int32_t count, int32_t rows, float *out) {
    const ech_weight *weight = &p->weight;
    const int32_t tile = rows < ECH_TILE_ROWS ? rows : ECH_TILE_ROWS, first = strip * STRIP;
    const ech_view x = {p->x, ech_format_describe(weight->format)->input, weight->columns, tile, rows};
    const ech_strips whole = ech_strips_of(weight, &x);
    const ech_strips part = ech_strips_part(&whole, first, count * STRIP, out, count * STRIP);
    ech_format_kernel(weight->format, isa)(&part);
}

static volatile uint64_t sink;

static void read_strip(const problem *p, int32_t strip) {
    const size_t words = (size_t)p->weight.bytes / (size_t)(p->weight.rows / STRIP) / 64 * 8;
    const uint64_t *from = (const uint64_t *)p->weight.data + (size_t)strip * words;
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
    const int32_t strips = p->weight.rows / STRIP, at_once = rows > ROWS_OF_ONE_STRIP ? ECH_STRIPS_AT_ONCE : 1;
    const double start = seconds();
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
        ech_amx_thread_begin(isa, rows > 0 ? rows : 1);
        for (int32_t call = 0; call < p->calls; call++)
            for (int32_t s = strips * thread / threads, end = strips * (thread + 1) / threads; s < end; s += at_once) {
                const int32_t count = ech_min(at_once, end - s);
                const double before = seconds();
                if (rows == 0) read_strip(p, s);
                else multiply_strips(p, isa, s, count, rows, p->out + (size_t)thread * OUT_FLOATS);
                p->seconds[s] = (seconds() - before) / count;
                for (int32_t i = 1; i < count; i++) p->seconds[s + i] = p->seconds[s];
            }
        ech_amx_thread_end(isa);
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

/// The rate in GFLOP/s at which the multiply-add units run a format's products: the maximum of a few probes, because
/// other programs only slow them down.
static double units_rate(int32_t format, int isa, int threads) {
    const int product = format == ECH_WEIGHT_BF16   ? ECH_PROBE_BF16
                        : format == ECH_WEIGHT_INT8 ? ECH_PROBE_INT8
                                                    : ECH_PROBE_INT4;
    double teraflops = 0;
    for (int probe = 0; probe < 5; probe++) {
        double rate;
        char message[ECH_MESSAGE_SIZE];
        require(ech_probe_peak(isa, product, threads, 1, &rate, message), message);
        teraflops = fmax(teraflops, rate);
    }
    return teraflops * 1e3;
}

/// Prints a format's table; `quiet` has the wider format's times, and then this one's.
static void print_format(const problem *p, samples *read, samples *products, int repeats, double units,
                         double quiet[ROW_COUNTS]) {
    const double quiet_read = quantile(read->quiet, repeats, 0.5);
    printf("  %s, %.1f MB\n", ech_format_describe(p->weight.format)->name, (double)p->weight.bytes * 1e-6);
    printf("    units %.0f GFLOP/s\n", units);
    printf("    rows  median ms  quiet ms    GB/s   share   GFLOP/s   floor%s\n",
           p->weight.format == FIRST_FORMAT ? "" : "   ratio");
    printf("    read %10.3f %9.3f %7.1f\n", quantile(read->whole, repeats, 0.5) * 1e3, quiet_read * 1e3,
           (double)p->weight.bytes / quiet_read * 1e-9);
    for (int i = 0; i < ROW_COUNTS; i++) {
        const double time = quantile(products[i].quiet, repeats, 0.5);
        const double operations = 2.0 * row_counts[i] * p->weight.rows * p->weight.columns * 1e-9;
        printf("%8d %10.3f %9.3f %7.1f %7.2f %9.0f %7.2f", row_counts[i],
               quantile(products[i].whole, repeats, 0.5) * 1e3, time * 1e3, (double)p->weight.bytes / time * 1e-9,
               quiet_read / time, operations / time, fmax(quiet_read, operations / units) / time);
        if (p->weight.format != FIRST_FORMAT) printf(" %7.2f", time / quiet[i]);
        printf("\n");
        quiet[i] = time;
    }
}

int main(int argc, char **argv) {
    int isa = ECH_ISA_AMX;
    while (!runs_here(isa)) isa--;
    if (argc > 1) {
        for (isa = 0; isa < ECH_ISA_COUNT && strcmp(argv[1], ech_isa_name(isa)) != 0; isa++) {
        }
        if (isa == ECH_ISA_COUNT || !runs_here(isa)) {
            fprintf(stderr, "This machine cannot run '%s'; choose portable, avx2, avx-vnni, avx512 or amx.\n", argv[1]);
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
    for (int32_t f = FIRST_FORMAT; f < FORMATS; f++) problems[f] = make_problem(f, n, k);
    static samples reads[FORMATS], products[FORMATS][ROW_COUNTS];
    for (int threads = 1; threads <= 2; threads++) {
        double units[FORMATS] = {0};
        for (int r = -1; r < repeats; r++) { // the first round only warms up
            const int at = r < 0 ? 0 : r;
            for (int f = FIRST_FORMAT; f < FORMATS; f++) {
                units[f] = fmax(units[f], units_rate(f, isa, threads));
                add_sample(&reads[f], at, time_pass(&problems[f], isa, threads, 0));
                for (int i = 0; i < ROW_COUNTS; i++)
                    add_sample(&products[f][i], at, time_pass(&problems[f], isa, threads, row_counts[i]));
            }
        }
        printf("%s, N = %d, K = %d, %d thread%s\n", ech_isa_name(isa), n, k, threads, threads == 1 ? "" : "s");
        double quiet[ROW_COUNTS];
        for (int f = FIRST_FORMAT; f < FORMATS; f++)
            print_format(&problems[f], &reads[f], products[f], repeats, units[f], quiet);
    }
    return 0;
}
