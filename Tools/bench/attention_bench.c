/// Times wavefront attention next to the time to read the same keys and values.
///
///     Tools/bench/run attention [f32|bf16|int8 [THREADS [REPEATS [QUERY_HEADS [HEADS [DIM]]]]]]
///
/// ECHELON_ISA chooses the instruction set. The default shape is that of Huginn-0125, 55 heads of 96 columns. HEADS is
/// the number of heads of the cache, of which QUERY_HEADS is a multiple; if only QUERY_HEADS is given, it is the same.
///
/// A call runs one attention over each of four caches, the blocks of Huginn's core, so that keys and values come from
/// memory as in a model. Its rows are the last positions of one sequence. The median time of one attention is printed.
/// `share` is the median read's time divided by it (1 is the memory bound). GFLOP/s count both products.
#define _DEFAULT_SOURCE
#include "bench.h"

#include "CExecutor.h"

#include <string.h>

enum { CACHES = 4, MAX_ROWS = 64, MAX_CONTEXT = 4096, MAX_REPEATS = 101 };

/// The heads of queries, those of a cache, and the columns of each.
static int query_heads = 55, heads = 55, dim = 96;

static const int32_t contexts[] = {512, 2048, 4096}, row_counts[] = {1, 8, 32, 64};
enum { CONTEXTS = sizeof contexts / sizeof *contexts, ROW_COUNTS = sizeof row_counts / sizeof *row_counts };

static float *random_floats(size_t count) {
    float *values = allocate(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = (float)(int32_t)(random_bits() >> 32) / 2147483648.0f;
    return values;
}

/// Parameters: queries (keys and values when writing), slots, positions; result 0.
static ech_program *program_of(int opcode, int isa) {
    const ech_cache cache = {heads, dim, 0};
    const int width = (opcode == ECH_CACHE_WRITE ? heads : query_heads) * dim;
    const ech_buffer buffers[] = {{ECH_F32, width, ECH_PARAMETER, 0, 0},
                                  {ECH_I32, 1, ECH_PARAMETER, 1, 0},
                                  {ECH_I32, 1, ECH_PARAMETER, 2, 0},
                                  {ECH_I32, 1, ECH_PARAMETER, 3, 0},
                                  {ECH_F32, width, ECH_RESULT, 0, 0}};
    ech_cache caches[CACHES];
    ech_instruction instructions[CACHES];
    for (int i = 0; i < CACHES; i++) {
        caches[i] = cache;
        instructions[i] = (ech_instruction){.opcode = opcode,
                                            .barrier = 1,
                                            .in = {0, 1, 2, 3, -1},
                                            .out = {4, -1},
                                            .weight = {-1, -1, -1},
                                            .cache = i,
                                            .i0 = query_heads};
        if (opcode != ECH_CACHE_WRITE) continue;
        const int32_t in[5] = {0, 0, 1, 2, 3};
        memcpy(instructions[i].in, in, sizeof in);
        instructions[i].out[0] = -1;
    }
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program =
        ech_program_create(instructions, CACHES, buffers, 5, NULL, 0, caches, CACHES, 4, 1, 0, isa, message);
    require(program, message);
    return program;
}

/// One call over the `rows` positions that end at `end`.
static void run(const ech_program *program, ech_session *session, const float *x, float *out, int32_t end, int32_t rows,
                int threads) {
    int32_t slots[MAX_ROWS] = {0}, positions[MAX_ROWS], depths[MAX_ROWS] = {0};
    for (int32_t i = 0; i < rows; i++) positions[i] = end - rows + i;
    const void *parameters[] = {x, slots, positions, depths};
    void *results[] = {out};
    const ech_call call = {.rows = rows, .recurrences = 1, .parameters = parameters, .results = results};
    char message[ECH_MESSAGE_SIZE] = "";
    require(ech_run(program, session, &call, threads, message), message);
}

static volatile uint64_t sink;

/// The time to read `bytes` of `memory`.
static double time_read(const uint64_t *memory, size_t bytes, int threads) {
    const double start = seconds();
    uint64_t total = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : total) schedule(static)
    for (size_t i = 0; i < bytes / 64; i++)
        for (int j = 0; j < 8; j++) total += memory[i * 8 + (size_t)j];
    sink = total;
    return seconds() - start;
}

int main(int argc, char **argv) {
    int32_t format = argc > 1 ? 0 : ECH_CACHE_F32;
    while (argc > 1 && ech_cache_format_name(format) && strcmp(argv[1], ech_cache_format_name(format)) != 0) format++;
    const int threads = argc > 2 ? atoi(argv[2]) : ech_default_threads(), repeats = argc > 3 ? atoi(argv[3]) : 11;
    if (argc > 4) query_heads = heads = atoi(argv[4]);
    if (argc > 5) heads = atoi(argv[5]);
    if (argc > 6) dim = atoi(argv[6]);
    const bool is_shape = query_heads > 0 && heads > 0 && dim > 0 && query_heads % heads == 0;
    if (!ech_cache_format_name(format) || threads < 1 || repeats < 1 || repeats > MAX_REPEATS || !is_shape) {
        fprintf(stderr,
                "The first argument is f32, bf16 or int8, then a number of threads, 1 to %d repeats, query heads, a "
                "number of heads that divides it, and columns of a head.\n",
                MAX_REPEATS);
        return 1;
    }
    char message[ECH_MESSAGE_SIZE] = "";
    const int isa = ech_isa_choose(message);
    require(isa >= 0, message);
    ech_program *write = program_of(ECH_CACHE_WRITE, isa), *attention = program_of(ECH_WAVEFRONT_ATTENTION, isa);
    const ech_cache cache = {heads, dim, 0}, caches[CACHES] = {cache, cache, cache, cache};
    const size_t width = (size_t)query_heads * (size_t)dim;
    float *x = random_floats(MAX_ROWS * width), *out = allocate(MAX_ROWS * width * sizeof *out);
    const size_t max_bytes = (size_t)(CACHES * MAX_CONTEXT * ech_cache_entry_bytes(&cache, format));
    uint64_t *memory = allocate(max_bytes);
    memset(memory, 1, max_bytes);

    printf("%s, caches in %s, %d thread%s, %d query heads over %d of %d columns\n", ech_isa_name(isa),
           ech_cache_format_name(format), threads, threads == 1 ? "" : "s", query_heads, heads, dim);
    printf("context  rows        ms   read ms   share   GFLOP/s\n");
    for (int c = 0; c < CONTEXTS; c++) {
        // A session of the context's own length, so that heads are as close as in a model.
        ech_session *session = ech_session_create(caches, CACHES, 1, contexts[c], 1, format, message);
        require(session, message);
        for (int32_t end = MAX_ROWS; end <= contexts[c]; end += MAX_ROWS)
            run(write, session, x, out, end, MAX_ROWS, threads);
        double times[ROW_COUNTS][MAX_REPEATS], reads[MAX_REPEATS];
        for (int r = -1; r < repeats; r++) { // the first round only warms up
            const int at = r < 0 ? 0 : r;
            reads[at] = time_read(memory, max_bytes / MAX_CONTEXT * (size_t)contexts[c], threads) / CACHES;
            for (int i = 0; i < ROW_COUNTS; i++) {
                const double start = seconds();
                run(attention, session, x, out, contexts[c], row_counts[i], threads);
                times[i][at] = (seconds() - start) / CACHES;
            }
        }
        const double read = median(reads, repeats);
        for (int i = 0; i < ROW_COUNTS; i++) {
            const double time = median(times[i], repeats), rows = row_counts[i];
            const double products = rows * (contexts[c] - (rows - 1) / 2) * 4 * (double)width;
            printf("%7d %5d %9.3f %9.3f %7.2f %9.1f\n", contexts[c], row_counts[i], time * 1e3, read * 1e3, read / time,
                   products / time * 1e-9);
        }
        ech_session_destroy(session);
    }
    ech_program_destroy(write);
    ech_program_destroy(attention);
    free(x), free(out), free(memory);
    return 0;
}
