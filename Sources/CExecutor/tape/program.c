/// Programs: checks a tape once, and everything that running it relies on. A tape comes from a plan file, which anyone
/// may have written.
#include "core/arithmetic.h"
#include "core/cache.h"
#include "core/failure.h"
#include "core/kernels.h"
#include "formats/formats.h"
#include "instructions/operation.h"

#include <stdlib.h>
#include <string.h>

// MARK: Tables

static bool check_buffers(const ech_program *program, char *message) {
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const ech_buffer *buffer = &program->buffers[i];
        if (!ech_element_name(buffer->element))
            return ech_fail(message, "Buffer %d of the plan has the unknown element type %d.", i, buffer->element);
        if (buffer->width < 1 || buffer->width > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Buffer %d of the plan has the width %d, which is not in 1 ... %d.", i,
                            buffer->width, ECH_WIDTH_LIMIT);
        if (buffer->storage == ECH_ARENA) {
            if (buffer->offset_per_row < 0 || buffer->offset_per_row % 64 != 0 ||
                buffer->offset_per_row > program->arena_bytes_per_row ||
                ech_element_bytes_per_row(buffer->element, buffer->width) >
                    program->arena_bytes_per_row - buffer->offset_per_row)
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
                            parameter ? "parameter" : "result", ech_element_name(buffer->element));
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

static bool check_weights(const ech_program *program, char *message) {
    for (int32_t i = 0; i < program->weight_count; i++) {
        const ech_weight *w = &program->weights[i];
        if (w->rows < 1 || w->rows > ECH_WIDTH_LIMIT || w->columns < 1 || w->columns > ECH_WIDTH_LIMIT)
            return ech_fail(message, "Weight %d of the plan has %d rows and %d columns; each has to be in 1 ... %d.", i,
                            w->rows, w->columns, ECH_WIDTH_LIMIT);
        const ech_format_form *format = ech_format_describe(w->format);
        if (!format) return ech_fail(message, "Weight %d of the plan has the unknown format %d.", i, w->format);
        if (w->columns > format->columns_limit)
            return ech_fail(message, "Weight %d of the plan has %d columns; there can be %lld in %s.", i, w->columns,
                            (long long)format->columns_limit, format->name);
        const int64_t bytes = ech_format_bytes(w->format, w->rows, w->columns);
        if (w->bytes != bytes)
            return ech_fail(message, "Weight %d of the plan has %lld bytes instead of %lld.", i, (long long)w->bytes,
                            (long long)bytes);
        if (!w->data || (uintptr_t)w->data % (uintptr_t)format->alignment != 0)
            return ech_fail(message, "Weight %d of the plan lies at an address that is not a multiple of %lld.", i,
                            (long long)format->alignment);
    }
    return true;
}

/// Makes room for q8 outputs, which only instructions divided by rows have: they are put together in a second row.
static void need_rows_of_q8(const ech_check *c) {
    for (int k = 0; k < 2; k++)
        if (c->instruction->out[k] >= 0 && ech_out(c, k)->element == ECH_Q8)
            ech_need(&c->program->scratch.fixed, 2 * ech_round_up(ech_out(c, k)->width, 16) * (int64_t)sizeof(float));
}

static bool check_tape(ech_program *program, char *message) {
    int32_t loop_end = 0;
    for (int32_t i = 0; i < program->instruction_count; i++) {
        const ech_instruction *instruction = &program->instructions[i];
        if (instruction->opcode < 0 || instruction->opcode >= ECH_OPCODE_COUNT)
            return ech_fail(message, "Instruction %d of the plan has the unknown opcode %d.", i, instruction->opcode);
        if (i >= loop_end) loop_end = 0;
        const ech_check c = {program, instruction, i, loop_end, message};
        if (!ech_check_operands(&c) || !ech_operations[instruction->opcode].check(&c)) return false;
        need_rows_of_q8(&c);
        if (instruction->opcode == ECH_REPEAT) loop_end = i + 1 + instruction->i0;
    }
    return true;
}

// MARK: Stages

static bool is_divided_by_rows(const ech_instruction *instruction) {
    return ech_operations[instruction->opcode].form.division == ECH_BY_ROWS;
}

/// Divides a checked tape into stages. Loops begin and end with one.
static void find_stages(ech_program *program) {
    ech_stage *stages = program->stages;
    int32_t count = 0, body_end = 0; // the instruction after the last loop's body
    for (int32_t i = 0; i < program->instruction_count; i++) {
        const ech_instruction *instruction = &program->instructions[i];
        const bool joins = i > 0 && i != body_end && !instruction->barrier && is_divided_by_rows(instruction) &&
                           is_divided_by_rows(instruction - 1);
        if (joins) {
            stages[count - 1].end = i + 1;
            continue;
        }
        const bool repeats = instruction->opcode == ECH_REPEAT;
        stages[count++] = (ech_stage){.begin = i, .end = repeats ? i : i + 1};
        if (repeats) body_end = i + 1 + instruction->i0;
    }
    program->stage_count = count;
    for (int32_t repeat = 0; repeat < count; repeat++) {
        if (stages[repeat].begin < stages[repeat].end) continue;
        const int32_t end = stages[repeat].begin + 1 + program->instructions[stages[repeat].begin].i0;
        int32_t loop_end = repeat + 1;
        while (loop_end < count && stages[loop_end].begin < end) loop_end++;
        for (int32_t i = repeat; i < loop_end; i++) stages[i].loop_begin = repeat + 1, stages[i].loop_end = loop_end;
    }
}

// MARK: Creation

/// Zeroed memory for a table, NULL if there is none or the count is out of range. It has room for one entry more, so
/// that it is never of zero bytes.
static void *room_for(int32_t count, size_t size) {
    return count < 0 || count > ECH_COUNT_LIMIT ? NULL : calloc((size_t)count + 1, size);
}

/// A copy of a table, NULL if there is no memory or the count is out of range.
static void *copied(const void *table, int32_t count, size_t size) {
    if (count > 0 && !table) return NULL;
    void *copy = room_for(count, size);
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
    if (parameter_count < 0 || parameter_count > ECH_COUNT_LIMIT || result_count < 0 ||
        result_count > ECH_COUNT_LIMIT || arena_bytes_per_row < 0 || arena_bytes_per_row > ECH_ARENA_LIMIT) {
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
            .stages = room_for(instruction_count, sizeof(ech_stage)),
            .buffers = copied(buffers, buffer_count, sizeof *buffers),
            .weights = copied(weights, weight_count, sizeof *weights),
            .caches = copied(caches, cache_count, sizeof *caches),
            .token_limit = room_for(parameter_count, sizeof(int64_t)),
            .ropes = room_for(instruction_count, sizeof(ech_rope_need)),
            .instruction_count = instruction_count,
            .buffer_count = buffer_count,
            .weight_count = weight_count,
            .cache_count = cache_count,
            .parameter_count = parameter_count,
            .result_count = result_count,
            .slots_parameter = -1,
            .positions_parameter = -1,
            .depths_parameter = -1,
            .max_group = 1,
            .arena_bytes_per_row = arena_bytes_per_row,
            .isa = isa,
            .kernels = ech_kernels_for(isa),
        };
        for (int32_t format = 0; format < ECH_FORMAT_COUNT; format++)
            program->strips[format] = ech_format_kernel(format, isa);
    }
    if (!program || !program->instructions || !program->stages || !program->buffers || !program->weights ||
        !program->caches || !program->token_limit || !program->ropes) {
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
    find_stages(program);
    return program;
}

void ech_program_destroy(ech_program *program) {
    if (!program) return;
    free(program->instructions);
    free(program->stages);
    free(program->buffers);
    free(program->weights);
    free(program->caches);
    free(program->token_limit);
    free(program->ropes);
    free(program);
}
