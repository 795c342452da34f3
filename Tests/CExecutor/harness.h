/// Checks, random numbers, and tapes that build themselves, for the executor's C tests.
#ifndef ECHELON_TEST_HARNESS_H
#define ECHELON_TEST_HARNESS_H

#include "CExecutor.h"

#include <stdbool.h>
#include <stdint.h>

// MARK: Checks

/// Runs one test, and counts it as failed when a CHECK in it failed.
void run_test(const char *name, void (*body)(void));
/// Prints "N passed, N failed"; the program's exit status.
int tests_finished(void);
/// Records a failure of the running test, and prints the first few.
__attribute__((format(printf, 3, 4))) void check_failed(const char *file, int line, const char *format, ...);
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) check_failed(__FILE__, __LINE__, __VA_ARGS__);                                               \
    } while (0)
/// Whether got is within `tolerance`, relative to the larger of 1 and the expected value.
bool is_close(double got, double expected, double tolerance);

/// The instruction sets of this machine; returns their number.
int available_isas(int isas[ECH_ISA_COUNT]);

// MARK: Random numbers

uint32_t random_bits(void);
/// Uniform in 0 ..< limit.
int random_below(int limit);
/// Uniform in −1 ... 1.
float random_float(void);
float *random_floats(int64_t count);

/// To bf16, ties to even, and back.
uint16_t bf16_of(float value);
float float_of_bf16(uint16_t bf16);
float rounded_to_bf16(float value);

/// Replaces a row by what ECH_Q8 holds of it; finite rows only.
void round_to_q8(float *row, int width);
/// Replaces a `rows` × `columns` weight by what tape_weight stores of it in a format.
void round_weight(int format, int rows, int columns, float *data);
/// The element of the input that a product with a format's weights takes.
int input_element(int format);

// MARK: Tapes

enum { TAPE_LIMIT = 64 };

/// A function under construction with what its call needs. Everything that it allocates, tape_free frees.
typedef struct {
    ech_instruction instructions[TAPE_LIMIT];
    ech_buffer buffers[TAPE_LIMIT];
    ech_weight weights[TAPE_LIMIT];
    ech_cache caches[4];
    const void *parameters[TAPE_LIMIT];
    void *results[TAPE_LIMIT];
    void *owned[TAPE_LIMIT];
    int instruction_count, buffer_count, weight_count, cache_count, parameter_count, result_count, owned_count;
    int64_t arena_bytes;
} tape;

void tape_free(tape *tape);
// Each returns the index of a new buffer. Arena buffers never overlap.
int tape_arena(tape *tape, int element, int width);
int tape_parameter(tape *tape, int element, int width, const void *data);
int tape_result(tape *tape, int element, int width, void *data);
/// A weight of `rows` × `columns`, as f32 or rounded to bf16 or quantized, and packed; returns its index.
int tape_weight(tape *tape, int format, int rows, int columns, const float *data);
/// The frequencies of a rotary embedding of heads of `dim` columns: powers of a base.
int tape_frequencies(tape *tape, int dim, float base);
int tape_cache(tape *tape, int heads, int dim, bool recurrent);
/// A new instruction without operands, with a barrier; returned to be filled in.
ech_instruction *tape_add(tape *tape, int opcode);

/// A quantized weight's numbers: q of `rows` × `columns`, and scales: one a row in int8, one for each row's 32 columns
/// ([rows][columns / 32, rounded up], bf16 numbers) in int4.
typedef struct {
    int format, rows, columns;
    int8_t *q;
    float *scales;
} quantized_weight;

int scales_of_row(int format, int columns);
quantized_weight quantize_weight(int format, int rows, int columns, const float *data);
void free_quantized(quantized_weight *weight);
/// The layout of ECH_WEIGHT_INT8 or ECH_WEIGHT_INT4, aligned to 64 bytes.
void *pack_quantized(const quantized_weight *weight, int64_t *bytes);
int tape_quantized_weight(tape *tape, const quantized_weight *weight);

/// Writes a bf16 or q8 buffer to an f32 result of the same width, by a product with the identity matrix, which is
/// exact. With q8 the matrix is int4, whose products take values, scales and sums.
void tape_reveal(tape *tape, int buffer, int result);

ech_program *tape_program(const tape *tape, int isa);
/// A session whose caches are f32.
ech_session *tape_session(const tape *tape, int slots, int context, int budget);
ech_session *tape_session_in(const tape *tape, int slots, int context, int budget, int cache_format);
/// Creates the program and runs it once, in an arena of NaN; failures fail the test.
void tape_run(const tape *tape, int isa, ech_session *session, int rows, int recurrences, int threads);
/// As tape_run, in a session of its own with one slot of 64 positions.
void tape_run_alone(const tape *tape, int isa, int rows, int threads);

#endif
