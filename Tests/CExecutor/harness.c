/// Checks, random numbers, and tapes that build themselves.
#include "harness.h"

#include "core/session.h"

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
    const int max_printed = 5;
    if (++failures > max_printed) return;
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

int available_isas(int isas[ECH_ISA_COUNT]) {
    int count = 0;
    for (int isa = ECH_ISA_PORTABLE; isa < ECH_ISA_COUNT; isa++)
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

float float_of_bf16(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float rounded_to_bf16(float value) { return float_of_bf16(bf16_of(value)); }

// MARK: Quantized rows and weights

void round_to_q8(float *row, int width) {
    float largest = 0;
    for (int j = 0; j < width; j++) largest = fmaxf(largest, fabsf(row[j]));
    const float inverse = 127 / largest, scale = isfinite(inverse) ? largest / 127 : 0;
    for (int j = 0; j < width; j++) row[j] = isfinite(inverse) ? rintf(row[j] * inverse) * scale : 0;
}

int scales_of_row(int format, int columns) { return format == ECH_WEIGHT_INT8 ? 1 : (columns + 31) / 32; }

quantized_weight quantize_weight(int format, int rows, int columns, const float *data) {
    const int scales = scales_of_row(format, columns), max_q = format == ECH_WEIGHT_INT8 ? 127 : 7;
    quantized_weight weight = {format, rows, columns, malloc((size_t)rows * (size_t)columns),
                               malloc((size_t)rows * (size_t)scales * sizeof(float))};
    for (int n = 0; n < rows; n++)
        for (int g = 0; g < scales; g++) {
            const int begin = g * 32, end = format == ECH_WEIGHT_INT8 || begin + 32 > columns ? columns : begin + 32;
            float largest = 0;
            for (int k = begin; k < end; k++) largest = fmaxf(largest, fabsf(data[n * columns + k]));
            float scale = largest / (float)max_q;
            if (format == ECH_WEIGHT_INT4) scale = rounded_to_bf16(scale);
            weight.scales[n * scales + g] = scale;
            for (int k = begin; k < end; k++) {
                const float q = scale == 0 ? 0 : rintf(data[n * columns + k] / scale);
                weight.q[n * columns + k] = (int8_t)fmaxf(fminf(q, (float)max_q), (float)-max_q);
            }
        }
    return weight;
}

void free_quantized(quantized_weight *weight) {
    free(weight->q);
    free(weight->scales);
}

void *pack_quantized(const quantized_weight *weight, int64_t *bytes) {
    const int64_t rows32 = (weight->rows + 31) / 32 * 32, columns64 = (weight->columns + 63) / 64 * 64;
    const bool int8 = weight->format == ECH_WEIGHT_INT8;
    *bytes = int8 ? rows32 * columns64 + rows32 * 4 : rows32 / 32 * (columns64 / 64) * 1152;
    uint8_t *packed = aligned_alloc(64, (size_t)(*bytes + 63) / 64 * 64);
    memset(packed, 0, (size_t)*bytes);
    float *row_scales = (float *)(packed + rows32 * columns64);
    if (!int8)
        for (int64_t block = 0; block < *bytes; block += 1152) memset(packed + block, 0x88, 1024);
    const int scales = scales_of_row(weight->format, weight->columns);
    for (int64_t n = 0; n < weight->rows; n++) {
        if (int8) row_scales[n] = weight->scales[n];
        for (int64_t k = 0; k < weight->columns; k++) {
            const int8_t q = weight->q[n * weight->columns + k];
            if (int8) {
                packed[n / 32 * 32 * columns64 + k / 64 * 2048 + n % 32 / 16 * 1024 + k % 64 / 4 * 64 + n % 16 * 4 +
                       k % 4] = (uint8_t)q;
                continue;
            }
            uint8_t *block = packed + (n / 32 * (columns64 / 64) + k / 64) * 1152;
            const int64_t group = k % 64 / 32;
            uint8_t *byte = block + n % 32 / 16 * 512 + k % 32 / 4 * 64 + n % 16 * 4 + k % 4;
            *byte = (uint8_t)(group ? (*byte & 15) | (q + 8) << 4 : (*byte & 0xf0) | (q + 8));
            const uint16_t scale = bf16_of(weight->scales[n * scales + k / 32]);
            memcpy(block + 1024 + group * 64 + n % 32 * 2, &scale, sizeof scale);
        }
    }
    return packed;
}

void round_weight(int format, int rows, int columns, float *data) {
    if (format == ECH_WEIGHT_BF16)
        for (int64_t i = 0; i < (int64_t)rows * columns; i++) data[i] = rounded_to_bf16(data[i]);
    if (format != ECH_WEIGHT_INT8 && format != ECH_WEIGHT_INT4) return;
    quantized_weight weight = quantize_weight(format, rows, columns, data);
    const int scales = scales_of_row(format, columns);
    for (int n = 0; n < rows; n++)
        for (int k = 0; k < columns; k++)
            data[n * columns + k] =
                (float)weight.q[n * columns + k] * weight.scales[n * scales + (scales > 1 ? k / 32 : 0)];
    free_quantized(&weight);
}

int input_element(int format) {
    switch (format) {
    case ECH_WEIGHT_F32: return ECH_F32;
    case ECH_WEIGHT_BF16: return ECH_BF16;
    default: return ECH_Q8;
    }
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
    const int64_t columns64 = (width + 63) / 64 * 64;
    const int64_t bytes = element == ECH_BF16 ? (width + 31) / 32 * 64
                          : element == ECH_Q8 ? columns64 + 64 + columns64 / 8
                                              : width * 4;
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

static int add_weight(tape *tape, ech_weight weight) {
    if (tape->weight_count == TAPE_LIMIT) abort();
    tape->weights[tape->weight_count] = weight;
    return tape->weight_count++;
}

int tape_quantized_weight(tape *tape, const quantized_weight *weight) {
    int64_t bytes;
    void *packed = own(tape, pack_quantized(weight, &bytes));
    return add_weight(tape, (ech_weight){packed, bytes, weight->format, weight->rows, weight->columns});
}

int tape_weight(tape *tape, int format, int rows, int columns, const float *data) {
    if (format == ECH_WEIGHT_INT8 || format == ECH_WEIGHT_INT4) {
        quantized_weight quantized = quantize_weight(format, rows, columns, data);
        const int index = tape_quantized_weight(tape, &quantized);
        free_quantized(&quantized);
        return index;
    }
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
    return add_weight(tape, weight);
}

int tape_frequencies(tape *tape, int dim, float base) {
    float *frequencies = malloc((size_t)dim / 2 * sizeof *frequencies);
    for (int j = 0; j < dim / 2; j++) frequencies[j] = 1 / powf(base, (float)(2 * j) / (float)dim);
    const int index = tape_weight(tape, ECH_WEIGHT_F32, 1, dim / 2, frequencies);
    free(frequencies);
    return index;
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
        .in = {-1, -1, -1, -1, -1},
        .out = {-1, -1},
        .weight = {-1, -1, -1},
        .cache = -1,
    };
    return instruction;
}

static int int4_identity_weight(tape *tape, int width) {
    const int scales = scales_of_row(ECH_WEIGHT_INT4, width);
    quantized_weight weight = {ECH_WEIGHT_INT4, width, width, calloc((size_t)width, (size_t)width),
                               malloc((size_t)width * (size_t)scales * sizeof(float))};
    for (int i = 0; i < width; i++) weight.q[i * width + i] = 1;
    for (int i = 0; i < width * scales; i++) weight.scales[i] = 1;
    const int index = tape_quantized_weight(tape, &weight);
    free_quantized(&weight);
    return index;
}

static int bf16_identity_weight(tape *tape, int width) {
    float *identity = calloc((size_t)width * (size_t)width, sizeof *identity);
    for (int i = 0; i < width; i++) identity[i * width + i] = 1;
    const int index = tape_weight(tape, ECH_WEIGHT_BF16, width, width, identity);
    free(identity);
    return index;
}

void tape_reveal(tape *tape, int buffer, int result) {
    const int width = tape->buffers[buffer].width;
    ech_instruction *instruction = tape_add(tape, ECH_LINEAR);
    instruction->in[0] = buffer;
    instruction->out[0] = result;
    const bool q8 = tape->buffers[buffer].element == ECH_Q8;
    instruction->weight[0] = q8 ? int4_identity_weight(tape, width) : bf16_identity_weight(tape, width);
}

ech_program *tape_program(const tape *tape, int isa) {
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program =
        ech_program_create(tape->instructions, tape->instruction_count, tape->buffers, tape->buffer_count,
                           tape->weights, tape->weight_count, tape->caches, tape->cache_count, tape->parameter_count,
                           tape->result_count, tape->arena_bytes, isa, message);
    CHECK(program, "%s", message);
    return program;
}

ech_session *tape_session(const tape *tape, int slots, int context, int budget) {
    return tape_session_in(tape, slots, context, budget, ECH_CACHE_F32);
}

ech_session *tape_session_in(const tape *tape, int slots, int context, int budget, int cache_format) {
    char message[ECH_MESSAGE_SIZE] = "";
    ech_session *session =
        ech_session_create(tape->caches, tape->cache_count, slots, context, budget, cache_format, message);
    CHECK(session, "%s", message);
    return session;
}

void tape_run(const tape *tape, int isa, ech_session *session, int rows, int recurrences, int threads) {
    ech_program *program = tape_program(tape, isa);
    if (!program || !session) return;
    char message[ECH_MESSAGE_SIZE] = "";
    const ech_call call = {
        .rows = rows, .recurrences = recurrences, .parameters = tape->parameters, .results = tape->results};
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
