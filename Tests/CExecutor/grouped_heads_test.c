/// Query heads that share a head of the cache: attention and project_rope_write give the same bits as with a copy of
/// the shared head for each of them, for every cache format, instruction set and number of rows and threads.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 3, CONTEXT = 200, BUDGET = 3, MAX_ROWS = 160, RECURRENCE = 2 };

/// A model's heads: `cached` heads of keys and values, each for `group` query heads.
typedef struct {
    int cached, group, dim;
} shape;

static int query_width(shape s) { return s.cached * s.group * s.dim; }

/// The rows of a call, in any order, with keys and values of the cached heads.
typedef struct {
    int rows;
    int32_t slots[MAX_ROWS], positions[MAX_ROWS], depths[MAX_ROWS];
    float *q, *k, *v;
} ragged;

static ragged random_call(shape s, const int from[SLOTS], const int to[SLOTS]) {
    ragged c = {0};
    for (int slot = 0; slot < SLOTS; slot++)
        for (int position = from[slot]; position < to[slot]; position++, c.rows++) {
            const int at = random_below(c.rows + 1);
            c.slots[c.rows] = c.slots[at], c.positions[c.rows] = c.positions[at];
            c.slots[at] = slot, c.positions[at] = position;
        }
    // Depths do not rise along a slot.
    for (int i = 0; i < c.rows; i++) c.depths[i] = c.positions[i] < (from[c.slots[i]] + to[c.slots[i]]) / 2;
    const int64_t width = s.cached * s.dim;
    c.q = random_floats(c.rows * width * s.group), c.k = random_floats(c.rows * width);
    c.v = random_floats(c.rows * width);
    for (int64_t i = 0; i < c.rows * width * s.group; i++) c.q[i] *= 3;
    return c;
}

static void free_call(ragged *c) {
    free(c->q);
    free(c->k);
    free(c->v);
}

/// A copy of each head, as many times as there are query heads that share it.
static float *repeated_heads(shape s, int rows, const float *x) {
    float *copies = malloc((size_t)(rows * query_width(s)) * sizeof *copies);
    for (int64_t head = 0; head < (int64_t)rows * s.cached * s.group; head++)
        memcpy(copies + head * s.dim, x + head / s.group * s.dim, (size_t)s.dim * sizeof *copies);
    return copies;
}

/// The first `rows` rows of a call, from row `first` on: writes keys and values of `cached` heads, and attends.
static void run_attention(shape s, int cached, const ragged *c, const float *k, const float *v, int first, int rows,
                          int element, int isa, int threads, int format, ech_session **session, float *out) {
    const int width = query_width(s);
    tape t = {0};
    const int slots = tape_parameter(&t, ECH_I32, 1, c->slots + first);
    const int positions = tape_parameter(&t, ECH_I32, 1, c->positions + first);
    const int depths = tape_parameter(&t, ECH_I32, 1, c->depths + first);
    const int cache = tape_cache(&t, cached, s.dim, true), result = tape_result(&t, ECH_F32, width, out);
    ech_instruction *write = tape_add(&t, ECH_CACHE_WRITE);
    write->in[0] = tape_parameter(&t, ECH_F32, cached * s.dim, k + (int64_t)first * cached * s.dim);
    write->in[1] = tape_parameter(&t, ECH_F32, cached * s.dim, v + (int64_t)first * cached * s.dim);
    write->in[2] = slots, write->in[3] = positions, write->in[4] = depths;
    write->cache = cache;
    write->recurrence = RECURRENCE;
    ech_instruction *attention = tape_add(&t, ECH_WAVEFRONT_ATTENTION);
    attention->in[0] = tape_parameter(&t, ECH_F32, width, c->q + (int64_t)first * width);
    attention->in[1] = slots, attention->in[2] = positions, attention->in[3] = depths;
    attention->out[0] = element == ECH_F32 ? result : tape_arena(&t, element, width);
    attention->cache = cache;
    attention->i0 = s.cached * s.group;
    attention->recurrence = RECURRENCE;
    if (element != ECH_F32) tape_reveal(&t, attention->out[0], result);
    if (!*session) *session = tape_session_in(&t, SLOTS, CONTEXT, BUDGET, format);
    tape_run(&t, isa, *session, rows, RECURRENCE + 1, threads);
    tape_free(&t);
}

/// Two calls, of which the second finds positions of the first one's depths in the cache.
static void check_attention(shape s, int format, int isa) {
    static const int ends[3][SLOTS] = {{0, 0, 0}, {70, 9, 0}, {135, 12, 33}};
    ech_session *sessions[3] = {NULL}; // shared heads on one thread and on several, copied heads
    for (int call = 0; call < 2; call++) {
        ragged c = random_call(s, ends[call], ends[call + 1]);
        const size_t width = (size_t)query_width(s), bytes = (size_t)c.rows * width * sizeof(float);
        float *k = repeated_heads(s, c.rows, c.k), *v = repeated_heads(s, c.rows, c.v);
        float *shared = malloc(bytes), *other = malloc(bytes), *copied = malloc(bytes);
        run_attention(s, s.cached * s.group, &c, k, v, 0, c.rows, ECH_F32, isa, 2, format, &sessions[2], copied);
        run_attention(s, s.cached, &c, c.k, c.v, 0, c.rows, ECH_F32, isa, 1, format, &sessions[0], shared);
        run_attention(s, s.cached, &c, c.k, c.v, 0, c.rows, ECH_F32, isa, 3, format, &sessions[1], other);
#define NAMED "%d × %d heads of %d, %s caches, %s, call %d: "
#define NAMES s.cached, s.group, s.dim, ech_cache_format_name(format), ech_isa_name(isa), call
        CHECK(memcmp(shared, copied, bytes) == 0, NAMED "differs from copied heads", NAMES);
        CHECK(memcmp(shared, other, bytes) == 0, NAMED "3 threads differ", NAMES);
        run_attention(s, s.cached, &c, c.k, c.v, 0, c.rows, ECH_BF16, isa, 3, format, &sessions[1], other);
        for (size_t i = 0; i < bytes / sizeof(float); i++)
            CHECK(other[i] == rounded_to_bf16(shared[i]), NAMED "%g rounds to %g", NAMES, shared[i], other[i]);
        // Each row alone, from the last position on: what it reads of younger ones is in the cache by now.
        for (int i = call; i < c.rows; i += 5) {
            run_attention(s, s.cached, &c, c.k, c.v, i, 1, ECH_F32, isa, 2, format, &sessions[0], other);
            CHECK(memcmp(shared + (size_t)i * width, other, width * sizeof(float)) == 0,
                  NAMED "slot %d, position %d differs alone", NAMES, c.slots[i], c.positions[i]);
        }
        free(k), free(v), free(shared), free(other), free(copied);
        free_call(&c);
    }
    for (int k = 0; k < 3; k++) ech_session_destroy(sessions[k]);
}

static void test_attention(void) {
    static const shape shapes[] = {{2, 2, 16}, {1, 4, 40}, {3, 4, 7}, {2, 8, 24}, {1, 3, 10}, {1, 32, 8}, {1, 20, 6}};
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (size_t m = 0; m < sizeof shapes / sizeof *shapes; m++)
            for (int format = 0; format < ECH_CACHE_FORMAT_COUNT; format++) check_attention(shapes[m], format, isas[s]);
}

/// An attention of one slot whose cache has `cached` heads, for `heads` query heads, is accepted or refused.
static void check_heads(int cached, int heads, int width, bool fits) {
    tape t = {0};
    const int32_t zero = 0;
    const int index[3] = {tape_parameter(&t, ECH_I32, 1, &zero), tape_parameter(&t, ECH_I32, 1, &zero),
                          tape_parameter(&t, ECH_I32, 1, &zero)};
    ech_instruction *attention = tape_add(&t, ECH_WAVEFRONT_ATTENTION);
    attention->in[0] = tape_parameter(&t, ECH_F32, width, NULL);
    for (int k = 0; k < 3; k++) attention->in[k + 1] = index[k];
    attention->out[0] = tape_result(&t, ECH_F32, width, NULL);
    attention->cache = tape_cache(&t, cached, 4, false);
    attention->i0 = heads;
    char message[ECH_MESSAGE_SIZE] = "";
    ech_program *program =
        ech_program_create(t.instructions, t.instruction_count, t.buffers, t.buffer_count, NULL, 0, t.caches, 1,
                           t.parameter_count, t.result_count, 0, ECH_ISA_PORTABLE, message);
    CHECK((program != NULL) == fits, "%d query heads over %d: \"%s\"", heads, cached, message);
    CHECK(fits || strstr(message, "head"), "\"%s\" does not name the heads", message);
    ech_program_destroy(program);
    tape_free(&t);
}

static void test_numbers_of_heads(void) {
    check_heads(3, 3, 12, true);
    check_heads(3, 96, 384, true);
    check_heads(3, 99, 396, false); // 33 share a head
    check_heads(3, 4, 16, false);
    check_heads(3, 1, 4, false);
    check_heads(3, 0, 12, false);
    check_heads(3, -3, 12, false);
    check_heads(1, 1 << 30, 4, false); // more columns than 32 bits can count
}

/// project_rope_write followed by attention. The outputs of the weight `w` are `heads` heads of queries, and `cached`
/// heads of keys and of values; the bias is left out if it is NULL.
static void run_projection(shape s, int cached, int format, int columns, const float *w, const float *bias,
                           const ragged *c, const float *x, int cache_format, int isa, int threads, float *queries,
                           float *attended) {
    const int heads = s.cached * s.group, width = heads * s.dim;
    tape t = {0};
    const int indices[3] = {tape_parameter(&t, ECH_I32, 1, c->slots), tape_parameter(&t, ECH_I32, 1, c->positions),
                            tape_parameter(&t, ECH_I32, 1, c->depths)};
    int input = tape_parameter(&t, ECH_F32, columns, x);
    if (format != ECH_WEIGHT_F32) {
        ech_instruction *convert = tape_add(&t, ECH_CONVERT);
        convert->in[0] = input;
        input = convert->out[0] = tape_arena(&t, input_element(format), columns);
    }
    const int cache = tape_cache(&t, cached, s.dim, true);
    ech_instruction *project = tape_add(&t, ECH_PROJECT_ROPE_WRITE);
    ech_instruction *attention = tape_add(&t, ECH_WAVEFRONT_ATTENTION);
    project->in[0] = input;
    for (int k = 0; k < 3; k++) project->in[k + 1] = attention->in[k + 1] = indices[k];
    project->out[0] = attention->in[0] = tape_result(&t, ECH_F32, width, queries);
    attention->out[0] = tape_result(&t, ECH_F32, width, attended);
    project->weight[0] = tape_weight(&t, format, (heads + 2 * cached) * s.dim, columns, w);
    project->weight[1] = tape_frequencies(&t, s.dim, 10000);
    if (bias) project->weight[2] = tape_weight(&t, ECH_WEIGHT_F32, 1, (heads + cached) * s.dim, bias);
    project->cache = attention->cache = cache;
    project->i0 = attention->i0 = heads;
    project->f0 = 1.5f;
    project->recurrence = attention->recurrence = RECURRENCE;
    ech_session *session = tape_session_in(&t, SLOTS, CONTEXT, BUDGET, cache_format);
    tape_run(&t, isa, session, c->rows, RECURRENCE + 1, threads);
    ech_session_destroy(session);
    tape_free(&t);
}

static void check_projection(shape s, int columns, int format, int cache_format, bool has_bias, int isa) {
    static const int from[SLOTS] = {0}, to[SLOTS] = {9, 3, 8};
    const int heads = s.cached * s.group, width = heads * s.dim, cached = s.cached * s.dim;
    ragged c = random_call(s, from, to);
    float *x = random_floats((int64_t)c.rows * columns), *w = random_floats((int64_t)(width + 2 * cached) * columns);
    float *bias = random_floats(width + cached);
    // The weights of copied heads: those of the queries, then copies of those of keys and values.
    const int row_floats = s.dim * columns;
    float *copied_w = malloc((size_t)(3 * width) * (size_t)columns * sizeof *w),
          *copied_bias = malloc(8 * (size_t)width);
    memcpy(copied_w, w, (size_t)width * (size_t)columns * sizeof *w);
    for (int head = 0; head < 2 * heads; head++)
        memcpy(copied_w + (int64_t)(heads + head) * row_floats, w + (int64_t)(heads + head / s.group) * row_floats,
               (size_t)row_floats * sizeof *w);
    memcpy(copied_bias, bias, (size_t)width * sizeof *bias);
    for (int head = 0; head < heads; head++)
        memcpy(copied_bias + width + head * s.dim, bias + width + head / s.group * s.dim, (size_t)s.dim * sizeof *bias);
    const size_t bytes = (size_t)(c.rows * width) * sizeof(float);
    float *q = malloc(bytes), *y = malloc(bytes), *known_q = malloc(bytes), *known_y = malloc(bytes);
    run_projection(s, heads, format, columns, copied_w, has_bias ? copied_bias : NULL, &c, x, cache_format, isa, 1,
                   known_q, known_y);
    for (int threads = 1; threads <= 3; threads += 2) {
        run_projection(s, s.cached, format, columns, w, has_bias ? bias : NULL, &c, x, cache_format, isa, threads, q,
                       y);
        CHECK(memcmp(q, known_q, bytes) == 0, "%d × %d heads of %d, format %d, %s: queries differ", s.cached, s.group,
              s.dim, format, ech_isa_name(isa));
        CHECK(memcmp(y, known_y, bytes) == 0, "%d × %d heads of %d, format %d, %s caches, %s: attention differs",
              s.cached, s.group, s.dim, format, ech_cache_format_name(cache_format), ech_isa_name(isa));
    }
    if (!has_bias) { // as with a bias of zeros
        memset(bias, 0, (size_t)(width + cached) * sizeof *bias);
        run_projection(s, s.cached, format, columns, w, bias, &c, x, cache_format, isa, 2, q, y);
        CHECK(memcmp(y, known_y, bytes) == 0, "%d × %d heads of %d: a bias of zeros differs from none", s.cached,
              s.group, s.dim);
    }
    free(q), free(y), free(known_q), free(known_y), free(copied_w), free(copied_bias), free(bias), free(w), free(x);
    free_call(&c);
}

static void test_projection(void) {
    static const shape shapes[] = {{2, 4, 32}, {3, 2, 10}, {1, 8, 48}};
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (size_t m = 0; m < sizeof shapes / sizeof *shapes; m++)
            for (int format = 0; format < ECH_FORMAT_COUNT; format++)
                for (int cache_format = 0; cache_format < ECH_CACHE_FORMAT_COUNT; cache_format++)
                    check_projection(shapes[m], 33, format, cache_format, (format + cache_format) % 2, isas[s]);
}

int main(void) {
    run_test("query heads that share a head attend as each with a copy of it", test_attention);
    run_test("the query heads are a multiple of the cache's, up to 32 times", test_numbers_of_heads);
    run_test("queries of more heads than keys are projected as each with a copy of its key", test_projection);
    return tests_finished();
}
