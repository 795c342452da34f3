/// Checks that several operations share. A tape comes from a plan file, which anyone may have written.
#include "instructions/operation.h"

#include <math.h>

// MARK: Operands

static bool check_operand(const ech_check *c, const char *place, int k, int32_t index, ech_operand_kind kind) {
    if (!kind) {
        if (index != -1) return ECH_REFUSE(c, "has an operand %s%d, which has to be -1 there.", place, k);
        return true;
    }
    if (index < 0 || index >= c->program->buffer_count)
        return ECH_REFUSE(c, "has buffer %d as operand %s%d, and the plan has %d buffers.", index, place, k,
                          c->program->buffer_count);
    const ech_buffer *buffer = &c->program->buffers[index];
    const bool fits = (kind >> buffer->element & 1) != 0 && (!(kind & ECH_OPERAND_OF_WIDTH_1) || buffer->width == 1) &&
                      (!(kind & ECH_OPERAND_IN_PARAMETER) || buffer->storage == ECH_PARAMETER);
    if (!fits)
        return ECH_REFUSE(c, "cannot take buffer %d, %s of width %d in storage %d, as operand %s%d.", index,
                          ech_element_name(buffer->element), buffer->width, buffer->storage, place, k);
    return true;
}

static bool check_weight(const ech_check *c, int k, uint8_t kind) {
    const int32_t index = c->instruction->weight[k];
    if (kind == ECH_OPTIONAL_VECTOR && index == -1) return true;
    if (kind == ECH_NO_WEIGHT ? index != -1 : index < 0 || index >= c->program->weight_count)
        return ECH_REFUSE(c, "has %d as weight %d, which does not exist or has to be -1.", index, k);
    if ((kind == ECH_VECTOR || kind == ECH_OPTIONAL_VECTOR) &&
        (ech_weight_at(c, k)->format != ECH_WEIGHT_F32 || ech_weight_at(c, k)->rows != 1))
        return ECH_REFUSE(c, "needs one row of f32 as weight %d, and weight %d is something else.", k, index);
    return true;
}

/// The input of a matrix product has the element that the weight's format takes, and K columns.
static bool check_product(const ech_check *c) {
    const ech_weight *w = ech_weight_at(c, 0);
    const ech_format_form *format = ech_format_describe(w->format);
    if (ech_in(c, 0)->element != format->input)
        return ECH_REFUSE(c, "multiplies a weight in %s by an input in %s; it has to be in %s.", format->name,
                          ech_element_name(ech_in(c, 0)->element), ech_element_name(format->input));
    return ech_same_width(c, ech_in(c, 0)->width, w->columns, "its input");
}

bool ech_check_operands(const ech_check *c) {
    const ech_instruction *instruction = c->instruction;
    const ech_operation *operation = &ech_operations[instruction->opcode];
    for (int k = 0; k < 5; k++)
        if (!check_operand(c, "in", k, instruction->in[k], operation->in[k])) return false;
    for (int k = 0; k < 2; k++) {
        if (!check_operand(c, "out", k, instruction->out[k], operation->out[k])) return false;
        if (operation->out[k] && ech_out(c, k)->storage == ECH_PARAMETER)
            return ECH_REFUSE(c, "writes buffer %d, a parameter; parameters are only read.", instruction->out[k]);
    }
    for (int k = 0; k < 3; k++)
        if (!check_weight(c, k, operation->weight[k])) return false;
    const int32_t cache = instruction->cache;
    if (operation->form.cache ? cache < 0 || cache >= c->program->cache_count : cache != -1)
        return ECH_REFUSE(c, "has %d as cache, which does not exist or has to be -1.", cache);
    return !operation->form.reads_matrix || check_product(c);
}

// MARK: Widths and constants

bool ech_same_width(const ech_check *c, int64_t width, int64_t expected, const char *what) {
    if (width == expected) return true;
    return ECH_REFUSE(c, "has the width %lld as that of %s; %lld is needed.", (long long)width, what,
                      (long long)expected);
}

bool ech_same_output_width(const ech_check *c) {
    return ech_same_width(c, ech_out(c, 0)->width, ech_in(c, 0)->width, "its output");
}

bool ech_check_eps(const ech_check *c) {
    const float eps = c->instruction->f0;
    return (isfinite(eps) && eps >= 0) ||
           ECH_REFUSE(c, "has %g as eps; a finite number of at least 0 is needed.", (double)eps);
}

bool ech_check_rotation(const ech_check *c, int weight, float magnitude, int32_t dim) {
    ech_program *program = c->program;
    const ech_rope_need need = ech_rope_of(program, c->instruction, weight, magnitude, dim);
    if (!isfinite(need.magnitude) || need.magnitude <= 0)
        return ECH_REFUSE(c, "has %g as the magnitude of a rotary embedding; a finite number above 0 is needed.",
                          (double)need.magnitude);
    if (dim % 2 != 0) return ECH_REFUSE(c, "turns pairs of columns, and a head has %d.", dim);
    if (!ech_same_width(c, ech_weight_at(c, weight)->columns, dim / 2, "its frequencies")) return false;
    const ech_rope_need *last = program->rope_count > 0 ? &program->ropes[program->rope_count - 1] : NULL;
    if (last && last->frequencies == need.frequencies && last->magnitude == need.magnitude && last->dim == need.dim)
        return true;
    for (int32_t pair = 0; pair < dim / 2; pair++)
        if (!isfinite(need.frequencies[pair]))
            return ECH_REFUSE(c, "has %g as rotary frequency %d; each has to be a finite number.",
                              (double)need.frequencies[pair], pair);
    program->ropes[program->rope_count++] = need;
    return true;
}

// MARK: Caches

static bool take_parameter(const ech_check *c, int32_t *known, int32_t buffer, const char *what) {
    const int32_t index = c->program->buffers[buffer].index;
    if (*known >= 0 && *known != index)
        return ECH_REFUSE(c, "takes its %s from parameter %d, and an earlier instruction from parameter %d.", what,
                          index, *known);
    *known = index;
    return true;
}

bool ech_check_positions(const ech_check *c, int32_t buffer) {
    return take_parameter(c, &c->program->positions_parameter, buffer, "positions");
}

bool ech_check_depths(const ech_check *c, int32_t buffer) {
    return take_parameter(c, &c->program->depths_parameter, buffer, "depths");
}

bool ech_check_cache_use(const ech_check *c, int indices, bool writes) {
    ech_program *program = c->program;
    const int32_t *in = c->instruction->in + indices;
    if (!take_parameter(c, &program->slots_parameter, in[0], "slots") || !ech_check_positions(c, in[1]) ||
        !ech_check_depths(c, in[2]))
        return false;
    if (!ech_cache_at(c)->recurrent) return true;
    if (c->instruction->recurrence < -1)
        return ECH_REFUSE(c, "has the recurrence %d; at least -1 is needed.", c->instruction->recurrence);
    if (c->instruction->recurrence == -1 && !c->loop_end)
        return ECH_REFUSE(c, "%s", "takes its recurrence from a loop, but is in none.");
    program->max_recurrence = ech_max(program->max_recurrence, c->instruction->recurrence);
    if (writes) program->writes_recurrent = true;
    else program->reads_recurrent = true;
    return true;
}

bool ech_check_query_heads(const ech_check *c) {
    const int32_t heads = c->instruction->i0, cached = ech_cache_at(c)->heads;
    if (heads < 1 || heads % cached != 0)
        return ECH_REFUSE(c, "has %d query heads, and its cache %d heads; a multiple of those is needed.", heads,
                          cached);
    if (heads / cached > ECH_QUERY_BLOCK)
        return ECH_REFUSE(c, "has %d query heads for each head of its cache; at most %d can share one.", heads / cached,
                          ECH_QUERY_BLOCK);
    c->program->max_group = ech_max(c->program->max_group, heads / cached);
    return true;
}

// MARK: Scratch

void ech_need_row(const ech_check *c, int64_t width) {
    ech_need(&c->program->scratch.fixed, ech_round_up(width, 16) * (int64_t)sizeof(float));
}
