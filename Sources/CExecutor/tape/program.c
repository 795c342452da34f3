/// Programs: a tape comes from a plan file, which anyone may have written, so everything that running it relies on is
/// checked here once.
#include "core/executor.h"
#include "core/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// MARK: The form of each opcode

/// What an operand may be.
enum kind {
    NONE,
    F32,
    F32_OR_BF16,
    BF16_OR_Q8,
    NUMBERS,    ///< f32, bf16 or q8
    SCALAR,     ///< f32 of width 1
    INDEX,      ///< i32 of width 1, a parameter
    I32_SCALAR, ///< i32 of width 1
    ANY,
};

enum weight_kind { NO_WEIGHT, VECTOR, MATRIX };

typedef struct {
    const char *name;
    uint8_t in[4], out[2], weight[2];
    bool cache;
} form;

static const form forms[ECH_OPCODE_COUNT] = {
    [ECH_EMBED] = {"embed", {INDEX}, {F32}, {MATRIX}, false},
    [ECH_LINEAR] = {"linear", {NUMBERS}, {F32}, {MATRIX}, false},
    [ECH_SLICE] = {"slice", {F32}, {NUMBERS}, {0}, false},
    [ECH_CONCAT] = {"concat", {F32, F32}, {F32}, {0}, false},
    [ECH_BIAS] = {"bias", {F32}, {NUMBERS}, {VECTOR}, false},
    [ECH_ROPE] = {"rope", {F32, INDEX}, {F32}, {0}, false},
    [ECH_CACHE_WRITE] = {"cache_write", {F32, F32, INDEX, INDEX}, {0}, {0}, true},
    [ECH_WAVEFRONT_ATTENTION] = {"wavefront_attention", {F32, INDEX, INDEX}, {F32_OR_BF16}, {0}, true},
    [ECH_NORM] = {"norm", {F32}, {NUMBERS}, {VECTOR}, false},
    [ECH_ADD] = {"add", {F32, F32}, {NUMBERS}, {0}, false},
    [ECH_SILU] = {"silu", {F32}, {NUMBERS}, {0}, false},
    [ECH_MULTIPLY] = {"multiply", {F32, F32}, {NUMBERS}, {0}, false},
    [ECH_MIX] = {"mix", {F32, F32, SCALAR, SCALAR}, {NUMBERS}, {0}, false},
    [ECH_ARGMAX] = {"argmax", {F32}, {I32_SCALAR}, {0}, false},
    [ECH_RELATIVE_DIFFERENCE] = {"relative_difference", {F32, F32}, {SCALAR}, {0}, false},
    [ECH_CONVERT] = {"convert", {F32}, {BF16_OR_Q8}, {0}, false},
    [ECH_PROJECT_ROPE_WRITE] = {"project_rope_write", {NUMBERS, INDEX, INDEX}, {F32}, {MATRIX, VECTOR}, true},
    [ECH_LINEAR_SILU_GATE] = {"linear_silu_gate", {NUMBERS}, {F32_OR_BF16}, {MATRIX}, false},
    [ECH_ADD_NORM] = {"add_norm", {F32, F32}, {NUMBERS}, {VECTOR}, false},
    [ECH_ADD_NORM_NORM] = {"add_norm_norm", {F32, F32}, {NUMBERS, NUMBERS}, {VECTOR, VECTOR}, false},
    [ECH_ADD_KEEP_NORM] = {"add_keep_norm", {F32, F32}, {NUMBERS, NUMBERS}, {VECTOR}, false},
    [ECH_LINEAR_ARGMAX] = {"linear_argmax", {NUMBERS}, {I32_SCALAR}, {MATRIX}, false},
    [ECH_COPY] = {"copy", {ANY}, {ANY}, {0}, false},
    [ECH_REPEAT] = {"repeat", {0}, {0}, {0}, false},
};

static const char *const element_names[] = {"f32", "i32", "bf16", "q8"};

/// Formats of weights, with the element of the input that a product with them takes.
static const struct {
    const char *name;
    int32_t input;
} formats[] = {
    [ECH_WEIGHT_F32] = {"f32", ECH_F32},
    [ECH_WEIGHT_BF16] = {"bf16", ECH_BF16},
    [ECH_WEIGHT_INT8] = {"int8", ECH_Q8},
    [ECH_WEIGHT_INT4] = {"int4", ECH_Q8},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

/// A check of one instruction under way.
typedef struct {
    ech_program *program;
    const ech_instruction *instruction;
    int32_t number;
    int32_t loop_end; ///< the instruction after the loop around this one, 0 outside loops
    char *message;
} check;

#define FAIL(c, format, ...)                                                                                           \
    ech_fail((c)->message, "Instruction %d (%s) of the plan " format, (c)->number,                                     \
             forms[(c)->instruction->opcode].name, __VA_ARGS__)

static const ech_buffer *in(const check *c, int k) { return &c->program->buffers[c->instruction->in[k]]; }
static const ech_buffer *out(const check *c, int k) { return &c->program->buffers[c->instruction->out[k]]; }
static const ech_weight *weight(const check *c, int k) { return &c->program->weights[c->instruction->weight[k]]; }
static const ech_cache *cache(const check *c) { return &c->program->caches[c->instruction->cache]; }

// MARK: Tables

static int64_t bytes_per_row(const ech_buffer *buffer) {
    switch (buffer->element) {
    case ECH_BF16: return ech_round_up(buffer->width, 32) * 2;
    case ECH_Q8: return ech_q8_bytes_per_row(buffer->width);
    default: return (int64_t)buffer->width * 4;
    }
}

static bool check_buffers(const ech_program *program, char *message) {
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const ech_buffer *buffer = &program->buffers[i];
        if (buffer->element < ECH_F32 || buffer->element > ECH_Q8)
            return ech_fail(message, "Buffer %d of the plan has the unknown element type %d.", i, buffer->element);
        if (buffer->width < 1 || buffer->width > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Buffer %d of the plan has the width %d, which is not in 1 ... %d.", i,
                            buffer->width, ECH_WIDTH_LIMIT);
        if (buffer->storage == ECH_ARENA) {
            if (buffer->offset_per_row < 0 || buffer->offset_per_row % 64 != 0 ||
                buffer->offset_per_row > program->arena_bytes_per_row ||
                bytes_per_row(buffer) > program->arena_bytes_per_row - buffer->offset_per_row)
                return ech_fail(message,
                                "Buffer %d of the plan, at byte %lld of the arena's rows, does not lie within "
                                "their %lld bytes at a multiple of 64.",
                                i, (long long)buffer->offset_per_row, (long long)program->arena_bytes_per_row);
            continue;
        }
        if (buffer->storage != ECH_PARAMETER && buffer->storage != ECH_RESULT)
            return ech_fail(message, "Buffer %d of the plan has the unknown storage %d.", i, buffer->storage);
        bool parameter = buffer->storage == ECH_PARAMETER;
        if (buffer->index < 0 || buffer->index >= (parameter ? program->parameter_count : program->result_count))
            return ech_fail(message, "Buffer %d of the plan is %s %d, which the function does not have.", i,
                            parameter ? "parameter" : "result", buffer->index);
        if (buffer->element == ECH_BF16 || buffer->element == ECH_Q8)
            return ech_fail(message, "Buffer %d of the plan is a %s in %s, a type that only the arena can hold.", i,
                            parameter ? "parameter" : "result", element_names[buffer->element]);
    }
    return true;
}

/// Buffers that stand for the same parameter or result have to agree on its type: the caller has only one.
static bool check_agreement(const ech_program *program, int32_t storage, int32_t count, char *message) {
    int32_t *first = malloc(((size_t)count + 1) * sizeof *first);
    if (!first) return ech_fail(message, "There is not enough memory to load the plan.");
    for (int32_t i = 0; i < count; i++) first[i] = -1;
    bool agree = true;
    for (int32_t i = 0; agree && i < program->buffer_count; i++) {
        const ech_buffer *buffer = &program->buffers[i];
        if (buffer->storage != storage) continue;
        int32_t *known = &first[buffer->index];
        if (*known < 0) *known = i;
        const ech_buffer *other = &program->buffers[*known];
        if (other->element != buffer->element || other->width != buffer->width)
            agree = ech_fail(message,
                             "Buffers %d and %d of the plan are the same parameter or result, but not of the "
                             "same type.",
                             *known, i);
    }
    free(first);
    return agree;
}

/// The bytes of a weight whose rows and columns are within ECH_WIDTH_LIMIT, so that no product leaves 64 bits.
static int64_t bytes_of(const ech_weight *w) {
    const int64_t rows32 = ech_round_up(w->rows, 32), columns64 = ech_round_up(w->columns, 64);
    switch (w->format) {
    case ECH_WEIGHT_BF16: return rows32 * ech_round_up(w->columns, 32) * 2;
    case ECH_WEIGHT_INT8: return rows32 * columns64 + rows32 * (int64_t)sizeof(float);
    case ECH_WEIGHT_INT4: return rows32 / 32 * (columns64 / 64) * ECH_INT4_BLOCK_BYTES;
    default: return (int64_t)w->rows * w->columns * (int64_t)sizeof(float);
    }
}

static bool check_weights(const ech_program *program, char *message) {
    for (int32_t i = 0; i < program->weight_count; i++) {
        const ech_weight *w = &program->weights[i];
        if (w->rows < 1 || w->rows > ECH_WIDTH_LIMIT || w->columns < 1 || w->columns > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Weight %d of the plan has %d rows and %d columns; each has to be in 1 ... %d.", i,
                            w->rows, w->columns, ECH_WIDTH_LIMIT);
        if (w->format < 0 || w->format >= FORMAT_COUNT)
            return ech_fail(message, "Weight %d of the plan has the unknown format %d.", i, w->format);
        if (w->format == ECH_WEIGHT_INT8 && w->columns > ECH_INT8_COLUMNS_LIMIT)
            return ech_fail(message, "Weight %d of the plan has %d columns; there can be %d in int8.", i, w->columns,
                            ECH_INT8_COLUMNS_LIMIT);
        if (w->bytes != bytes_of(w))
            return ech_fail(message, "Weight %d of the plan has %lld bytes instead of %lld.", i, (long long)w->bytes,
                            (long long)bytes_of(w));
        const size_t alignment = w->format == ECH_WEIGHT_F32 ? sizeof(float) : 64;
        if (!w->data || (uintptr_t)w->data % alignment != 0)
            return ech_fail(message, "Weight %d of the plan lies at an address that is not a multiple of %zu.", i,
                            alignment);
    }
    return true;
}

bool ech_caches_check(const ech_cache *caches, int32_t count, char *message) {
    for (int32_t i = 0; i < count; i++)
        if (caches[i].heads < 1 || caches[i].dim < 1 || (int64_t)caches[i].heads * caches[i].dim > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Cache %d has %d heads of %d columns; their product has to be in 1 ... %d.", i,
                            caches[i].heads, caches[i].dim, ECH_WIDTH_LIMIT);
    return true;
}

// MARK: Operands

static bool check_operand(const check *c, const char *place, int k, int32_t index, uint8_t kind) {
    if (kind == NONE) {
        if (index != -1) return FAIL(c, "has an operand %s%d, which has to be -1 there.", place, k);
        return true;
    }
    if (index < 0 || index >= c->program->buffer_count)
        return FAIL(c, "has buffer %d as operand %s%d, and the plan has %d buffers.", index, place, k,
                    c->program->buffer_count);
    const ech_buffer *buffer = &c->program->buffers[index];
    bool fits = true;
    switch (kind) {
    case F32: fits = buffer->element == ECH_F32; break;
    case F32_OR_BF16: fits = buffer->element == ECH_F32 || buffer->element == ECH_BF16; break;
    case BF16_OR_Q8: fits = buffer->element == ECH_BF16 || buffer->element == ECH_Q8; break;
    case NUMBERS: fits = buffer->element != ECH_I32; break;
    case SCALAR: fits = buffer->element == ECH_F32 && buffer->width == 1; break;
    case I32_SCALAR: fits = buffer->element == ECH_I32 && buffer->width == 1; break;
    case INDEX: fits = buffer->element == ECH_I32 && buffer->width == 1 && buffer->storage == ECH_PARAMETER; break;
    default: break;
    }
    if (!fits)
        return FAIL(c, "cannot take buffer %d, %s of width %d in storage %d, as operand %s%d.", index,
                    element_names[buffer->element], buffer->width, buffer->storage, place, k);
    return true;
}

static bool check_operands(const check *c) {
    const ech_instruction *instruction = c->instruction;
    const form *f = &forms[instruction->opcode];
    for (int k = 0; k < 4; k++)
        if (!check_operand(c, "in", k, instruction->in[k], f->in[k])) return false;
    for (int k = 0; k < 2; k++) {
        if (!check_operand(c, "out", k, instruction->out[k], f->out[k])) return false;
        if (f->out[k] != NONE && out(c, k)->storage == ECH_PARAMETER)
            return FAIL(c, "writes buffer %d, a parameter; parameters are only read.", instruction->out[k]);
        if (f->weight[k] == NO_WEIGHT
                ? instruction->weight[k] != -1
                : instruction->weight[k] < 0 || instruction->weight[k] >= c->program->weight_count)
            return FAIL(c, "has %d as weight %d, which does not exist or has to be -1.", instruction->weight[k], k);
        if (f->weight[k] == VECTOR && (weight(c, k)->format != ECH_WEIGHT_F32 || weight(c, k)->rows != 1))
            return FAIL(c, "needs one row of f32 as weight %d, and weight %d is something else.", k,
                        instruction->weight[k]);
    }
    if (f->cache ? instruction->cache < 0 || instruction->cache >= c->program->cache_count : instruction->cache != -1)
        return FAIL(c, "has %d as cache, which does not exist or has to be -1.", instruction->cache);
    return true;
}

// MARK: Widths and constants

static bool same_width(const check *c, int64_t width, int64_t expected, const char *what) {
    if (width == expected) return true;
    return FAIL(c, "has the width %lld as that of %s; %lld is needed.", (long long)width, what, (long long)expected);
}

/// A matrix product's input: of the element that the weight's format takes, and of K columns.
static bool check_product(const check *c) {
    const ech_weight *w = weight(c, 0);
    if (in(c, 0)->element != formats[w->format].input)
        return FAIL(c, "multiplies a weight in %s by an input in %s; it has to be in %s.", formats[w->format].name,
                    element_names[in(c, 0)->element], element_names[formats[w->format].input]);
    return same_width(c, in(c, 0)->width, w->columns, "its input");
}

static bool check_eps(const check *c) {
    float eps = c->instruction->f0;
    return (isfinite(eps) && eps >= 0) ||
           FAIL(c, "has %g as eps; a finite number of at least 0 is needed.", (double)eps);
}

static bool check_base(const check *c) {
    float base = c->instruction->f0;
    return (isfinite(base) && base > 0) ||
           FAIL(c, "has %g as rotary base; a finite number above 0 is needed.", (double)base);
}

/// Rows of these indexes are checked in each call, so a program has one parameter for each purpose.
static bool take_parameter(const check *c, int32_t *known, int32_t buffer, const char *what) {
    int32_t index = c->program->buffers[buffer].index;
    if (*known >= 0 && *known != index)
        return FAIL(c, "takes its %s from parameter %d, and an earlier instruction from parameter %d.", what, index,
                    *known);
    *known = index;
    return true;
}

static bool check_heads(const check *c, int64_t width) {
    int32_t heads = c->instruction->i0;
    if (heads < 1 || width % heads != 0) return FAIL(c, "has %d heads in %lld columns.", heads, (long long)width);
    return true;
}

static bool check_cache_use(const check *c, int slots, int positions, bool writes) {
    ech_program *program = c->program;
    if (!take_parameter(c, &program->slots_parameter, c->instruction->in[slots], "slots") ||
        !take_parameter(c, &program->positions_parameter, c->instruction->in[positions], "positions"))
        return false;
    if (!cache(c)->recurrent) return true;
    if (c->instruction->recurrence < -1)
        return FAIL(c, "has the recurrence %d; at least -1 is needed.", c->instruction->recurrence);
    if (c->instruction->recurrence == -1 && !c->loop_end)
        return FAIL(c, "%s", "takes its recurrence from a loop, but is in none.");
    if (writes) program->writes_recurrent = true;
    else program->reads_recurrent = true;
    return true;
}

/// Raises what a thread's scratch has to hold.
static void need(int64_t *known, int64_t bytes) {
    if (bytes > *known) *known = bytes;
}

/// So many times what a thread computes of a product at once.
static void need_pieces(const check *c, int32_t count) {
    const bool packed = weight(c, 0)->format != ECH_WEIGHT_F32;
    const int32_t outputs = packed ? ECH_STRIPS_AT_ONCE * ECH_STRIP : ECH_F32_CHUNK;
    need(&c->program->scratch.per_row, (int64_t)sizeof(float) * count * outputs);
}

static void need_row(const check *c, int64_t width) {
    need(&c->program->scratch.fixed, ech_round_up(width, 16) * (int64_t)sizeof(float));
}

/// q8 outputs, which only instructions split by rows have, are put together in a second row.
static void need_rows_of_q8(const check *c) {
    for (int k = 0; k < 2; k++)
        if (c->instruction->out[k] >= 0 && out(c, k)->element == ECH_Q8)
            need(&c->program->scratch.fixed, 2 * ech_round_up(out(c, k)->width, 16) * (int64_t)sizeof(float));
}

static bool check_loop(const check *c) {
    int32_t count = c->instruction->i0;
    if (c->loop_end) return FAIL(c, "%s", "stands inside a loop; loops do not nest.");
    if (count < 1 || count > c->program->instruction_count - c->number - 1)
        return FAIL(c, "has a body of %d instructions, and %d follow it.", count,
                    c->program->instruction_count - c->number - 1);
    return true;
}

/// Widths, heads and constants of one instruction whose operands exist and have the right elements.
static bool check_relations(const check *c) {
    ech_program *program = c->program;
    const ech_instruction *instruction = c->instruction;
    switch ((enum ech_opcode)instruction->opcode) {
    case ECH_EMBED: {
        int64_t *limit = &program->token_limit[in(c, 0)->index];
        if (!*limit || weight(c, 0)->rows < *limit) *limit = weight(c, 0)->rows;
        if (!isfinite(instruction->f0)) return FAIL(c, "has %g as scale.", (double)instruction->f0);
        return same_width(c, out(c, 0)->width, weight(c, 0)->columns, "its output");
    }
    case ECH_LINEAR:
        need_pieces(c, 1);
        return check_product(c) && same_width(c, out(c, 0)->width, weight(c, 0)->rows, "its output");
    case ECH_SLICE:
        if (instruction->i0 < 0 || instruction->i1 <= instruction->i0 || instruction->i1 > in(c, 0)->width)
            return FAIL(c, "takes columns %d ..< %d of %d.", instruction->i0, instruction->i1, in(c, 0)->width);
        return same_width(c, out(c, 0)->width, instruction->i1 - instruction->i0, "its output");
    case ECH_CONCAT: return same_width(c, out(c, 0)->width, (int64_t)in(c, 0)->width + in(c, 1)->width, "its output");
    case ECH_BIAS:
        return same_width(c, out(c, 0)->width, in(c, 0)->width, "its output") &&
               same_width(c, weight(c, 0)->columns, in(c, 0)->width, "its weight");
    case ECH_ROPE:
        if (!check_heads(c, in(c, 0)->width) || !check_base(c) ||
            !take_parameter(c, &program->positions_parameter, instruction->in[1], "positions"))
            return false;
        if (in(c, 0)->width / instruction->i0 % 2 != 0)
            return FAIL(c, "turns pairs of columns, and a head has %d.", in(c, 0)->width / instruction->i0);
        return same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_CACHE_WRITE: {
        int64_t width = (int64_t)cache(c)->heads * cache(c)->dim;
        return check_cache_use(c, 2, 3, true) && same_width(c, in(c, 0)->width, width, "the keys") &&
               same_width(c, in(c, 1)->width, width, "the values");
    }
    case ECH_WAVEFRONT_ATTENTION: {
        int64_t width = (int64_t)cache(c)->heads * cache(c)->dim;
        if (instruction->i0 != cache(c)->heads)
            return FAIL(c, "has %d heads, and its cache %d.", instruction->i0, cache(c)->heads);
        need(&program->scratch.fixed, ech_attention_scratch(ech_round_up(cache(c)->dim, 16)) * (int64_t)sizeof(float));
        return check_cache_use(c, 1, 2, false) && same_width(c, in(c, 0)->width, width, "the queries") &&
               same_width(c, out(c, 0)->width, width, "its output");
    }
    case ECH_PROJECT_ROPE_WRITE: {
        int64_t width = (int64_t)cache(c)->heads * cache(c)->dim;
        if (instruction->i0 != cache(c)->heads)
            return FAIL(c, "has %d heads, and its cache %d.", instruction->i0, cache(c)->heads);
        if (cache(c)->dim % 2 != 0) return FAIL(c, "turns pairs of columns, and a head has %d.", cache(c)->dim);
        need_pieces(c, 1);
        return check_cache_use(c, 1, 2, true) && check_base(c) && check_product(c) &&
               same_width(c, weight(c, 0)->rows, 3 * width, "its weight's outputs") &&
               same_width(c, weight(c, 1)->columns, 2 * width, "its bias") &&
               same_width(c, out(c, 0)->width, width, "its output");
    }
    case ECH_SILU:
    case ECH_CONVERT: return same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_ADD:
    case ECH_MULTIPLY:
    case ECH_MIX:
        return same_width(c, in(c, 1)->width, in(c, 0)->width, "its second operand") &&
               same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_ARGMAX: return true;
    case ECH_RELATIVE_DIFFERENCE:
        need_row(c, in(c, 0)->width);
        return same_width(c, in(c, 1)->width, in(c, 0)->width, "its second operand");
    case ECH_LINEAR_SILU_GATE:
        need_pieces(c, 2);
        return check_product(c) &&
               same_width(c, weight(c, 0)->rows, 2 * (int64_t)out(c, 0)->width, "its weight's outputs");
    case ECH_LINEAR_ARGMAX:
        program->scratch.best = true;
        need_pieces(c, 1);
        return check_product(c);
    case ECH_NORM:
        return check_eps(c) && same_width(c, weight(c, 0)->columns, in(c, 0)->width, "its weight") &&
               same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_ADD_NORM_NORM:
    case ECH_ADD_KEEP_NORM:
        if (!same_width(c, out(c, 1)->width, in(c, 0)->width, "its second output")) return false;
        if (instruction->opcode == ECH_ADD_NORM_NORM &&
            !same_width(c, weight(c, 1)->columns, in(c, 0)->width, "its second weight"))
            return false;
        __attribute__((fallthrough));
    case ECH_ADD_NORM:
        need_row(c, in(c, 0)->width);
        return check_eps(c) && same_width(c, in(c, 1)->width, in(c, 0)->width, "its second operand") &&
               same_width(c, weight(c, 0)->columns, in(c, 0)->width, "its weight") &&
               same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_COPY:
        if (in(c, 0)->element != out(c, 0)->element)
            return FAIL(c, "copies %s to %s.", element_names[in(c, 0)->element], element_names[out(c, 0)->element]);
        return same_width(c, out(c, 0)->width, in(c, 0)->width, "its output");
    case ECH_REPEAT: return check_loop(c);
    case ECH_OPCODE_COUNT: break;
    }
    return false;
}

static bool check_tape(ech_program *program, char *message) {
    int32_t loop_end = 0;
    for (int32_t i = 0; i < program->instruction_count; i++) {
        const ech_instruction *instruction = &program->instructions[i];
        if (instruction->opcode < 0 || instruction->opcode >= ECH_OPCODE_COUNT)
            return ech_fail(message, "Instruction %d of the plan has the unknown opcode %d.", i, instruction->opcode);
        if (i >= loop_end) loop_end = 0;
        const check c = {program, instruction, i, loop_end, message};
        if (!check_operands(&c) || !check_relations(&c)) return false;
        need_rows_of_q8(&c);
        if (instruction->opcode == ECH_REPEAT) loop_end = i + 1 + instruction->i0;
    }
    return true;
}

// MARK: Creation

/// A copy of a table, NULL when there is no memory or the count is negative. Never of zero bytes.
static void *copied(const void *table, int32_t count, size_t size) {
    if (count < 0 || count > ECH_COUNT_LIMIT || (count > 0 && !table)) return NULL;
    void *copy = calloc((size_t)count + 1, size);
    if (copy && count > 0) memcpy(copy, table, (size_t)count * size);
    return copy;
}

ech_program *ech_program_create(const ech_instruction *instructions, int32_t instruction_count,
                                const ech_buffer *buffers, int32_t buffer_count, const ech_weight *weights,
                                int32_t weight_count, const ech_cache *caches, int32_t cache_count,
                                int32_t parameter_count, int32_t result_count, int64_t arena_bytes_per_row, int isa,
                                char message[ECH_MESSAGE_SIZE]) {
    if (!ech_isa_available(isa)) {
        ech_fail(message, "This machine cannot run the instruction set %s (%d).", ech_isa_name(isa), isa);
        return NULL;
    }
    // A row in the arena holds some buffers side by side.
    const int64_t arena_limit = (int64_t)1 << 36;
    if (parameter_count < 0 || parameter_count > ECH_COUNT_LIMIT || result_count < 0 ||
        result_count > ECH_COUNT_LIMIT || arena_bytes_per_row < 0 || arena_bytes_per_row > arena_limit) {
        ech_fail(message,
                 "The plan's function has %d parameters, %d results and an arena of %lld bytes a row, which is "
                 "out of range.",
                 parameter_count, result_count, (long long)arena_bytes_per_row);
        return NULL;
    }
    ech_program *program = calloc(1, sizeof *program);
    if (program) {
        *program = (ech_program){
            .instructions = copied(instructions, instruction_count, sizeof *instructions),
            .buffers = copied(buffers, buffer_count, sizeof *buffers),
            .weights = copied(weights, weight_count, sizeof *weights),
            .caches = copied(caches, cache_count, sizeof *caches),
            .token_limit = calloc((size_t)parameter_count + 1, sizeof(int64_t)),
            .instruction_count = instruction_count,
            .buffer_count = buffer_count,
            .weight_count = weight_count,
            .cache_count = cache_count,
            .parameter_count = parameter_count,
            .result_count = result_count,
            .slots_parameter = -1,
            .positions_parameter = -1,
            .arena_bytes_per_row = arena_bytes_per_row,
            .isa = isa,
        };
    }
    if (!program || !program->instructions || !program->buffers || !program->weights || !program->caches ||
        !program->token_limit) {
        ech_fail(message,
                 "The plan's tables (%d instructions, %d buffers, %d weights, %d caches) are out of range or do "
                 "not fit in memory.",
                 instruction_count, buffer_count, weight_count, cache_count);
        ech_program_destroy(program);
        return NULL;
    }
    if (!check_buffers(program, message) || !check_agreement(program, ECH_PARAMETER, parameter_count, message) ||
        !check_agreement(program, ECH_RESULT, result_count, message) || !check_weights(program, message) ||
        !ech_caches_check(program->caches, cache_count, message) || !check_tape(program, message)) {
        ech_program_destroy(program);
        return NULL;
    }
    ech_blas_single_threaded();
    return program;
}

void ech_program_destroy(ech_program *program) {
    if (!program) return;
    free(program->instructions);
    free(program->buffers);
    free(program->weights);
    free(program->caches);
    free(program->token_limit);
    free(program);
}
