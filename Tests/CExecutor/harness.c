#include "harness.h"

#include "executor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Checks

static int passed, failed, failures;
static const char *running = "";

void run_test(const char *name, void (*body)(void)) {
    running = name;
    failures = 0;
    body();
    if (failures) failed++;
    else passed++;
}

int tests_finished(void) {
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}

void check_failed(const char *file, int line, const char *format, ...) {
    const int most_printed = 5;
    if (++failures > most_printed) return;
    printf("FAILED %s (%s:%d): ", running, file, line);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

bool is_close(double got, double expected, double tolerance) {
    return fabs(got - expected) <= tolerance * fmax(1, fabs(expected));
}

int available_isas(int isas[4]) {
    int count = 0;
    for (int isa = ECH_ISA_PORTABLE; isa <= ECH_ISA_AMX; isa++)
        if (ech_isa_available(isa)) isas[count++] = isa;
    return count;
}

// MARK: Random numbers

// xorshift64* (Vigna, arXiv 1402.6246).
static uint64_t random_state = 88172645463325252u;

uint32_t random_bits(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 2685821657736338717u) >> 32);
}

int random_below(int limit) { return (int)(random_bits() % (uint32_t)limit); }

float random_float(void) { return (float)random_bits() / 2147483648.0f - 1.0f; }

float *random_floats(int64_t count) {
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) values[i] = random_float();
    return values;
}

uint16_t bf16_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float rounded_to_bf16(float value) {
    uint32_t bits = (uint32_t)bf16_of(value) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// MARK: Tapes

static void *own(tape *tape, void *memory) {
    if (tape->owned_count == TAPE_LIMIT) abort();
    return tape->owned[tape->owned_count++] = memory;
}

void tape_free(tape *tape) {
    for (int i = 0; i < tape->owned_count; i++) free(tape->owned[i]);
    memset(tape, 0, sizeof *tape);
}

static int add_buffer(tape *tape, ech_buffer buffer) {
    if (tape->buffer_count == TAPE_LIMIT) abort();
    tape->buffers[tape->buffer_count] = buffer;
    return tape->buffer_count++;
}

int tape_arena(tape *tape, int element, int width) {
    const int64_t bytes = element == ECH_BF16 ? (width + 31) / 32 * 64 : width * 4;
    const int64_t offset = tape->arena_bytes;
    tape->arena_bytes += (bytes + 63) / 64 * 64;
    return add_buffer(tape, (ech_buffer){element, width, ECH_ARENA, 0, offset});
}

int tape_parameter(tape *tape, int element, int width, const void *data) {
    tape->parameters[tape->parameter_count] = data;
    return add_buffer(tape, (ech_buffer){element, width, ECH_PARAMETER, tape->parameter_count++, 0});
}

int tape_result(tape *tape, int element, int width, void *data) {
    tape->results[tape->result_count] = data;
    return add_buffer(tape, (ech_buffer){element, width, ECH_RESULT, tape->result_count++, 0});
}

int tape_weight(tape *tape, int format, int rows, int columns, const float *data) {
    if (tape->weight_count == TAPE_LIMIT) abort();
    ech_weight weight = {NULL, (int64_t)rows * columns * 4, format, rows, columns};
    if (format == ECH_WEIGHT_F32) {
        float *copy = own(tape, malloc((size_t)weight.bytes));
        memcpy(copy, data, (size_t)weight.bytes);
        weight.data = copy;
    } else {
        const int64_t rows32 = (rows + 31) / 32 * 32, columns32 = (columns + 31) / 32 * 32;
        weight.bytes = rows32 * columns32 * 2;
        uint16_t *packed = own(tape, aligned_alloc(64, (size_t)weight.bytes));
        memset(packed, 0, (size_t)weight.bytes);
        for (int64_t n = 0; n < rows; n++)
            for (int64_t k = 0; k < columns; k++)
                packed[n / 32 * 32 * columns32 + k / 32 * 1024 + n % 32 / 16 * 512 + k % 32 / 2 * 32 + n % 16 * 2 +
                       k % 2] = bf16_of(data[n * columns + k]);
        weight.data = packed;
    }
    tape->weights[tape->weight_count] = weight;
    return tape->weight_count++;
}

int tape_cache(tape *tape, int heads, int dim, bool recurrent) {
    tape->caches[tape->cache_count] = (ech_cache){heads, dim, recurrent};
    return tape->cache_count++;
}

ech_instruction *tape_add(tape *tape, int opcode) {
    if (tape->instruction_count == TAPE_LIMIT) abort();
    ech_instruction *instruction = &tape->instructions[tape->instruction_count++];
    *instruction = (ech_instruction){
        .opcode = opcode,
        .barrier = 1,
        .in = {-1, -1, -1, -1},
        .out = {-1, -1},
        .weight = {-1, -1},
        .cache = -1,
    };
    return instruction;
}

void tape_reveal(tape *tape, int buffer, int result) {
    const int width = tape->buffers[buffer].width;
    float *identity = calloc((size_t)width * (size_t)width, sizeof *identity);
    for (int i = 0; i < width; i++) identity[i * width + i] = 1;
    ech_instruction *instruction = tape_add(tape, ECH_LINEAR);
    instruction->in[0] = buffer;
    instruction->out[0] = result;
    instruction->weight[0] = tape_weight(tape, ECH_WEIGHT_BF16, width, width, identity);
    free(identity);
}

ech_program *tape_program(const tape *tape, int isa) {
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program = ech_program_create(
        tape->instructions, tape->instruction_count, tape->buffers, tape->buffer_count, tape->weights,
        tape->weight_count, tape->caches, tape->cache_count, tape->parameter_count, tape->result_count,
        tape->arena_bytes, isa, message);
    CHECK(program, "%s", message);
    return program;
}

ech_session *tape_session(const tape *tape, int slots, int context, int budget) {
    char message[ECH_MESSAGE_SIZE] = "";
    ech_session *session = ech_session_create(tape->caches, tape->cache_count, slots, context, budget, message);
    CHECK(session, "%s", message);
    return session;
}

void tape_run(const tape *tape, int isa, ech_session *session, int rows, int recurrences, int threads) {
    ech_program *program = tape_program(tape, isa);
    if (!program || !session) return;
    char message[ECH_MESSAGE_SIZE] = "";
    const ech_call call = {.rows = rows, .recurrences = recurrences, .depth = recurrences,
                           .parameters = tape->parameters, .results = tape->results};
    // The arena begins as NaN, so that whatever is read without having been written shows.
    ech_arena arena;
    const bool prepared = ech_session_prepare(session, program, &call, threads, &arena, message);
    if (prepared) memset(session->arena.data, 0xff, (size_t)session->arena.bytes);
    const bool ran = prepared && ech_run(program, session, &call, threads, message);
    CHECK(ran, "%s", message);
    ech_program_destroy(program);
}

void tape_run_alone(const tape *tape, int isa, int rows, int threads) {
    ech_session *session = tape_session(tape, 1, 64, 1);
    tape_run(tape, isa, session, rows, 0, threads);
    ech_session_destroy(session);
}
