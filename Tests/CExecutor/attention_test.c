/// Caches and wavefront attention against a model of the cache rule in double precision: ragged rows, several slots,
/// budgets, calls of different depths. Attention may fuse a multiplication with an addition if the instruction set
/// can, so its bits are compared within an instruction set only.
#include "harness.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 3, MAX_ROWS = 192 };

/// The contents of the caches, by the rule of ech_call in its simplest form.
typedef struct {
    int heads, dim, context, entries;
    bool recurrent;
    int format;           ///< ech_cache_format
    float *keys, *values; ///< [slot][entry][position][heads · dim]
    int *depth;           ///< [slot][position]
} model;

static model new_model(int heads, int dim, int context, int budget, bool recurrent, int format) {
    model m = {heads, dim, context, recurrent ? budget : 1, recurrent, format, NULL, NULL, NULL};
    const size_t count = (size_t)(SLOTS * m.entries * context * heads * dim);
    m.keys = calloc(count, sizeof *m.keys);
    m.values = calloc(count, sizeof *m.values);
    m.depth = calloc((size_t)(SLOTS * context), sizeof *m.depth);
    return m;
}

static void free_model(model *m) {
    free(m->keys);
    free(m->values);
    free(m->depth);
}

static int64_t model_offset(const model *m, int slot, int entry, int position) {
    return ((int64_t)(slot * m->entries + entry) * m->context + position) * m->heads * m->dim;
}

/// The rows of one call. Queries, keys and values change with the recurrence: they grow by a quarter each time.
typedef struct {
    int rows;
    int32_t slots[MAX_ROWS], positions[MAX_ROWS], depths[MAX_ROWS];
    float *q, *k, *v;
} ragged;

/// Rows come in any order.
static void shuffle(ragged *c) {
    for (int i = c->rows - 1; i > 0; i--) {
        const int j = random_below(i + 1);
        const int32_t slot = c->slots[i], position = c->positions[i], depth = c->depths[i];
        c->slots[i] = c->slots[j], c->positions[i] = c->positions[j], c->depths[i] = c->depths[j];
        c->slots[j] = slot, c->positions[j] = position, c->depths[j] = depth;
    }
}

static ragged random_call(const model *m, const int lengths[SLOTS], const int from[SLOTS]) {
    ragged c = {0};
    for (int slot = 0; slot < SLOTS; slot++)
        for (int position = from[slot]; position < lengths[slot]; position++) {
            c.slots[c.rows] = slot;
            c.positions[c.rows++] = position;
        }
    shuffle(&c);
    const int64_t count = (int64_t)c.rows * m->heads * m->dim;
    c.q = random_floats(count), c.k = random_floats(count), c.v = random_floats(count);
    for (int64_t i = 0; i < count; i++) c.q[i] *= 3;
    return c;
}

static void free_call(ragged *c) {
    free(c->q);
    free(c->k);
    free(c->v);
}

/// A query as attention reads it.
static float read_query(const model *m, float x) { return m->format == ECH_CACHE_BF16 ? rounded_to_bf16(x) : x; }

/// Writes one position's keys or values of all heads to the model's cache.
static void keep(const model *m, const float *x, float *cached) {
    for (int j = 0; j < m->heads * m->dim; j++) cached[j] = read_query(m, x[j]);
    for (int head = 0; m->format == ECH_CACHE_INT8 && head < m->heads; head++) {
        float largest = 0, *row = cached + head * m->dim;
        for (int d = 0; d < m->dim; d++) largest = fmaxf(largest, fabsf(row[d]));
        for (int d = 0; d < m->dim && largest > 0; d++) row[d] = nearbyintf(row[d] * (127 / largest)) * (largest / 127);
    }
}

/// By additions, as the tape does it.
static float grown(float x, int t) {
    const float quarter = 0.25f * x;
    for (; t > 0; t--) x += quarter;
    return x;
}

static bool in_call(const ragged *c, int slot, int position) {
    for (int i = 0; i < c->rows; i++)
        if (c->slots[i] == slot && c->positions[i] == position) return true;
    return false;
}

/// The expected result of attention, and its tolerance.
typedef struct {
    double result, error;
} expectation;

/// One column of a row's result from its weights, which need not add up to one. A bf16 cache has the weights w rounded
/// to w(1 + δ), |δ| ≤ 2⁻⁸, after an exponential that is off by less than 1e-4. As the rounded weights are divided by
/// their own sum, the result moves by Σ w δ (v − result) / Σ w(1 + δ).
static expectation expect_column(const double *weights, const float *const *values, int count, int column, int format) {
    const double rounding = format == ECH_CACHE_BF16 ? 1.0 / 256 + 1e-4 : 0;
    double total = 0, sum = 0, deviation = 0;
    for (int p = 0; p < count; p++) total += weights[p];
    for (int p = 0; p < count; p++) sum += weights[p] / total * values[p][column];
    for (int p = 0; p < count; p++) deviation += weights[p] / total * fabs(values[p][column] - sum);
    return (expectation){sum, 1e-5 * fmax(1, fabs(sum)) + rounding / (1 - rounding) * deviation};
}

static void model_attend(const model *m, const ragged *c, int t, expectation *out) {
    const int width = m->heads * m->dim;
    const float scale = 1.0f / sqrtf((float)m->dim);
    double *weights = malloc((size_t)m->context * sizeof *weights);
    const float **values = malloc((size_t)m->context * sizeof *values);
    for (int i = 0; i < c->rows; i++)
        for (int head = 0; head < m->heads; head++) {
            const int count = c->positions[i] + 1;
            double maximum = -INFINITY;
            for (int p = 0; p < count; p++) {
                const int depth = in_call(c, c->slots[i], p) ? INT_MAX : m->depth[c->slots[i] * m->context + p];
                const int own = c->depths[i] + t;
                const int entry = m->recurrent ? (own < depth ? own : depth - 1) % m->entries : 0;
                const int64_t offset = model_offset(m, c->slots[i], entry, p) + head * m->dim;
                values[p] = m->values + offset;
                weights[p] = 0;
                for (int d = 0; d < m->dim; d++) {
                    const float query = grown(c->q[i * width + head * m->dim + d], t) * scale;
                    weights[p] += (double)read_query(m, query) * m->keys[offset + d];
                }
                maximum = fmax(maximum, weights[p]);
            }
            for (int p = 0; p < count; p++) weights[p] = exp(weights[p] - maximum);
            for (int d = 0; d < m->dim; d++)
                out[i * width + head * m->dim + d] = expect_column(weights, values, count, d, m->format);
        }
    free(weights), free(values);
}

static bool is_met(const expectation *expected, float got) { return fabs(got - expected->result) <= expected->error; }

/// The model's version of a call of `recurrences`; out is the last recurrence's attention.
static void model_call(model *m, const ragged *c, int recurrences, expectation *out) {
    const int width = m->heads * m->dim;
    float *keys = malloc((size_t)width * sizeof *keys), *values = malloc((size_t)width * sizeof *values);
    for (int t = 0; t < recurrences; t++) {
        for (int i = 0; i < c->rows; i++) {
            const int entry = m->recurrent ? (c->depths[i] + t) % m->entries : 0;
            const int64_t offset = model_offset(m, c->slots[i], entry, c->positions[i]);
            for (int j = 0; j < width; j++) {
                keys[j] = grown(c->k[i * width + j], t);
                values[j] = grown(c->v[i * width + j], t);
            }
            keep(m, keys, m->keys + offset);
            keep(m, values, m->values + offset);
        }
        model_attend(m, c, t, out);
    }
    free(keys), free(values);
    for (int i = 0; i < c->rows; i++) m->depth[c->slots[i] * m->context + c->positions[i]] = c->depths[i] + recurrences;
}

/// A tape that does so: unrolled, or with a loop (whose growth comes from adding a quarter each time).
static void build(tape *t, const model *m, const ragged *c, int recurrences, bool loop, int element, float *result) {
    const int width = m->heads * m->dim;
    const int slot = tape_parameter(t, ECH_I32, 1, c->slots), position = tape_parameter(t, ECH_I32, 1, c->positions);
    const int depth = tape_parameter(t, ECH_I32, 1, c->depths);
    const float *inputs[3] = {c->q, c->k, c->v};
    int parameters[3], quarters[3], grown_inputs[3];
    for (int k = 0; k < 3; k++) {
        parameters[k] = tape_parameter(t, ECH_F32, width, inputs[k]);
        quarters[k] = tape_arena(t, ECH_F32, width);
        grown_inputs[k] = tape_arena(t, ECH_F32, width);
    }
    const int out = tape_result(t, ECH_F32, width, result);
    const int attended = element == ECH_BF16 ? tape_arena(t, ECH_BF16, width) : out;
    static float one[MAX_ROWS], quarter[MAX_ROWS];
    for (int i = 0; i < MAX_ROWS; i++) one[i] = 0, quarter[i] = 0.25f;
    const int p0 = tape_parameter(t, ECH_F32, 1, one), pq = tape_parameter(t, ECH_F32, 1, quarter);
    const int cache = tape_cache(t, m->heads, m->dim, m->recurrent);
    for (int k = 0; k < 3; k++) {
        ech_instruction *mix = tape_add(t, ECH_MIX);
        mix->in[0] = mix->in[1] = parameters[k];
        mix->in[2] = p0;
        mix->in[3] = pq;
        mix->out[0] = quarters[k];
        ech_instruction *copy = tape_add(t, ECH_COPY);
        copy->in[0] = parameters[k];
        copy->out[0] = grown_inputs[k];
    }
    const int bodies = loop ? 1 : recurrences;
    ech_instruction *repeat = loop ? tape_add(t, ECH_REPEAT) : NULL;
    const int body = t->instruction_count;
    for (int r = 0; r < bodies; r++) {
        ech_instruction *write = tape_add(t, ECH_CACHE_WRITE);
        write->in[0] = grown_inputs[1];
        write->in[1] = grown_inputs[2];
        write->in[2] = slot;
        write->in[3] = position;
        write->in[4] = depth;
        write->cache = cache;
        write->recurrence = loop ? -1 : r;
        ech_instruction *attention = tape_add(t, ECH_WAVEFRONT_ATTENTION);
        attention->in[0] = grown_inputs[0];
        attention->in[1] = slot;
        attention->in[2] = position;
        attention->in[3] = depth;
        attention->out[0] = attended;
        attention->cache = cache;
        attention->i0 = m->heads;
        attention->recurrence = loop ? -1 : r;
        for (int k = 0; k < 3; k++) {
            ech_instruction *add = tape_add(t, ECH_ADD);
            add->in[0] = grown_inputs[k];
            add->in[1] = quarters[k];
            add->out[0] = grown_inputs[k];
        }
    }
    if (repeat) repeat->i0 = t->instruction_count - body;
    if (element == ECH_BF16) tape_reveal(t, attended, out);
}

/// Calls of different depths over growing sequences, as prefill and steps make them.
static void check_calls(int heads, int dim, int budget, bool recurrent, int format) {
    enum { CONTEXT = 40 };
    static const int lengths[][SLOTS] = {{20, 9, 0}, {21, 16, 3}, {30, 17, 20}, {31, 17, 40}};
    static const int from[][SLOTS] = {{0, 0, 0}, {20, 5, 0}, {18, 17, 1}, {29, 10, 15}};
    static const int depths[] = {5, 2, 4, 3};
    const int width = heads * dim;
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    model m = new_model(heads, dim, CONTEXT, budget, recurrent, format);
    ech_session *sessions[ECH_ISA_COUNT][4] = {{0}}; // by instruction set and variant: one thread, two, three, a loop
    for (int call = 0; call < 4; call++) {
        ragged c = random_call(&m, lengths[call], from[call]);
        const size_t count = (size_t)(c.rows * width);
        expectation *expected = malloc(count * sizeof *expected);
        float *known = malloc(count * sizeof *known), *result = malloc(count * sizeof *result);
        model_call(&m, &c, depths[call], expected);
        for (int s = 0; s < isa_count; s++)
            for (int variant = 0; variant < 4; variant++) {
                tape t = {0};
                build(&t, &m, &c, depths[call], variant == 3, ECH_F32, variant == 0 ? known : result);
                if (!sessions[s][variant]) sessions[s][variant] = tape_session_in(&t, SLOTS, CONTEXT, budget, format);
                tape_run(&t, isas[s], sessions[s][variant], c.rows, depths[call], variant % 3 + 1);
                tape_free(&t);
                if (variant == 0) {
                    for (size_t i = 0; i < count; i++)
                        CHECK(is_met(&expected[i], known[i]),
                              "%d heads of %d, budget %d, call %d, %s: row %d is "
                              "%g, not %g ± %g",
                              heads, dim, budget, call, ech_isa_name(isas[s]), (int)i / width, known[i],
                              expected[i].result, expected[i].error);
                } else {
                    CHECK(memcmp(known, result, count * 4) == 0,
                          "%d heads of %d, budget %d, call %d, %s: variant %d "
                          "differs",
                          heads, dim, budget, call, ech_isa_name(isas[s]), variant);
                }
            }
        free(expected), free(known), free(result);
        free_call(&c);
    }
    for (int s = 0; s < isa_count; s++)
        for (int variant = 0; variant < 4; variant++) ech_session_destroy(sessions[s][variant]);
    free_model(&m);
}

static void test_budgets(void) {
    static const int shapes[][2] = {{1, 32}, {3, 7}, {5, 96}};
    for (int m = 0; m < 3; m++) {
        check_calls(shapes[m][0], shapes[m][1], 1, false, ECH_CACHE_F32);
        check_calls(shapes[m][0], shapes[m][1], 1, true, ECH_CACHE_F32);
        check_calls(shapes[m][0], shapes[m][1], 3, true, ECH_CACHE_F32);
        check_calls(shapes[m][0], shapes[m][1], 8, true, ECH_CACHE_F32);
        check_calls(shapes[m][0], shapes[m][1], 3, true, ECH_CACHE_BF16);
        check_calls(shapes[m][0], shapes[m][1], 3, true, ECH_CACHE_INT8);
        check_calls(shapes[m][0], shapes[m][1], 1, false, ECH_CACHE_INT8);
    }
}

/// The row alone, in a session that has run the call: what it computes from is in the cache.
static void check_alone(const model *m, const ragged *c, int row, int recurrences, int isa, ech_session *session,
                        const float *together) {
    const int width = m->heads * m->dim;
    float *alone = malloc((size_t)width * sizeof *alone);
    const ragged one = {.rows = 1,
                        .slots = {c->slots[row]},
                        .positions = {c->positions[row]},
                        .q = c->q + row * width,
                        .k = c->k + row * width,
                        .v = c->v + row * width};
    tape t = {0};
    build(&t, m, &one, recurrences, false, ECH_F32, alone);
    tape_run(&t, isa, session, 1, recurrences, 2);
    tape_free(&t);
    CHECK(memcmp(alone, together + row * width, (size_t)width * sizeof *alone) == 0,
          "%d heads of %d, %s: slot %d, position %d differs alone", m->heads, m->dim, ech_isa_name(isa), c->slots[row],
          c->positions[row]);
    free(alone);
}

/// A call of many rows, after one that wrote the positions before them with fewer recurrences: so the rows of a block
/// see positions from different cache entries, and slots of one, two and many row blocks stand side by side. The budget
/// holds every recurrence, so that a row alone finds the same entries as together with others.
static void check_wavefront(int heads, int dim, int budget, int format, const int lengths[SLOTS],
                            const int from[SLOTS]) {
    enum { CONTEXT = 400 };
    const int width = heads * dim, recurrences = budget, before = budget > 1 ? 2 : 1;
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    model m = new_model(heads, dim, CONTEXT, budget, true, format);
    ech_session *sessions[ECH_ISA_COUNT] = {0};
    // As many rows a call as there may be.
    for (int first = 0, more = 1; more; first += MAX_ROWS / SLOTS) {
        int begin[SLOTS], end[SLOTS];
        more = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            begin[slot] = first < from[slot] ? first : from[slot];
            end[slot] = first + MAX_ROWS / SLOTS < from[slot] ? first + MAX_ROWS / SLOTS : from[slot];
            more += end[slot] > begin[slot];
        }
        if (!more) break;
        ragged c = random_call(&m, end, begin);
        const size_t count = (size_t)(c.rows * width);
        expectation *expected = malloc(count * sizeof *expected);
        float *result = malloc(count * sizeof *result);
        model_call(&m, &c, before, expected);
        for (int s = 0; s < isa_count; s++) {
            tape t = {0};
            build(&t, &m, &c, before, false, ECH_F32, result);
            if (!sessions[s]) sessions[s] = tape_session_in(&t, SLOTS, CONTEXT, budget, format);
            tape_run(&t, isas[s], sessions[s], c.rows, before, 2);
            tape_free(&t);
        }
        free(expected), free(result);
        free_call(&c);
    }
    ragged c = random_call(&m, lengths, from);
    const size_t count = (size_t)(c.rows * width);
    expectation *expected = malloc(count * sizeof *expected);
    float *known = malloc(count * sizeof *known), *result = malloc(count * sizeof *result);
    model_call(&m, &c, recurrences, expected);
    for (int s = 0; s < isa_count; s++) {
        for (int threads = 1; threads <= 3; threads++) {
            tape t = {0};
            build(&t, &m, &c, recurrences, false, ECH_F32, threads == 1 ? known : result);
            if (!sessions[s]) sessions[s] = tape_session_in(&t, SLOTS, CONTEXT, budget, format);
            tape_run(&t, isas[s], sessions[s], c.rows, recurrences, threads);
            tape_free(&t);
            CHECK(threads == 1 || memcmp(known, result, count * 4) == 0, "%d heads of %d, %s: %d threads differ", heads,
                  dim, ech_isa_name(isas[s]), threads);
        }
        for (size_t i = 0; i < count; i++)
            CHECK(is_met(&expected[i], known[i]), "%d heads of %d, %s: position %d is %g, not %g ± %g", heads, dim,
                  ech_isa_name(isas[s]), c.positions[i / (size_t)width], known[i], expected[i].result,
                  expected[i].error);
        for (int i = 0; i < c.rows; i += 7) check_alone(&m, &c, i, recurrences, isas[s], sessions[s], known);
        ech_session_destroy(sessions[s]);
    }
    free(expected), free(known), free(result);
    free_call(&c);
    free_model(&m);
}

static void test_wavefronts(void) {
    // Around the boundaries of blocks of keys, of positions and of rows.
    static const int lengths[][SLOTS] = {{130, 33, 8}, {66, 1, 80}, {17, 16, 15}, {384, 128, 65}, {65, 64, 63}};
    static const int from[][SLOTS] = {{0, 0, 0}, {62, 0, 15}, {0, 15, 14}, {319, 120, 1}, {64, 63, 62}};
    for (int k = 0; k < 5; k++)
        for (int format = ECH_CACHE_F32; format < ECH_CACHE_FORMAT_COUNT; format++) {
            check_wavefront(3, 40, 1, format, lengths[k], from[k]);
            check_wavefront(2, 7, 3, format, lengths[k], from[k]);
            check_wavefront(1, 128, 3, format, lengths[k], from[k]);
        }
    for (int format = ECH_CACHE_F32; format < ECH_CACHE_FORMAT_COUNT; format++)
        check_wavefront(2, 96, 3, format, lengths[3], from[3]);
}

/// One slot and head whose scores are slope · position, up to roundings of the slope in a bf16 cache and of the
/// position in an int8 cache. The result is that of rows at positions 0 ..< `rows`, all in one call, or each in a call
/// of its own.
static void check_slope(float slope, int format, int isa, const float *values, bool alone, float *result) {
    enum { ROWS_OF = 150, DIM = 16 };
    static float q[ROWS_OF * DIM], k[ROWS_OF * DIM];
    memset(q, 0, sizeof q), memset(k, 0, sizeof k);
    ragged c = {.rows = ROWS_OF, .q = q, .k = k, .v = (float *)(uintptr_t)values};
    for (int i = 0; i < ROWS_OF; i++) {
        c.positions[i] = i;
        q[i * DIM] = slope * 4; // the scale is 1 / √16
        k[i * DIM] = (float)i;
    }
    model m = new_model(1, DIM, ROWS_OF, 1, false, format);
    tape t = {0};
    build(&t, &m, &c, 1, false, ECH_F32, result);
    ech_session *session = tape_session_in(&t, SLOTS, ROWS_OF, 1, format);
    tape_run(&t, isa, session, ROWS_OF, 1, 2);
    tape_free(&t);
    for (int i = 0; alone && i < ROWS_OF; i++) { // the cache holds all positions by now
        const ragged one = {.rows = 1, .positions = {i}, .q = q + i * DIM, .k = k + i * DIM, .v = c.v + i * DIM};
        build(&t, &m, &one, 1, false, ECH_F32, result + i * DIM);
        tape_run(&t, isa, session, 1, 1, 1);
        tape_free(&t);
    }
    ech_session_destroy(session);
    free_model(&m);
}

/// Changes values to ones that a cache of this format keeps exactly, none of them zero.
static void make_representable(float *values, int rows, int dim, int format) {
    for (int i = 0; format == ECH_CACHE_BF16 && i < rows * dim; i++) values[i] = rounded_to_bf16(values[i]);
    for (int i = 0; format == ECH_CACHE_INT8 && i < rows * dim; i++) // with a scale of 1 / 128
        values[i] = i % dim == 0 ? 127.0f / 128 : copysignf(1 + floorf(fabsf(values[i]) * 126), values[i]) / 128;
}

static void check_extreme_scores(int format, int isa, bool alone) {
    enum { ROWS_OF = 150, DIM = 16 };
    const char *name = ech_isa_name(isa);
    float *values = random_floats(ROWS_OF * DIM), result[ROWS_OF * DIM], other[ROWS_OF * DIM];
    make_representable(values, ROWS_OF, DIM, format);
    // Up to 1.5e38: each position outweighs those before it, or the first all others, beyond what floats can tell.
    static const float slopes[] = {100, 1e19f, 1e36f};
    for (int k = 0; k < 3; k++) {
        const float slope = slopes[k];
        check_slope(slope, format, isa, values, alone, result);
        CHECK(memcmp(result, values, sizeof result) == 0, "%s, slope %g: a row is not its last value", name,
              (double)slope);
        check_slope(-slope, format, isa, values, alone, result);
        for (int i = 0; i < ROWS_OF; i++)
            CHECK(memcmp(result + i * DIM, values, DIM * sizeof *values) == 0,
                  "%s, slope %g: row %d is not the first "
                  "value",
                  name, -(double)slope, i);
    }
    check_slope(0, format, isa, values, alone, result);
    double sums[DIM] = {0};
    for (int i = 0; i < ROWS_OF; i++)
        for (int d = 0; d < DIM; d++) {
            sums[d] += values[i * DIM + d];
            CHECK(is_close(result[i * DIM + d], sums[d] / (i + 1), 1e-6), "%s: row %d is not the mean", name, i);
        }
    // The values of later positions do not reach a row, not even an infinity or a NaN in the other half of a pair.
    for (int bad = 70; bad <= 71; bad++) {
        float *spoiled = malloc(sizeof other);
        memcpy(spoiled, values, sizeof other);
        for (int j = bad * DIM; j < ROWS_OF * DIM; j++) spoiled[j] = j % 2 ? NAN : INFINITY;
        check_slope(0, format, isa, spoiled, alone, other);
        CHECK(memcmp(result, other, (size_t)(bad * DIM) * sizeof *result) == 0,
              "%s: position %d or later reaches an "
              "earlier row",
              name, bad);
        CHECK(isnan(other[bad * DIM + 1]), "%s: NaN is lost", name);
        free(spoiled);
    }
    free(values);
}

static void test_extreme_scores(void) {
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int format = ECH_CACHE_F32; format < ECH_CACHE_FORMAT_COUNT; format++)
            for (int alone = 0; alone <= 1; alone++) check_extreme_scores(format, isas[s], alone);
}

/// Rows far into a long sequence, several together and alone. The cached rows come from calls that do not attend.
static void check_long_context(int format, int isa) {
    enum { CONTEXT = 4096, HEADS = 1, DIM = 24, AT_ONCE = 128, TOGETHER = 5 };
    static const int ends[] = {1, 2, 5, 16, 17, 63, 64, 65, 127, 128, 129, 191, 511, 513, 1000, 2049, 4095, 4096};
    model m = new_model(HEADS, DIM, CONTEXT, 1, false, format);
    ech_session *session = NULL;
    for (int first = 0; first < CONTEXT; first += AT_ONCE) {
        const int begin[SLOTS] = {first}, end[SLOTS] = {first + AT_ONCE};
        ragged c = random_call(&m, end, begin);
        tape t = {0};
        ech_instruction *write = tape_add(&t, ECH_CACHE_WRITE);
        write->in[0] = tape_parameter(&t, ECH_F32, HEADS * DIM, c.k);
        write->in[1] = tape_parameter(&t, ECH_F32, HEADS * DIM, c.v);
        write->in[2] = tape_parameter(&t, ECH_I32, 1, c.slots);
        write->in[3] = tape_parameter(&t, ECH_I32, 1, c.positions);
        write->in[4] = tape_parameter(&t, ECH_I32, 1, c.depths);
        write->cache = tape_cache(&t, HEADS, DIM, false);
        if (!session) session = tape_session_in(&t, SLOTS, CONTEXT, 1, format);
        tape_run(&t, isa, session, c.rows, 1, 1);
        for (int i = 0; i < c.rows; i++) {
            const int64_t at = model_offset(&m, 0, 0, c.positions[i]);
            keep(&m, c.k + i * HEADS * DIM, m.keys + at);
            keep(&m, c.v + i * HEADS * DIM, m.values + at);
        }
        tape_free(&t);
        free_call(&c);
    }
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        const int begin[SLOTS] = {ends[k] > TOGETHER ? ends[k] - TOGETHER : 0}, end[SLOTS] = {ends[k]};
        ragged c = random_call(&m, end, begin);
        expectation expected[TOGETHER * HEADS * DIM];
        float together[TOGETHER * HEADS * DIM];
        model_call(&m, &c, 1, expected);
        tape t = {0};
        build(&t, &m, &c, 1, false, ECH_F32, together);
        tape_run(&t, isa, session, c.rows, 1, 2);
        tape_free(&t);
        for (int i = 0; i < c.rows * HEADS * DIM; i++)
            CHECK(is_met(&expected[i], together[i]), "%s, position %d: %g, not %g ± %g", ech_isa_name(isa),
                  c.positions[i / (HEADS * DIM)], together[i], expected[i].result, expected[i].error);
        for (int i = 0; i < c.rows; i++) check_alone(&m, &c, i, 1, isa, session, together);
        free_call(&c);
    }
    ech_session_destroy(session);
    free_model(&m);
}

static void test_long_contexts(void) {
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int format = ECH_CACHE_F32; format < ECH_CACHE_FORMAT_COUNT; format++) check_long_context(format, isas[s]);
}

static void test_bf16_output(void) {
    static const int shapes[][2] = {{1, 32}, {3, 7}, {2, 24}, {3, 48}};
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int k = 0; k < 4; k++) {
        model m = new_model(shapes[k][0], shapes[k][1], 32, 1, true, ECH_CACHE_F32);
        const int lengths[SLOTS] = {20, 9, 3}, from[SLOTS] = {0};
        ragged c = random_call(&m, lengths, from);
        const int count = c.rows * m.heads * m.dim;
        float *results[2] = {malloc((size_t)count * 4), malloc((size_t)count * 4)};
        for (int s = 0; s < isa_count; s++) {
            for (int element = ECH_F32; element <= ECH_BF16; element += ECH_BF16) {
                tape t = {0};
                build(&t, &m, &c, 2, true, element, results[element / ECH_BF16]);
                ech_session *session = tape_session(&t, SLOTS, 32, 1);
                tape_run(&t, isas[s], session, c.rows, 2, 3);
                ech_session_destroy(session);
                tape_free(&t);
            }
            for (int i = 0; i < count; i++)
                CHECK(results[1][i] == rounded_to_bf16(results[0][i]), "%d heads of %d: %g rounds to %g", m.heads,
                      m.dim, results[0][i], results[1][i]);
        }
        free(results[0]), free(results[1]);
        free_call(&c);
        free_model(&m);
    }
}

/// One row that attends at recurrence t without writing anything.
static void read_at(ech_session *session, const float *query, int32_t position, int t, float *out) {
    const int32_t slot = 0, depth = 0;
    tape read = {0};
    ech_instruction *attention = tape_add(&read, ECH_WAVEFRONT_ATTENTION);
    attention->in[0] = tape_parameter(&read, ECH_F32, 16, query);
    attention->in[1] = tape_parameter(&read, ECH_I32, 1, &slot);
    attention->in[2] = tape_parameter(&read, ECH_I32, 1, &position);
    attention->in[3] = tape_parameter(&read, ECH_I32, 1, &depth);
    attention->out[0] = tape_result(&read, ECH_F32, 16, out);
    attention->cache = tape_cache(&read, 1, 16, true);
    attention->i0 = 1;
    attention->recurrence = t;
    tape_run(&read, ECH_ISA_PORTABLE, session, 1, 1, 1);
    tape_free(&read);
}

static void test_reading_keeps_depths(void) {
    model m = new_model(1, 16, 8, 4, true, ECH_CACHE_F32);
    const int lengths[SLOTS] = {8, 0, 0}, from[SLOTS] = {0};
    ragged c = random_call(&m, lengths, from);
    float written[8 * 16], before[16], between[16], after[16];
    tape write = {0};
    build(&write, &m, &c, 3, false, ECH_F32, written);
    ech_session *session = tape_session(&write, SLOTS, 8, 4);
    tape_run(&write, ECH_ISA_PORTABLE, session, c.rows, 3, 1);
    read_at(session, c.q, 7, 2, before);
    read_at(session, c.q, 3, 1, between); // with a depth of 1 now, position 3 would be read at 0
    read_at(session, c.q, 7, 2, after);
    CHECK(memcmp(before, after, sizeof before) == 0, "the second read differs");
    ech_session_destroy(session);
    tape_free(&write);
    free_call(&c);
    free_model(&m);
}

enum { ALL_RECURRENCES = 6, AT_ONCE = 2 }; // of a position, and of a call

/// The rows of step `step` of three wavefronts, one in each slot: in each step `entering` positions more begin, after
/// `first` in their slot.
static ragged wavefront_call(const model *m, int step, int entering, const int first[SLOTS]) {
    ragged c = {0};
    for (int slot = 0; slot < SLOTS; slot++)
        for (int begun = 0; begun <= step + slot; begun++) {
            const int depth = AT_ONCE * (step + slot - begun); // slots are at different steps
            for (int i = 0; depth < ALL_RECURRENCES && i < entering; i++) {
                c.slots[c.rows] = slot;
                c.positions[c.rows] = first[slot] + begun * entering + i;
                c.depths[c.rows++] = depth;
            }
        }
    shuffle(&c);
    const int64_t count = (int64_t)c.rows * m->heads * m->dim;
    c.q = random_floats(count), c.k = random_floats(count), c.v = random_floats(count);
    return c;
}

/// Runs only those rows of a call that are in the slot and at the depth, if it is not negative.
static void run_part(const model *m, const ragged *c, int slot, int depth, int isa, ech_session *session,
                     float *results) {
    const size_t width = (size_t)(m->heads * m->dim);
    ragged part = {.q = malloc((size_t)c->rows * width * 4),
                   .k = malloc((size_t)c->rows * width * 4),
                   .v = malloc((size_t)c->rows * width * 4)};
    int rows[MAX_ROWS];
    for (int i = 0; i < c->rows; i++) {
        if (c->slots[i] != slot || (depth >= 0 && c->depths[i] != depth)) continue;
        const int to = part.rows++;
        rows[to] = i;
        part.slots[to] = slot, part.positions[to] = c->positions[i], part.depths[to] = c->depths[i];
        memcpy(part.q + (size_t)to * width, c->q + (size_t)i * width, width * sizeof *c->q);
        memcpy(part.k + (size_t)to * width, c->k + (size_t)i * width, width * sizeof *c->k);
        memcpy(part.v + (size_t)to * width, c->v + (size_t)i * width, width * sizeof *c->v);
    }
    float *result = malloc((size_t)c->rows * width * sizeof *result);
    if (part.rows > 0) {
        tape t = {0};
        build(&t, m, &part, AT_ONCE, false, ECH_F32, result);
        tape_run(&t, isa, session, part.rows, AT_ONCE, 1);
        tape_free(&t);
    }
    for (int i = 0; i < part.rows; i++)
        memcpy(results + (size_t)rows[i] * width, result + (size_t)i * width, width * sizeof *result);
    free(result);
    free_call(&part);
}

/// Rows of all depths in one call, against the model, and to the bit against a call for each depth of each slot. If the
/// budget does not hold every recurrence, a position's depths share entries, and only slots can be taken apart.
static void check_depths(int heads, int dim, int budget, int format, int entering, int isa) {
    enum { CONTEXT = 240, STEPS = 5 };
    static const int nothing[SLOTS] = {0}, first[SLOTS] = {40, 3, 0};
    const size_t width = (size_t)(heads * dim);
    model m = new_model(heads, dim, CONTEXT, budget, true, format);
    ragged prompt = random_call(&m, first, nothing);
    const size_t most = MAX_ROWS * width;
    expectation *expected = malloc(most * sizeof *expected);
    float *together = malloc(most * sizeof *together), *apart = malloc(most * sizeof *apart);
    ech_session *sessions[2];
    model_call(&m, &prompt, ALL_RECURRENCES, expected);
    for (int s = 0; s < 2; s++) {
        tape t = {0};
        build(&t, &m, &prompt, ALL_RECURRENCES, true, ECH_F32, together);
        sessions[s] = tape_session_in(&t, SLOTS, CONTEXT, budget, format);
        tape_run(&t, isa, sessions[s], prompt.rows, ALL_RECURRENCES, 2);
        tape_free(&t);
    }
    free_call(&prompt);
    for (int step = 0; step < STEPS; step++) {
        ragged c = wavefront_call(&m, step, entering, first);
        model_call(&m, &c, AT_ONCE, expected);
        tape t = {0};
        build(&t, &m, &c, AT_ONCE, step % 2, ECH_F32, together);
        tape_run(&t, isa, sessions[0], c.rows, AT_ONCE, 1 + step % 3);
        tape_free(&t);
        for (int slot = 0; slot < SLOTS; slot++) {
            if (budget < ALL_RECURRENCES) run_part(&m, &c, slot, -1, isa, sessions[1], apart);
            else // older rows first, which are the deeper ones
                for (int depth = ALL_RECURRENCES - AT_ONCE; depth >= 0; depth -= AT_ONCE)
                    run_part(&m, &c, slot, depth, isa, sessions[1], apart);
        }
        for (int i = 0; i < c.rows; i++) {
            CHECK(memcmp(together + (size_t)i * width, apart + (size_t)i * width, width * sizeof *apart) == 0,
                  "%d heads of %d, budget %d, format %d, %s, step %d: slot %d, position %d, depth %d differs apart",
                  heads, dim, budget, format, ech_isa_name(isa), step, c.slots[i], c.positions[i], c.depths[i]);
            for (size_t j = (size_t)i * width; j < (size_t)(i + 1) * width; j++)
                CHECK(is_met(&expected[j], together[j]),
                      "%d heads of %d, budget %d, format %d, %s, step %d: slot %d, position %d, depth %d is %g, not %g",
                      heads, dim, budget, format, ech_isa_name(isa), step, c.slots[i], c.positions[i], c.depths[i],
                      together[j], expected[j].result);
        }
        free_call(&c);
    }
    for (int s = 0; s < 2; s++) ech_session_destroy(sessions[s]);
    free(expected), free(together), free(apart);
    free_model(&m);
}

static void test_depths(void) {
    int isas[ECH_ISA_COUNT];
    const int isa_count = available_isas(isas);
    for (int s = 0; s < isa_count; s++)
        for (int format = ECH_CACHE_F32; format < ECH_CACHE_FORMAT_COUNT; format++)
            for (int budget = 1; budget <= 6; budget = budget == 1 ? 2 : budget + 4) {
                check_depths(2, 7, budget, format, 1, isas[s]);
                check_depths(3, 40, budget, format, 5, isas[s]);
                check_depths(1, 96, budget, format, 20, isas[s]); // rows of one depth in and across row blocks
            }
}

int main(void) {
    run_test("attention follows the cache rule for every budget and sequence of calls", test_budgets);
    run_test("attention holds over block boundaries, for a row alone and together with others", test_wavefronts);
    run_test("attention holds from the first to the last of 4096 positions", test_long_contexts);
    run_test("attention holds for extreme scores and whatever later positions contain", test_extreme_scores);
    run_test("attention's bf16 output is its rounded f32 output", test_bf16_output);
    run_test("rows of any depths in one call are as those of each depth alone", test_depths);
    run_test("a call that only reads keeps the depths", test_reading_keeps_depths);
    return tests_finished();
}
