/// Probes: how fast the machine reads memory, and how fast it multiplies operands in registers.
#define _DEFAULT_SOURCE
#include "CExecutorProbe.h"
#include "core/failure.h"
#include "parallel/omp.h"
#include "parallel/profile.h"
#include "parallel/work_stealing.h"

#include <stdlib.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

enum { MAX_REPEATS = 101 };

static bool check_numbers(int threads, int repeats, char *message) {
    if (threads < 1 || threads > ECH_THREADS_LIMIT)
        return ech_fail(message, "%d threads cannot probe the machine; there have to be 1 ... %d.", threads,
                        ECH_THREADS_LIMIT);
    if (repeats < 1 || repeats > MAX_REPEATS)
        return ech_fail(message, "A probe cannot be repeated %d times; 1 ... %d can be had.", repeats, MAX_REPEATS);
    return true;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

// MARK: Reading

enum { LINE = 64, LINES_AT_ONCE = 8, PAGE = 4096 };

/// The words of a cache line, which the compiler splits into registers of the instruction set.
typedef uint64_t line __attribute__((vector_size(LINE)));

/// The sum of all words, so that every one has to be read.
static inline __attribute__((always_inline)) uint64_t sum_lines(const line *lines, int64_t count) {
    line sums[LINES_AT_ONCE] = {{0}};
    for (int64_t i = 0; i < count; i += LINES_AT_ONCE)
        for (int j = 0; j < LINES_AT_ONCE; j++) sums[j] += lines[i + j];
    uint64_t total = 0;
    for (int j = 0; j < LINES_AT_ONCE; j++)
        for (int word = 0; word < LINE / 8; word++) total += sums[j][word];
    return total;
}

typedef uint64_t (*reader)(const line *lines, int64_t count);

static uint64_t read_portable(const line *lines, int64_t count) { return sum_lines(lines, count); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const line *lines, int64_t count) {
    return sum_lines(lines, count);
}
__attribute__((target("avx512f"))) static uint64_t read_avx512(const line *lines, int64_t count) {
    return sum_lines(lines, count);
}
#endif

static reader best_reader(void) {
#if defined(__x86_64__)
    if (ech_isa_available(ECH_ISA_AVX512)) return read_avx512;
    if (ech_isa_available(ECH_ISA_AVX2)) return read_avx2;
#endif
    return read_portable;
}

static void touch(char *data, int64_t bytes) {
    // Not zero: pages of zeros could be one and the same.
    for (int64_t i = 0; i < bytes; i += PAGE) data[i] = 1;
}

bool ech_probe_read(int64_t bytes, int threads, int repeats, double *gigabytes_per_second,
                    char message[ECH_MESSAGE_SIZE]) {
    if (!check_numbers(threads, repeats, message)) return false;
    const int64_t unit = LINE * LINES_AT_ONCE, units = bytes / unit;
    if (units < threads)
        return ech_fail(message, "%lld bytes are too few to probe %d threads' reading.", (long long)bytes, threads);
    char *data = mmap(NULL, (size_t)(units * unit), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return ech_fail(message, "There is not enough memory to probe reading with %.1f MB.", (double)bytes / 1e6);
#if defined(MADV_HUGEPAGE)
    madvise(data, (size_t)(units * unit), MADV_HUGEPAGE);
#endif
    const reader read = best_reader();
    double seconds[MAX_REPEATS];
    for (int repeat = -1; repeat < repeats; repeat++) { // the first pass touches the pages, each by its reader
        const double start = ech_seconds();
#pragma omp parallel num_threads(threads)
        {
            const ech_range range = ech_range_of(units, omp_get_thread_num(), omp_get_num_threads());
            const int64_t begin = range.begin * unit, size = (range.end - range.begin) * unit;
            if (repeat < 0) touch(data + begin, size);
            volatile uint64_t sum = read((const line *)(data + begin), size / LINE);
            (void)sum;
        }
        if (repeat >= 0) seconds[repeat] = ech_seconds() - start;
    }
    munmap(data, (size_t)(units * unit));
    *gigabytes_per_second = (double)(units * unit) / median(seconds, repeats) / 1e9;
    return true;
}

// MARK: Multiplying

/// Repeats `operations` multiplications and additions. It returns a part of the result, so that compilers keep them.
typedef struct {
    double (*run)(int64_t iterations);
    int64_t operations; ///< in one iteration
} multiplier;

// As many sums as hide the latency of the slowest instruction used, on the widest processors: 4 cycles times 2 a cycle,
// and some to spare; with two operands they fit into 16 registers, the fewest there are.
enum { CHAINS = 12 };

// Sums stay finite, normal and, for a compiler, unknown: x ← x / 2 + 1 goes to 2 from wherever it starts, but a
// compiler that sees it start there leaves the chain out.
enum { FIRST_SUM = 3 };

typedef float four __attribute__((vector_size(16)));
static double multiply_portable(int64_t iterations) {
    four sums[CHAINS], half = {0.5f, 0.5f, 0.5f, 0.5f}, one = {1, 1, 1, 1};
    for (int c = 0; c < CHAINS; c++) sums[c] = one * (float)(c + FIRST_SUM);
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * half + one;
    four total = sums[0];
    for (int c = 1; c < CHAINS; c++) total += sums[c];
    return (double)total[0];
}
static const multiplier portable = {multiply_portable, 2 * 4 * CHAINS};

#if defined(__x86_64__)

__attribute__((target("avx2,fma"))) static double multiply_f32_avx2(int64_t iterations) {
    const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1);
    __m256 sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_set1_ps((float)(c + FIRST_SUM));
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_fmadd_ps(sums[c], half, one);
    __m256 total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm256_add_ps(total, sums[c]);
    return (double)_mm256_cvtss_f32(total);
}
static const multiplier f32_avx2 = {multiply_f32_avx2, 2 * 8 * CHAINS};

/// Without a product of signed bytes, AVX2 multiplies pairs of 16 bits and adds the products' sums.
__attribute__((target("avx2"))) static double multiply_int8_avx2(int64_t iterations) {
    const __m256i pairs = _mm256_set1_epi16(3);
    __m256i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_set1_epi8((char)(c + FIRST_SUM));
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(sums[c], pairs));
    __m256i total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm256_xor_si256(total, sums[c]);
    return (double)_mm256_extract_epi32(total, 0);
}
static const multiplier int8_avx2 = {multiply_int8_avx2, 2 * 16 * CHAINS};

__attribute__((target("avx2,avxvnni"))) static double multiply_int8_avx_vnni(int64_t iterations) {
    const __m256i left = _mm256_set1_epi8(5), right = _mm256_set1_epi32(0x03fd02ff);
    __m256i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_set1_epi32(c);
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_dpbusd_avx_epi32(sums[c], left, right);
    __m256i total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm256_xor_si256(total, sums[c]);
    return (double)_mm256_extract_epi32(total, 0);
}
static const multiplier int8_avx_vnni = {multiply_int8_avx_vnni, 2 * 32 * CHAINS};

// int4 products are added as integers over a group of 32 columns, 8 products of quads, and then, multiplied by a scale,
// as floats: a probe of the former alone would promise too much. The sums of floats are in memory, as the 16 registers
// of AVX2 are taken: one sum for all would be a chain that takes longer than the products. The operands are one
// pattern: bytes 64 and 63, and the float 0.75.
#define KEEP_IN_MEMORY(values) __asm__ volatile("" ::"r"(values) : "memory")
enum { INT4_STEPS = 8, INT4_PATTERN = 0x3f403f40 };

// With vpdpbusd, floats come from sums by a subtraction (formats/int4/int4_avx_vnni.c): the sums stay the bits of
// floats of one magnitude, because the quads of the right operand, −1, 2, −4 and 3, have the sum 0.
#define INT4_MAGIC 0x1.8p23f
enum { INT4_RIGHT = 0x03fc02ff };

__attribute__((target("avx2,fma"))) static double multiply_int4_avx2(int64_t iterations) {
    const __m256i pattern = _mm256_set1_epi32(INT4_PATTERN);
    const __m256 scale = _mm256_castsi256_ps(pattern);
    __m256i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_set1_epi8((char)(c + FIRST_SUM));
    __m256 totals[CHAINS] = {0};
    for (int64_t i = 0; i < iterations; i++) {
        for (int step = 0; step < INT4_STEPS; step++)
            for (int c = 0; c < CHAINS; c++) {
                sums[c] = _mm256_add_epi16(sums[c], _mm256_maddubs_epi16(sums[c], pattern));
                __asm__("" : "+x"(sums[c])); // keeps the order, which needs one register for products
            }
        for (int c = 0; c < CHAINS; c++) {
            totals[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(sums[c], pattern)), scale, totals[c]);
            KEEP_IN_MEMORY(totals);
        }
    }
    for (int c = 1; c < CHAINS; c++) totals[0] = _mm256_add_ps(totals[0], totals[c]);
    return (double)_mm256_cvtss_f32(totals[0]);
}
static const multiplier int4_avx2 = {multiply_int4_avx2, 2 * 32 * (INT4_STEPS * CHAINS)};

__attribute__((target("avx2,fma,avxvnni"))) static double multiply_int4_avx_vnni(int64_t iterations) {
    const __m256i left = _mm256_set1_epi8(5), right = _mm256_set1_epi32(INT4_RIGHT);
    const __m256 magic = _mm256_set1_ps(INT4_MAGIC), scale = _mm256_castsi256_ps(left);
    __m256i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_castps_si256(_mm256_set1_ps(INT4_MAGIC + (float)c));
    __m256 totals[CHAINS] = {0};
    for (int64_t i = 0; i < iterations; i++) {
        for (int step = 0; step < INT4_STEPS; step++)
            for (int c = 0; c < CHAINS; c++) sums[c] = _mm256_dpbusd_avx_epi32(sums[c], left, right);
        for (int c = 0; c < CHAINS; c++) {
            totals[c] = _mm256_fmadd_ps(_mm256_sub_ps(_mm256_castsi256_ps(sums[c]), magic), scale, totals[c]);
            KEEP_IN_MEMORY(totals);
        }
    }
    for (int c = 1; c < CHAINS; c++) totals[0] = _mm256_add_ps(totals[0], totals[c]);
    return (double)_mm256_cvtss_f32(totals[0]);
}
static const multiplier int4_avx_vnni = {multiply_int4_avx_vnni, 2 * 32 * (INT4_STEPS * CHAINS)};

__attribute__((target("avx512f"))) static double multiply_f32_avx512(int64_t iterations) {
    const __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1);
    __m512 sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_set1_ps((float)(c + FIRST_SUM));
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_fmadd_ps(sums[c], half, one);
    __m512 total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm512_add_ps(total, sums[c]);
    return (double)_mm512_cvtss_f32(total);
}
static const multiplier f32_avx512 = {multiply_f32_avx512, 2 * 16 * CHAINS};

__attribute__((target("avx512f,avx512bf16"))) static double multiply_bf16_avx512(int64_t iterations) {
    // Pairs (1, 1) times pairs (1, −1) leave the sums as they are.
    const __m512bh left = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    const __m512bh right = (__m512bh)_mm512_set1_epi32((int)0xbf803f80);
    __m512 sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_set1_ps((float)c);
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_dpbf16_ps(sums[c], left, right);
    __m512 total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm512_add_ps(total, sums[c]);
    return (double)_mm512_cvtss_f32(total);
}
static const multiplier bf16_avx512 = {multiply_bf16_avx512, 2 * 32 * CHAINS};

__attribute__((target("avx512f,avx512vnni"))) static double multiply_int8_avx512(int64_t iterations) {
    const __m512i left = _mm512_set1_epi8(5), right = _mm512_set1_epi32(0x03fd02ff);
    __m512i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_set1_epi32(c);
    for (int64_t i = 0; i < iterations; i++)
        for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_dpbusd_epi32(sums[c], left, right);
    __m512i total = sums[0];
    for (int c = 1; c < CHAINS; c++) total = _mm512_xor_si512(total, sums[c]);
    return (double)_mm512_reduce_add_epi32(total);
}
static const multiplier int8_avx512 = {multiply_int8_avx512, 2 * 64 * CHAINS};

__attribute__((target("avx512f,avx512vnni"))) static double multiply_int4_avx512(int64_t iterations) {
    const __m512i left = _mm512_set1_epi8(5), right = _mm512_set1_epi32(INT4_RIGHT);
    const __m512 magic = _mm512_set1_ps(INT4_MAGIC), scale = _mm512_castsi512_ps(left);
    __m512i sums[CHAINS];
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_castps_si512(_mm512_set1_ps(INT4_MAGIC + (float)c));
    __m512 totals[CHAINS] = {0};
    for (int64_t i = 0; i < iterations; i++) {
        for (int step = 0; step < INT4_STEPS; step++)
            for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_dpbusd_epi32(sums[c], left, right);
        for (int c = 0; c < CHAINS; c++)
            totals[c] = _mm512_fmadd_ps(_mm512_sub_ps(_mm512_castsi512_ps(sums[c]), magic), scale, totals[c]);
    }
    for (int c = 1; c < CHAINS; c++) totals[0] = _mm512_add_ps(totals[0], totals[c]);
    return (double)_mm512_cvtss_f32(totals[0]);
}
static const multiplier int4_avx512 = {multiply_int4_avx512, 2 * 64 * (INT4_STEPS * CHAINS)};

#if !defined(ECHELON_EMULATE_AMX)
#include "machine/amx_tiles.h"

// Tiles 0 to 3 are sums, as many as hide the latency (52 cycles, and one product can start every 16); 4 and 5 are one
// operand, 6 and 7 the other. All are full: 16 rows of 64 bytes, and zero, which takes as long as anything.
enum { AMX_PRODUCTS = 4 };

__attribute__((target("amx-tile"))) static void configure_full_tiles(void) {
    amx_configuration configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        configuration.row_bytes[tile] = 64;
        configuration.rows[tile] = 16;
    }
    amx_configure(&configuration);
}

__attribute__((target("amx-tile,amx-bf16"))) static double multiply_bf16_amx(int64_t iterations) {
    configure_full_tiles();
    for (int64_t i = 0; i < iterations; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 1;
}
static const multiplier bf16_amx = {multiply_bf16_amx, 2 * 16 * 16 * 32 * AMX_PRODUCTS};

__attribute__((target("amx-tile,amx-int8"))) static double multiply_int8_amx(int64_t iterations) {
    configure_full_tiles();
    for (int64_t i = 0; i < iterations; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_release();
    return 1;
}
static const multiplier int8_amx = {multiply_int8_amx, 2 * 16 * 16 * 64 * AMX_PRODUCTS};

static bool has_amx_int8(void) {
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 25 & 1) != 0;
}

/// NULL where tiles have no such product.
static const multiplier *amx_multiplier(int product) {
    if (product == ECH_PROBE_BF16) return &bf16_amx;
    return (product == ECH_PROBE_INT8 || product == ECH_PROBE_INT4) && has_amx_int8() ? &int8_amx : NULL;
}
#else
static const multiplier *amx_multiplier(int product) {
    (void)product;
    return NULL;
}
#endif

static const multiplier *multiplier_for(int isa, int product) {
    if (isa == ECH_ISA_PORTABLE) return &portable;
    const bool int8 = product == ECH_PROBE_INT8, int4 = product == ECH_PROBE_INT4;
    if (isa == ECH_ISA_AVX2) return int8 ? &int8_avx2 : int4 ? &int4_avx2 : &f32_avx2;
    if (isa == ECH_ISA_AVX_VNNI) return int8 ? &int8_avx_vnni : int4 ? &int4_avx_vnni : &f32_avx2;
    const multiplier *tiles = isa == ECH_ISA_AMX ? amx_multiplier(product) : NULL;
    if (tiles) return tiles;
    if (product == ECH_PROBE_BF16 && __builtin_cpu_supports("avx512bf16")) return &bf16_avx512;
    const bool vnni = __builtin_cpu_supports("avx512vnni");
    if (int8) return vnni ? &int8_avx512 : &int8_avx2;
    if (int4) return vnni ? &int4_avx512 : &int4_avx2;
    return &f32_avx512;
}

#else

static const multiplier *multiplier_for(int isa, int product) {
    (void)isa;
    (void)product;
    return &portable;
}

#endif

/// Seconds that `threads` threads take for `iterations` each, and how many threads there really were.
static double time_multiplier(const multiplier *m, int64_t iterations, int threads, int *granted) {
    const double start = ech_seconds();
#pragma omp parallel num_threads(threads)
    {
        volatile double sum = m->run(iterations);
        (void)sum;
        if (omp_get_thread_num() == 0) *granted = omp_get_num_threads();
    }
    return ech_seconds() - start;
}

bool ech_probe_peak(int isa, int product, int threads, int repeats, double *teraflops, char message[ECH_MESSAGE_SIZE]) {
    if (!check_numbers(threads, repeats, message)) return false;
    if (!ech_isa_available(isa))
        return ech_fail(message, "This machine cannot run the instruction set %s (%d).", ech_isa_name(isa), isa);
    if (product < 0 || product >= ECH_PROBE_PRODUCT_COUNT)
        return ech_fail(message, "There is no product %d to probe.", product);
    const multiplier *m = multiplier_for(isa, product);
    // Long against the start of the threads and a tick of the scheduler, short enough to repeat.
    const double long_enough = 0.01;
    int granted = threads;
    int64_t iterations = 1000;
    while (time_multiplier(m, iterations, threads, &granted) < long_enough) iterations *= 2;
    double seconds[MAX_REPEATS];
    for (int repeat = 0; repeat < repeats; repeat++)
        seconds[repeat] = time_multiplier(m, iterations, threads, &granted);
    *teraflops = (double)m->operations * (double)iterations * granted / median(seconds, repeats) / 1e12;
    return true;
}
