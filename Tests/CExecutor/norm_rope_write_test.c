/// norm_rope_write against the slices, norms, rotary embeddings and cache write that it is fused from.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

enum { MAX_ROWS = 33 };

/// The operands of a test: queries, keys and values of `rows` rows side by side.
typedef struct {
    int heads, key_heads, dim, rows, cache_format;
    const float *qkv, *query_norm, *key_norm;
    const int32_t *slots, *positions, *depths;
} operands;

static int width_of(const operands *o) { return o->heads * o->dim; }
static int key_width_of(const operands *o) { return o->key_heads * o->dim; }

static int slice(tape *t, int from, int begin, int end) {
    const int to = tape_arena(t, ECH_F32, end - begin);
    ech_instruction *slice = tape_add(t, ECH_SLICE);
    slice->in[0] = from;
    slice->out[0] = to;
    slice->i0 = begin;
    slice->i1 = end;
    return to;
}

/// The norm and the rotary embedding of `x`, in `out`.
static void norm_and_turn(tape *t, int x, int width, int heads, int weight, int frequencies, int position, int out) {
    const int normed = tape_arena(t, ECH_F32, width);
    ech_instruction *norm = tape_add(t, ECH_NORM);
    norm->in[0] = x;
    norm->out[0] = normed;
    norm->weight[0] = weight;
    norm->f0 = 1e-6f;
    ech_instruction *rope = tape_add(t, ECH_ROPE);
    rope->in[0] = normed;
    rope->in[1] = position;
    rope->out[0] = out;
    rope->weight[0] = frequencies;
    rope->i0 = heads;
    rope->f0 = 1;
}

/// Writes the queries, and what attention makes of them and the cache.
static void run(bool fused, const operands *o, int isa, int threads, float *queries, float *attended) {
    tape t = {0};
    const int width = width_of(o), keys = key_width_of(o);
    const int qkv = tape_parameter(&t, ECH_F32, width + 2 * keys, o->qkv);
    const int slot = tape_parameter(&t, ECH_I32, 1, o->slots), position = tape_parameter(&t, ECH_I32, 1, o->positions);
    const int depth = tape_parameter(&t, ECH_I32, 1, o->depths);
    const int q = tape_result(&t, ECH_F32, width, queries), out = tape_result(&t, ECH_F32, width, attended);
    const int cache = tape_cache(&t, o->key_heads, o->dim, true);
    const int query_norm = tape_weight(&t, ECH_WEIGHT_F32, 1, width, o->query_norm);
    const int key_norm = tape_weight(&t, ECH_WEIGHT_F32, 1, keys, o->key_norm);
    const int frequencies = tape_frequencies(&t, o->dim, 10000);
    if (fused) {
        ech_instruction *write = tape_add(&t, ECH_NORM_ROPE_WRITE);
        const int in[] = {qkv, slot, position, depth}, weights[] = {query_norm, key_norm, frequencies};
        for (int k = 0; k < 4; k++) write->in[k] = in[k];
        for (int k = 0; k < 3; k++) write->weight[k] = weights[k];
        write->out[0] = q;
        write->cache = cache;
        write->i0 = o->heads;
        write->f0 = 1e-6f;
        write->recurrence = 2;
    } else {
        const int turned = tape_arena(&t, ECH_F32, keys);
        norm_and_turn(&t, slice(&t, qkv, 0, width), width, o->heads, query_norm, frequencies, position, q);
        norm_and_turn(&t, slice(&t, qkv, width, width + keys), keys, o->key_heads, key_norm, frequencies, position,
                      turned);
        const int in[] = {turned, slice(&t, qkv, width + keys, width + 2 * keys), slot, position, depth};
        ech_instruction *write = tape_add(&t, ECH_CACHE_WRITE);
        for (int k = 0; k < 5; k++) write->in[k] = in[k];
        write->cache = cache;
        write->recurrence = 2;
    }
    ech_instruction *attention = tape_add(&t, ECH_WAVEFRONT_ATTENTION);
    const int in[] = {q, slot, position, depth};
    for (int k = 0; k < 4; k++) attention->in[k] = in[k];
    attention->out[0] = out;
    attention->cache = cache;
    attention->i0 = o->heads;
    attention->recurrence = 2;
    ech_session *session = tape_session_in(&t, 3, 32, 2, o->cache_format);
    tape_run(&t, isa, session, o->rows, 3, threads);
    ech_session_destroy(session);
    tape_free(&t);
}

static void check(int heads, int key_heads, int dim, int rows, int cache_format) {
    const int width = heads * dim, keys = key_heads * dim;
    float *qkv = random_floats((int64_t)rows * (width + 2 * keys));
    float *query_norm = random_floats(width), *key_norm = random_floats(keys);
    int32_t slots[MAX_ROWS], positions[MAX_ROWS], depths[MAX_ROWS] = {0};
    for (int i = 0; i < rows; i++) {
        slots[i] = i % 3;
        positions[i] = i / 3;
    }
    const operands o = {heads, key_heads, dim, rows, cache_format, qkv, query_norm, key_norm, slots, positions, depths};
    const size_t bytes = (size_t)(rows * width) * sizeof(float);
    float *q = malloc(bytes), *known_q = malloc(bytes), *y = malloc(bytes), *known_y = malloc(bytes);
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++) {
        run(false, &o, isas[s], 1, known_q, known_y);
        for (int threads = 1; threads <= 3; threads++) {
            run(true, &o, isas[s], threads, q, y);
            CHECK(memcmp(q, known_q, bytes) == 0, "%d heads over %d of %d, %d rows, %s: queries differ", heads,
                  key_heads, dim, rows, ech_isa_name(isas[s]));
            CHECK(memcmp(y, known_y, bytes) == 0, "%d heads over %d of %d, %s caches, %d rows, %s: attention differs",
                  heads, key_heads, dim, ech_cache_format_name(cache_format), rows, ech_isa_name(isas[s]));
        }
    }
    free(q), free(known_q), free(y), free(known_y), free(qkv), free(query_norm), free(key_norm);
}

/// Heads of one vector, of several, and of neither; alone and in groups.
static void test_fusion(void) {
    static const int shapes[][3] = {{1, 1, 2}, {4, 4, 16}, {3, 3, 20}, {6, 2, 24}, {8, 2, 64}};
    for (int cache_format = 0; cache_format < ECH_CACHE_FORMAT_COUNT; cache_format++)
        for (int m = 0; m < COUNT(shapes); m++)
            for (int rows = 1; rows <= MAX_ROWS; rows += 16)
                check(shapes[m][0], shapes[m][1], shapes[m][2], rows, cache_format);
}

/// A plan whose operands have other widths than the cache asks for.
static void test_refusals(void) {
    static const struct {
        int input, query_norm, key_norm, frequencies, heads;
        float eps;
        const char *message;
    } cases[] = {{24, 16, 4, 2, 4, 1e-6f, NULL},
                 {23, 16, 4, 2, 4, 1e-6f, "its input"},
                 {24, 15, 4, 2, 4, 1e-6f, "its queries"},
                 {24, 16, 5, 2, 4, 1e-6f, "its keys"},
                 {24, 16, 4, 3, 4, 1e-6f, "frequencies"},
                 {24, 16, 4, 2, 0, 1e-6f, "heads"},
                 {24, 16, 4, 2, 4, -1, "eps"}};
    static const float numbers[64] = {0};
    for (int k = 0; k < COUNT(cases); k++) {
        tape t = {0};
        static const int32_t index[1] = {0};
        float out[16];
        ech_instruction *write = tape_add(&t, ECH_NORM_ROPE_WRITE);
        write->in[0] = tape_parameter(&t, ECH_F32, cases[k].input, numbers);
        for (int i = 1; i < 4; i++) write->in[i] = tape_parameter(&t, ECH_I32, 1, index);
        write->out[0] = tape_result(&t, ECH_F32, 16, out);
        write->cache = tape_cache(&t, 1, 4, false);
        write->weight[0] = tape_weight(&t, ECH_WEIGHT_F32, 1, cases[k].query_norm, numbers);
        write->weight[1] = tape_weight(&t, ECH_WEIGHT_F32, 1, cases[k].key_norm, numbers);
        write->weight[2] = tape_weight(&t, ECH_WEIGHT_F32, 1, cases[k].frequencies, numbers);
        write->i0 = cases[k].heads;
        write->f0 = cases[k].eps;
        char message[ECH_MESSAGE_SIZE] = "";
        ech_program *program =
            ech_program_create(t.instructions, 1, t.buffers, t.buffer_count, t.weights, t.weight_count, t.caches, 1,
                               t.parameter_count, t.result_count, t.arena_bytes, ECH_ISA_PORTABLE, message);
        const bool is_right = cases[k].message ? !program && strstr(message, cases[k].message) : program != NULL;
        CHECK(is_right, "case %d: %s", k, message);
        ech_program_destroy(program);
        tape_free(&t);
    }
}

int main(void) {
    run_test("norm_rope_write equals what it is fused from", test_fusion);
    run_test("norm_rope_write refuses operands that do not fit its cache", test_refusals);
    return tests_finished();
}
