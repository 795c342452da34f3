/// Plans come from files and calls from samplers: each kind of mistake in them is refused with a sentence, and tapes
/// damaged at random never crash.
#include "harness.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 40, HEADS = 3, DIM = 10, WIDTH = HEADS * DIM, INNER = 45, CONTEXT = 24, SLOTS = 2, BUDGET = 2 };

/// A small model with every opcode. Parameters: 0 tokens, 1 slots, 2 positions, 3 state, 4 p, 5 q, 6 depths. Results: 0
/// state, 1 difference, 2 tokens, 3 logits, 4 tokens.
enum part {
    EMBED,
    REPEAT,
    PROJECT,
    ATTENTION,
    MLP,
    HEAD,
    MIX,
    SLICE,
    CONCAT,
    WRITE,
    ROPE,
    BIAS,
    CONVERT,
    NORM_ADD,
    NORM_ADD_KEEP_NORM,
    START,
    PART_COUNT
};

typedef struct {
    tape t;
    int at[PART_COUNT]; ///< instruction numbers
} every_opcode;

static ech_instruction *add(tape *t, int opcode, int in0, int in1, int out0, int weight0) {
    ech_instruction *instruction = tape_add(t, opcode);
    instruction->in[0] = in0;
    instruction->in[1] = in1;
    instruction->out[0] = out0;
    instruction->weight[0] = weight0;
    instruction->f0 = 1e-5f;
    return instruction;
}

static every_opcode build(int format) {
    every_opcode e = {0};
    tape *t = &e.t;
    const int tokens = tape_parameter(t, ECH_I32, 1, NULL), slots = tape_parameter(t, ECH_I32, 1, NULL);
    const int positions = tape_parameter(t, ECH_I32, 1, NULL), state = tape_parameter(t, ECH_F32, WIDTH, NULL);
    const int p = tape_parameter(t, ECH_F32, 1, NULL), q = tape_parameter(t, ECH_F32, 1, NULL);
    const int out = tape_result(t, ECH_F32, WIDTH, NULL), difference = tape_result(t, ECH_F32, 1, NULL);
    const int next = tape_result(t, ECH_I32, 1, NULL), logits = tape_result(t, ECH_F32, TOKENS, NULL);
    const int again = tape_result(t, ECH_I32, 1, NULL);
    const int depths = tape_parameter(t, ECH_I32, 1, NULL);
    const int narrow = input_element(format);
    // Work that is split over columns writes no q8: a conversion follows it.
    const int by_columns = narrow == ECH_Q8 ? ECH_F32 : narrow;
    const int x = tape_arena(t, ECH_F32, WIDTH), y = tape_arena(t, ECH_F32, WIDTH), z = tape_arena(t, ECH_F32, WIDTH);
    const int nx = tape_arena(t, narrow, WIDTH), queries = tape_arena(t, ECH_F32, WIDTH);
    const int inner = tape_arena(t, by_columns, INNER), wide = tape_arena(t, ECH_F32, 2 * WIDTH);
    const int attended = tape_arena(t, by_columns, WIDTH);
    const int narrow_inner = narrow == by_columns ? inner : tape_arena(t, narrow, INNER);
    const int narrow_attended = narrow == by_columns ? attended : tape_arena(t, narrow, WIDTH);
    const int cache = tape_cache(t, HEADS, DIM, true), plain = tape_cache(t, HEADS, DIM, false);
    float *w = random_floats(2 * INNER * WIDTH + TOKENS * WIDTH);
    const int embedding = tape_weight(t, format, TOKENS, WIDTH, w), norm = tape_weight(t, ECH_WEIGHT_F32, 1, WIDTH, w);
    const int qkv = tape_weight(t, format, 3 * WIDTH, WIDTH, w);
    const int qk_bias = tape_weight(t, ECH_WEIGHT_F32, 1, 2 * WIDTH, w);
    const int gate = tape_weight(t, format, 2 * INNER, WIDTH, w), down = tape_weight(t, format, WIDTH, INNER, w);
    const int square = tape_weight(t, format, WIDTH, WIDTH, w);
    const int frequencies = tape_frequencies(t, DIM, 10000), other_frequencies = tape_frequencies(t, DIM, 500);
    free(w);

    e.at[EMBED] = t->instruction_count;
    add(t, ECH_EMBED, tokens, -1, x, embedding);
    e.at[MIX] = t->instruction_count;
    ech_instruction *mix = add(t, ECH_MIX, x, state, y, -1);
    mix->in[2] = p;
    mix->in[3] = q;
    e.at[REPEAT] = t->instruction_count;
    ech_instruction *repeat = add(t, ECH_REPEAT, -1, -1, -1, -1);
    add(t, ECH_NORM, y, -1, nx, norm);
    e.at[PROJECT] = t->instruction_count;
    ech_instruction *project = add(t, ECH_PROJECT_ROPE_WRITE, nx, slots, queries, qkv);
    project->in[2] = positions;
    project->in[3] = depths;
    project->weight[1] = frequencies;
    project->weight[2] = qk_bias;
    project->cache = cache;
    project->i0 = HEADS;
    project->f0 = 1;
    project->recurrence = -1;
    e.at[ATTENTION] = t->instruction_count;
    ech_instruction *attention = add(t, ECH_WAVEFRONT_ATTENTION, queries, slots, attended, -1);
    attention->in[2] = positions;
    attention->in[3] = depths;
    attention->cache = cache;
    attention->i0 = HEADS;
    attention->recurrence = -1;
    if (narrow_attended != attended) add(t, ECH_CONVERT, attended, -1, narrow_attended, -1);
    add(t, ECH_LINEAR, narrow_attended, -1, z, square);
    ech_instruction *norms = add(t, ECH_ADD_NORM_NORM, y, z, x, norm);
    norms->out[1] = nx;
    norms->weight[1] = norm;
    e.at[MLP] = t->instruction_count;
    add(t, ECH_LINEAR_SILU_GATE, nx, -1, inner, gate);
    if (narrow_inner != inner) add(t, ECH_CONVERT, inner, -1, narrow_inner, -1);
    add(t, ECH_LINEAR, narrow_inner, -1, z, down);
    add(t, ECH_ADD_NORM, x, z, y, norm);
    repeat->i0 = t->instruction_count - e.at[REPEAT] - 1;
    add(t, ECH_RELATIVE_DIFFERENCE, x, y, difference, -1);
    e.at[CONCAT] = t->instruction_count;
    add(t, ECH_CONCAT, x, y, wide, -1);
    e.at[BIAS] = t->instruction_count;
    add(t, ECH_BIAS, wide, -1, wide, qk_bias);
    e.at[SLICE] = t->instruction_count;
    ech_instruction *slice = add(t, ECH_SLICE, wide, -1, z, -1);
    slice->i0 = 7;
    slice->i1 = 7 + WIDTH;
    e.at[ROPE] = t->instruction_count;
    ech_instruction *rope = add(t, ECH_ROPE, z, positions, queries, other_frequencies);
    rope->i0 = HEADS;
    rope->f0 = 1.5f;
    e.at[WRITE] = t->instruction_count;
    ech_instruction *write = add(t, ECH_CACHE_WRITE, queries, z, -1, -1);
    write->in[2] = slots;
    write->in[3] = positions;
    write->in[4] = depths;
    write->cache = plain;
    const int all = tape_arena(t, ECH_F32, 3 * WIDTH);
    add(t, ECH_CONCAT, wide, z, all, -1);
    ech_instruction *normed = add(t, ECH_NORM_ROPE_WRITE, all, slots, queries, norm);
    normed->in[2] = positions;
    normed->in[3] = depths;
    normed->weight[1] = norm;
    normed->weight[2] = frequencies;
    normed->cache = plain;
    normed->i0 = HEADS;
    normed->f0 = 1e-5f;
    add(t, ECH_SIGMOID, z, -1, z, -1);
    add(t, ECH_SILU, z, -1, x, -1);
    add(t, ECH_MULTIPLY, x, z, x, -1);
    add(t, ECH_ADD, x, y, out, -1);
    ech_instruction *keep = add(t, ECH_ADD_KEEP_NORM, x, y, z, norm);
    keep->out[1] = nx;
    e.at[NORM_ADD] = t->instruction_count;
    add(t, ECH_NORM_ADD, y, x, z, norm);
    e.at[NORM_ADD_KEEP_NORM] = t->instruction_count;
    ech_instruction *sandwich = add(t, ECH_NORM_ADD_KEEP_NORM, z, x, z, norm);
    sandwich->out[1] = nx;
    sandwich->weight[1] = norm;
    e.at[START] = t->instruction_count;
    add(t, ECH_START, z, x, z, -1)->in[2] = depths;
    e.at[CONVERT] = -1;
    if (narrow != ECH_F32) {
        e.at[CONVERT] = t->instruction_count;
        add(t, ECH_CONVERT, z, -1, narrow_attended, -1);
        add(t, ECH_COPY, narrow_attended, -1, nx, -1);
    }
    e.at[HEAD] = t->instruction_count;
    add(t, ECH_LINEAR_ARGMAX, nx, -1, next, embedding);
    add(t, ECH_LINEAR, nx, -1, logits, embedding);
    add(t, ECH_ARGMAX, logits, -1, again, -1);
    return e;
}

static ech_program *create(const tape *t, char *message) {
    memset(message, 0, ECH_MESSAGE_SIZE);
    int isas[ECH_ISA_COUNT];
    return ech_program_create(t->instructions, t->instruction_count, t->buffers, t->buffer_count, t->weights,
                              t->weight_count, t->caches, t->cache_count, t->parameter_count, t->result_count,
                              t->arena_bytes, isas[random_below(available_isas(isas))], message);
}

static bool is_sentence(const char *message) {
    const size_t length = strlen(message);
    return length > 20 && length < ECH_MESSAGE_SIZE && (message[length - 1] == '.' || length == ECH_MESSAGE_SIZE - 1);
}

// MARK: Calls

/// Memory for a call of any tape over `rows` rows, exactly as large as its buffers say.
typedef struct {
    void *parameters[TAPE_LIMIT], *results[TAPE_LIMIT];
} call_memory;

static call_memory new_call(const tape *t, int rows) {
    call_memory m = {0};
    for (int i = 0; i < t->buffer_count; i++) {
        const ech_buffer *buffer = &t->buffers[i];
        if (buffer->storage == ECH_ARENA) continue;
        void **memory = buffer->storage == ECH_PARAMETER ? &m.parameters[buffer->index] : &m.results[buffer->index];
        if (*memory) continue;
        const int64_t count = (int64_t)rows * buffer->width;
        *memory = malloc((size_t)count * 4);
        for (int64_t j = 0; j < count; j++) {
            // Parameter 1 has the slots, and parameter 6 the depths; tokens and positions count up.
            const int32_t number = (int32_t)(buffer->index == 1   ? j % SLOTS
                                             : buffer->index == 6 ? 3 - 3 * j / count
                                                                  : j / SLOTS);
            if (buffer->element == ECH_I32) ((int32_t *)*memory)[j] = number;
            else ((float *)*memory)[j] = random_float();
        }
    }
    return m;
}

static void free_call(call_memory *m) {
    for (int i = 0; i < TAPE_LIMIT; i++) {
        free(m->parameters[i]);
        free(m->results[i]);
    }
}

static bool run(const ech_program *program, ech_session *session, const call_memory *m, int rows, int recurrences,
                int threads, char *message) {
    memset(message, 0, ECH_MESSAGE_SIZE);
    const ech_call call = {.rows = rows,
                           .recurrences = recurrences,
                           .parameters = (const void *const *)m->parameters,
                           .results = m->results};
    return ech_run(program, session, &call, threads, message);
}

static void test_every_opcode_runs(void) {
    char message[ECH_MESSAGE_SIZE];
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++) {
        every_opcode e = build(format);
        bool seen[ECH_OPCODE_COUNT] = {false};
        for (int i = 0; i < e.t.instruction_count; i++) seen[e.t.instructions[i].opcode] = true;
        for (int opcode = 0; opcode < ECH_OPCODE_COUNT; opcode++)
            CHECK(seen[opcode] || format == ECH_WEIGHT_F32, "opcode %d is not in the tape", opcode);
        ech_program *program = create(&e.t, message);
        CHECK(program, "%s", message);
        ech_session *session = tape_session(&e.t, SLOTS, CONTEXT, BUDGET);
        for (int rows = 1; rows <= 2 * CONTEXT; rows += 9) {
            call_memory m = new_call(&e.t, rows);
            CHECK(run(program, session, &m, rows, rows % 4, 1 + rows % 3, message), "%s", message);
            for (int i = 0; i < rows; i++) {
                int32_t fused = ((int32_t *)m.results[2])[i], plain = ((int32_t *)m.results[4])[i];
                CHECK(fused == plain, "row %d: linear_argmax gives %d, linear and argmax %d", i, fused, plain);
                for (int j = 0; j < WIDTH; j++)
                    CHECK(isfinite(((float *)m.results[0])[i * WIDTH + j]), "row %d, column %d is not finite", i, j);
            }
            free_call(&m);
        }
        ech_session_destroy(session);
        ech_program_destroy(program);
        tape_free(&e.t);
    }
}

static void test_bad_calls(void) {
    char message[ECH_MESSAGE_SIZE];
    every_opcode e = build(ECH_WEIGHT_BF16);
    ech_program *program = create(&e.t, message);
    ech_session *session = tape_session(&e.t, SLOTS, CONTEXT, BUDGET);
    enum { ROWS = 6 };
    call_memory m = new_call(&e.t, ROWS);
    int32_t *depths = m.parameters[6];
    memset(depths, 0, ROWS * sizeof *depths); // a row of another depth would read entries of earlier calls
    CHECK(run(program, session, &m, ROWS, 2, 2, message), "%s", message);
    float known[ROWS * WIDTH];
    memcpy(known, m.results[0], sizeof known);
#define REFUSED(rows, recurrences, threads)                                                                            \
    CHECK(!run(program, session, &m, rows, recurrences, threads, message) && is_sentence(message), "\"%s\"", message)
    REFUSED(0, 2, 1);
    REFUSED(-1, 2, 1);
    REFUSED(INT_MAX, 2, 1);
    REFUSED(ROWS, -1, 1);
    REFUSED(ROWS, 2, 0);
    REFUSED(ROWS, 2, INT_MAX);
    static const int limits[] = {TOKENS, SLOTS, CONTEXT};
    for (int parameter = 0; parameter < 3; parameter++) {
        int32_t *values = m.parameters[parameter];
        const int32_t kept = values[ROWS - 1], bad[] = {limits[parameter], -1, INT_MAX, INT_MIN};
        for (int k = 0; k < 4; k++) {
            values[ROWS - 1] = bad[k];
            REFUSED(ROWS, 2, 1);
        }
        values[ROWS - 1] = kept;
    }
    int32_t *slots = m.parameters[1], *positions = m.parameters[2];
    const int32_t slot = slots[5], position = positions[5];
    slots[5] = slots[2];
    positions[5] = positions[2];
    REFUSED(ROWS, 2, 1);
    CHECK(strstr(message, "Row 5"), "\"%s\" does not name the row", message);
    slots[5] = slot;
    positions[5] = position;
    static const int bad_depths[] = {-1, INT_MAX, INT_MAX - 1, INT_MIN};
    for (int k = 0; k < 4; k++) {
        depths[0] = bad_depths[k];
        REFUSED(ROWS, 2, 1);
        CHECK(strstr(message, "depth"), "\"%s\" does not name the depth", message);
    }
    depths[0] = 0;
    // Rows 1, 3 and 5 are positions 0, 1 and 2 of slot 1.
    depths[5] = 1;
    REFUSED(ROWS, 2, 1);
    CHECK(strstr(message, "Row 5 of the call has slot 1, position 2 and depth") && strstr(message, "position 1 has"),
          "\"%s\" does not name the rows", message);
    depths[5] = 0;
    void *kept = m.parameters[3];
    m.parameters[3] = NULL;
    REFUSED(ROWS, 2, 1);
    m.parameters[3] = kept;
    kept = m.results[1];
    m.results[1] = NULL;
    REFUSED(ROWS, 2, 1);
    m.results[1] = kept;
    // None of that changed the caches: the same call gives the same state.
    CHECK(run(program, session, &m, ROWS, 2, 1, message), "%s", message);
    CHECK(memcmp(known, m.results[0], sizeof known) == 0, "the state differs after refused calls");

    ech_cache wrong[2] = {e.t.caches[1], e.t.caches[0]};
    ech_session *others = ech_session_create(wrong, 2, SLOTS, CONTEXT, BUDGET, ECH_CACHE_F32, message);
    CHECK(!run(program, others, &m, ROWS, 2, 1, message) && is_sentence(message), "\"%s\"", message);
    ech_session_destroy(others);
    others = ech_session_create(wrong, 1, SLOTS, CONTEXT, BUDGET, ECH_CACHE_F32, message);
    CHECK(!run(program, others, &m, ROWS, 2, 1, message) && is_sentence(message), "\"%s\"", message);
    ech_session_destroy(others);
    free_call(&m);
    ech_session_destroy(session);
    ech_program_destroy(program);
    tape_free(&e.t);
}

static void test_bad_sessions(void) {
    const ech_cache fine = {2, 16, 1}, no_heads = {0, 16, 1}, negative = {2, -16, 1}, huge = {INT_MAX, INT_MAX, 1};
    const struct {
        const ech_cache *cache;
        int count, slots, context, budget, format;
    } cases[] = {
        {&fine, 1, 0, 8, 1, ECH_CACHE_F32},
        {&fine, 1, 1, 0, 1, ECH_CACHE_F32},
        {&fine, 1, 1, 8, 0, ECH_CACHE_F32},
        {&fine, -1, 1, 8, 1, ECH_CACHE_F32},
        {NULL, 1, 1, 8, 1, ECH_CACHE_F32},
        {&no_heads, 1, 1, 8, 1, ECH_CACHE_F32},
        {&negative, 1, 1, 8, 1, ECH_CACHE_F32},
        {&huge, 1, 1, 8, 1, ECH_CACHE_F32},
        {&fine, 1, INT_MAX, INT_MAX, INT_MAX, ECH_CACHE_BF16},
        {&fine, 1, 1 << 20, 1 << 20, 4, ECH_CACHE_F32},
        {&fine, 1, 1, 8, 1, -1},
        {&fine, 1, 1, 8, 1, ECH_CACHE_FORMAT_COUNT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[ECH_MESSAGE_SIZE] = "";
        ech_session *session = ech_session_create(cases[i].cache, cases[i].count, cases[i].slots, cases[i].context,
                                                  cases[i].budget, cases[i].format, message);
        CHECK(!session && is_sentence(message), "case %zu: \"%s\"", i, message);
        ech_session_destroy(session);
    }
}

// MARK: Tapes

static every_opcode e;

static void refused(const char *what) {
    char message[ECH_MESSAGE_SIZE];
    ech_program *program = create(&e.t, message);
    CHECK(!program, "%s was accepted", what);
    CHECK(program || is_sentence(message), "%s: \"%s\"", what, message);
    ech_program_destroy(program);
}

/// The tape with one thing changed is refused; then it is changed back.
#define REFUSED_WITH(place, value)                                                                                     \
    do {                                                                                                               \
        __typeof__(place) kept = place;                                                                                \
        place = value;                                                                                                 \
        refused(#place " = " #value);                                                                                  \
        place = kept;                                                                                                  \
    } while (0)
#define AT(part) e.t.instructions[e.at[part]]

static void test_bad_tapes(void) {
    for (int format = ECH_WEIGHT_F32; format <= ECH_WEIGHT_INT4; format++) {
        e = build(format);
        REFUSED_WITH(AT(EMBED).opcode, -1);
        REFUSED_WITH(AT(EMBED).opcode, ECH_OPCODE_COUNT);
        REFUSED_WITH(AT(EMBED).in[0], -1);
        REFUSED_WITH(AT(EMBED).in[0], e.t.buffer_count);
        REFUSED_WITH(AT(EMBED).in[0], 3);  // a parameter, but f32
        REFUSED_WITH(AT(EMBED).in[1], 0);  // an operand too many
        REFUSED_WITH(AT(EMBED).out[0], 0); // a parameter
        REFUSED_WITH(AT(EMBED).out[0], 9); // of another width
        REFUSED_WITH(AT(EMBED).weight[0], e.t.weight_count);
        REFUSED_WITH(AT(EMBED).weight[0], -1);
        REFUSED_WITH(AT(EMBED).f0, NAN);
        REFUSED_WITH(AT(EMBED).cache, 0);
        REFUSED_WITH(AT(MIX).in[2], 3); // not of width 1
        REFUSED_WITH(AT(REPEAT).i0, 0);
        REFUSED_WITH(AT(REPEAT).i0, -1);
        REFUSED_WITH(AT(REPEAT).i0, e.t.instruction_count);
        REFUSED_WITH(AT(REPEAT).i0, INT_MAX);
        REFUSED_WITH(AT(REPEAT).i0, 1);    // the recurrences of what follows have no loop
        REFUSED_WITH(AT(MLP), AT(REPEAT)); // nested
        REFUSED_WITH(AT(PROJECT).i0, HEADS + 1);
        REFUSED_WITH(AT(PROJECT).i0, 2 * HEADS); // the weight has outputs for HEADS heads
        REFUSED_WITH(AT(PROJECT).i0, INT_MAX);
        REFUSED_WITH(AT(PROJECT).f0, 0);
        REFUSED_WITH(AT(PROJECT).f0, INFINITY);
        REFUSED_WITH(AT(PROJECT).cache, -1);
        REFUSED_WITH(AT(PROJECT).cache, 2);
        REFUSED_WITH(AT(PROJECT).recurrence, -2);
        REFUSED_WITH(AT(PROJECT).weight[1], 1);
        REFUSED_WITH(AT(PROJECT).weight[1], -1);
        REFUSED_WITH(AT(PROJECT).weight[2], 1); // of another width than the bias
        REFUSED_WITH(AT(PROJECT).weight[2], 0); // no vector, or of another width
        REFUSED_WITH(AT(PROJECT).weight[2], -2);
        REFUSED_WITH(AT(PROJECT).weight[2], e.t.weight_count);
        REFUSED_WITH(AT(ROPE).weight[0], -1);
        REFUSED_WITH(AT(ROPE).weight[0], 1);
        REFUSED_WITH(AT(ROPE).weight[1], 1);
        REFUSED_WITH(AT(ROPE).f0, 0);
        REFUSED_WITH(AT(ROPE).f0, NAN);
        REFUSED_WITH(AT(PROJECT).weight[0], 6);
        REFUSED_WITH(AT(ATTENTION).in[1], 2); // slots from another parameter than before
        REFUSED_WITH(AT(ATTENTION).in[3], 1); // depths from another parameter than before
        REFUSED_WITH(AT(ATTENTION).in[3], -1);
        REFUSED_WITH(AT(ATTENTION).in[4], 1);
        REFUSED_WITH(AT(WRITE).in[4], 3); // not indices
        REFUSED_WITH(AT(WRITE).in[4], -1);
        REFUSED_WITH(AT(PROJECT).in[3], e.t.buffer_count);
        REFUSED_WITH(AT(ATTENTION).i0, 1);
        REFUSED_WITH(AT(ATTENTION).i0, 0);
        REFUSED_WITH(AT(ATTENTION).i0, 2 * HEADS);
        REFUSED_WITH(AT(ATTENTION).i0, INT_MIN);
        REFUSED_WITH(AT(MLP).out[0], 12);
        REFUSED_WITH(AT(MLP).weight[0], 5);
        REFUSED_WITH(AT(MLP).in[0], 0);
        REFUSED_WITH(AT(SLICE).i0, -1);
        REFUSED_WITH(AT(SLICE).i1, INT_MAX);
        REFUSED_WITH(AT(SLICE).i1, 7);
        REFUSED_WITH(AT(ROPE).i0, 0);
        REFUSED_WITH(AT(ROPE).i0, 7);     // does not divide the width
        REFUSED_WITH(AT(ROPE).i0, WIDTH); // heads of one column
        REFUSED_WITH(AT(BIAS).weight[0], 1);
        REFUSED_WITH(AT(HEAD).out[0], 0);
        REFUSED_WITH(AT(START).in[2], 1); // depths from another parameter than before
        REFUSED_WITH(AT(START).in[2], 4); // not indices
        REFUSED_WITH(AT(START).in[1], AT(CONCAT).out[0]);
        REFUSED_WITH(AT(START).out[0], AT(CONCAT).out[0]);
        REFUSED_WITH(AT(NORM_ADD).weight[0], 3); // of another width
        REFUSED_WITH(AT(NORM_ADD).in[1], AT(CONCAT).out[0]);
        REFUSED_WITH(AT(NORM_ADD).out[0], AT(CONCAT).out[0]);
        REFUSED_WITH(AT(NORM_ADD).f0, -1);
        REFUSED_WITH(AT(NORM_ADD_KEEP_NORM).out[1], AT(CONCAT).out[0]);
        REFUSED_WITH(AT(NORM_ADD_KEEP_NORM).weight[1], 3);
        REFUSED_WITH(AT(NORM_ADD_KEEP_NORM).weight[1], -1);
        REFUSED_WITH(e.t.buffers[12].offset_per_row, -64);
        REFUSED_WITH(e.t.buffers[12].offset_per_row, 32);
        REFUSED_WITH(e.t.buffers[12].offset_per_row, e.t.arena_bytes);
        REFUSED_WITH(e.t.buffers[12].offset_per_row, INT64_MAX - 63);
        REFUSED_WITH(e.t.buffers[12].width, 0);
        REFUSED_WITH(e.t.buffers[12].width, INT_MAX);
        REFUSED_WITH(e.t.buffers[12].element, 4);
        REFUSED_WITH(e.t.buffers[12].storage, 3);
        REFUSED_WITH(e.t.buffers[3].index, e.t.parameter_count);
        REFUSED_WITH(e.t.buffers[3].index, -1);
        REFUSED_WITH(e.t.buffers[3].index, 0); // one parameter of two types
        REFUSED_WITH(e.t.buffers[3].element, ECH_BF16);
        REFUSED_WITH(e.t.buffers[3].element, ECH_Q8);
        REFUSED_WITH(e.t.weights[0].bytes, 0);
        REFUSED_WITH(e.t.weights[0].bytes, INT64_MAX);
        REFUSED_WITH(e.t.weights[0].rows, INT_MAX);
        REFUSED_WITH(e.t.weights[0].columns, -1);
        for (int other = -1; other <= ECH_WEIGHT_INT4 + 1; other++)
            if (other != format) REFUSED_WITH(e.t.weights[0].format, other);
        REFUSED_WITH(e.t.weights[0].data, NULL);
        REFUSED_WITH(e.t.weights[0].data, (const char *)e.t.weights[0].data + 2);
        REFUSED_WITH(e.t.caches[0].heads, 0);
        REFUSED_WITH(e.t.caches[0].dim, INT_MAX);
        REFUSED_WITH(e.t.arena_bytes, 0);
        REFUSED_WITH(e.t.arena_bytes, INT64_MAX);
        REFUSED_WITH(e.t.parameter_count, -1);
        REFUSED_WITH(e.t.result_count, INT_MAX);
        REFUSED_WITH(e.t.instruction_count, -1);
        REFUSED_WITH(e.t.buffer_count, INT_MAX);
        REFUSED_WITH(e.t.instruction_count, e.at[REPEAT] + 2); // cut inside the loop
        char message[ECH_MESSAGE_SIZE];
        CHECK(!ech_program_create(NULL, 3, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, ECH_ISA_PORTABLE, message), "accepted");
        CHECK(!ech_program_create(NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, 9, message), "accepted");
        CHECK(strstr(message, "instruction set"), "\"%s\"", message);
        ech_program *program = create(&e.t, message);
        CHECK(program, "the tape is not as before: %s", message);
        ech_program_destroy(program);
        tape_free(&e.t);
    }
}

static void test_bad_q8(void) {
    for (int format = ECH_WEIGHT_INT8; format <= ECH_WEIGHT_INT4; format++) {
        e = build(format);
        // No thread has a whole row of these outputs.
        REFUSED_WITH(e.t.buffers[AT(ATTENTION).out[0]].element, ECH_Q8);
        REFUSED_WITH(e.t.buffers[AT(MLP).out[0]].element, ECH_Q8);
        REFUSED_WITH(e.t.buffers[AT(MLP).in[0]].element, ECH_BF16);
        REFUSED_WITH(e.t.buffers[AT(MLP).in[0]].element, ECH_F32);
        REFUSED_WITH(AT(CONVERT).out[0], AT(MLP).out[0]); // f32
        REFUSED_WITH(AT(CONVERT).in[0], AT(CONVERT).out[0]);
        // A q8 buffer that begins so late in the arena's rows that its sums do not fit.
        ech_buffer *buffer = &e.t.buffers[AT(MLP).in[0]];
        REFUSED_WITH(buffer->offset_per_row, e.t.arena_bytes - 64);
        REFUSED_WITH(e.t.weights[0].bytes, e.t.weights[0].bytes - 64);
        REFUSED_WITH(e.t.weights[0].bytes, e.t.weights[0].bytes + 64);
        char message[ECH_MESSAGE_SIZE];
        ech_program *program = create(&e.t, message);
        CHECK(program, "the tape is not as before: %s", message);
        ech_program_destroy(program);
        tape_free(&e.t);
    }
}

/// Sums of more columns than this would leave 32 bits.
static void test_max_columns_of_int8(void) {
    static const int columns[] = {1 << 16, (1 << 16) + 1};
    static _Alignas(64) char data[32 * (65536 + 64) + 128];
    for (int k = 0; k < 2; k++) {
        const int64_t columns64 = (columns[k] + 63) / 64 * 64;
        const ech_weight weight = {data, 32 * columns64 + 128, ECH_WEIGHT_INT8, 32, columns[k]};
        char message[ECH_MESSAGE_SIZE] = "";
        ech_program *program =
            ech_program_create(NULL, 0, NULL, 0, &weight, 1, NULL, 0, 0, 0, 0, ECH_ISA_PORTABLE, message);
        CHECK((program != NULL) == (k == 0), "%d columns: \"%s\"", columns[k], message);
        CHECK(program || is_sentence(message), "\"%s\"", message);
        ech_program_destroy(program);
    }
}

static void test_message_names_the_instruction(void) {
    char message[ECH_MESSAGE_SIZE], expected[40];
    e = build(ECH_WEIGHT_BF16);
    AT(MLP).in[0] = 0;
    CHECK(!create(&e.t, message), "accepted");
    snprintf(expected, sizeof expected, "Instruction %d (linear_silu_gate)", e.at[MLP]);
    CHECK(strstr(message, expected), "\"%s\" does not name instruction %d", message, e.at[MLP]);
    tape_free(&e.t);
}

// MARK: Damage at random

static int32_t random_number(void) {
    static const int32_t notable[] = {-1, 0,  1,   2,       15,      16,           31,     32,
                                      64, 90, 128, INT_MAX, INT_MIN, INT_MAX - 31, 1 << 28};
    switch (random_below(4)) {
    case 0: return notable[random_below((int)(sizeof notable / sizeof *notable))];
    case 1: return (int32_t)random_bits();
    default: return random_below(24) - 1;
    }
}

/// Changes one 32-bit word of a table's entry.
static void damage(void *table, int count, size_t size) {
    char *entry = (char *)table + (size_t)random_below(count) * size + 4 * (size_t)random_below((int)(size / 4));
    int32_t word;
    memcpy(&word, entry, sizeof word);
    if (random_below(3) == 0) word = (int32_t)((uint32_t)word + (uint32_t)random_below(3) - 1); // wraps around
    else word = random_number();
    memcpy(entry, &word, sizeof word);
}

static void test_random_damage(void) {
    enum { TAPES = 30000 };
    enum { FORMATS = ECH_WEIGHT_INT4 + 1 };
    every_opcode forms[FORMATS];
    for (int format = 0; format < FORMATS; format++) forms[format] = build(format);
    int accepted = 0, ran = 0;
    for (int n = 0; n < TAPES; n++) {
        tape t = forms[n % FORMATS].t;
        for (int k = random_below(3); k >= 0; k--) {
            switch (random_below(8)) {
            case 0: damage(t.buffers, t.buffer_count, sizeof *t.buffers); break;
            case 1: damage(t.caches, t.cache_count, sizeof *t.caches); break;
            case 2: {
                // Data and bytes are what a caller vouches for.
                ech_weight *weight = &t.weights[random_below(t.weight_count)];
                *(int32_t *[]){&weight->format, &weight->rows, &weight->columns}[random_below(3)] = random_number();
                break;
            }
            case 3: {
                const ech_instruction kept = t.instructions[n % t.instruction_count];
                const int other = random_below(t.instruction_count);
                t.instructions[n % t.instruction_count] = t.instructions[other];
                t.instructions[other] = kept;
                break;
            }
            case 4:
                t.arena_bytes = random_below(2) ? (int64_t)random_bits() << random_below(31) : random_number();
                break;
            default: damage(t.instructions, t.instruction_count, sizeof *t.instructions); break;
            }
        }
        char message[ECH_MESSAGE_SIZE];
        ech_program *program = create(&t, message);
        CHECK(program || is_sentence(message), "\"%s\"", message);
        if (!program) continue;
        accepted++;
        ech_session *session =
            ech_session_create(t.caches, t.cache_count, SLOTS, CONTEXT, 1 + n % 3, ECH_CACHE_F32, message);
        CHECK(session || is_sentence(message), "\"%s\"", message);
        bool small = true; // the test's own memory for parameters and results
        for (int i = 0; i < t.buffer_count; i++)
            small &= t.buffers[i].storage == ECH_ARENA || t.buffers[i].width < 1 << 16;
        if (session && small && accepted % 4 == 0) {
            const int rows = 1 + random_below(20);
            call_memory m = new_call(&t, rows);
            const bool fine = run(program, session, &m, rows, random_below(3), 1 + n % 2, message);
            CHECK(fine || is_sentence(message), "\"%s\"", message);
            ran += fine;
            free_call(&m);
        }
        ech_session_destroy(session);
        ech_program_destroy(program);
    }
    // Most damage is refused, but enough gets through to try the executor with it.
    CHECK(accepted > TAPES / 20 && ran > TAPES / 100, "%d accepted, %d ran", accepted, ran);
    for (int format = 0; format < FORMATS; format++) tape_free(&forms[format].t);
}

int main(void) {
    run_test("a tape of every opcode runs", test_every_opcode_runs);
    run_test("bad calls are refused and leave the caches alone", test_bad_calls);
    run_test("bad sessions are refused", test_bad_sessions);
    run_test("bad tapes are refused", test_bad_tapes);
    run_test("q8 is refused in operands that cannot have it", test_bad_q8);
    run_test("int8 weights with too many columns are refused", test_max_columns_of_int8);
    run_test("a refusal names the instruction", test_message_names_the_instruction);
    run_test("tapes damaged at random never crash", test_random_damage);
    return tests_finished();
}
