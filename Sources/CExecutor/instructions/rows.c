/// Instructions that are divided by rows and have a kernel for each instruction set.
#include "instructions/rows.h"
#include "instructions/operation.h"

ech_row_work ech_row_work_of(const ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    ech_row_work work = {
        .scratch = (float *)walk->scratch,
        .heads = instruction->i0,
        .constant = instruction->f0,
        .begin = (int32_t)walk->rows.begin,
        .end = (int32_t)walk->rows.end,
    };
    for (int k = 0; k < 5 && instruction->in[k] >= 0; k++) work.in[k] = ech_view_of(run, instruction->in[k]);
    for (int k = 0; k < 2 && instruction->out[k] >= 0; k++) work.out[k] = ech_view_of(run, instruction->out[k]);
    for (int k = 0; k < 2 && instruction->weight[k] >= 0; k++)
        work.weight[k] = run->program->weights[instruction->weight[k]].data;
    return work;
}

void ech_run_row_kernel(ech_walk *walk, const ech_instruction *instruction) {
    const ech_row_work work = ech_row_work_of(walk, instruction);
    walk->run->program->kernels->row[instruction->opcode](&work);
}

void ech_run_slice(ech_walk *walk, const ech_instruction *instruction) {
    ech_row_work work = ech_row_work_of(walk, instruction);
    work.from = instruction->i0;
    walk->run->program->kernels->row[ECH_SLICE](&work);
}

void ech_run_rope(ech_walk *walk, const ech_instruction *instruction) {
    ech_row_work work = ech_row_work_of(walk, instruction);
    work.rope = ech_rope_values(walk->run, instruction, 0, instruction->f0, work.in[0].width / instruction->i0);
    walk->run->program->kernels->row[ECH_ROPE](&work);
}

// MARK: Checks

bool ech_check_slice(const ech_check *c) {
    const int32_t from = c->instruction->i0, to = c->instruction->i1;
    if (from < 0 || to <= from || to > ech_in(c, 0)->width)
        return ECH_REFUSE(c, "takes columns %d ..< %d of %d.", from, to, ech_in(c, 0)->width);
    return ech_same_width(c, ech_out(c, 0)->width, to - from, "its output");
}

bool ech_check_rope(const ech_check *c) {
    const int32_t heads = c->instruction->i0, width = ech_in(c, 0)->width;
    if (heads < 1 || width % heads != 0) return ECH_REFUSE(c, "has %d heads in %d columns.", heads, width);
    return ech_check_rotation(c, 0, c->instruction->f0, width / heads) &&
           ech_check_positions(c, c->instruction->in[1]) && ech_same_output_width(c);
}

bool ech_check_argmax(const ech_check *c) {
    (void)c; // a row of any width has a largest column
    return true;
}

bool ech_check_unary(const ech_check *c) { return ech_same_output_width(c); }

static bool check_second_operand(const ech_check *c) {
    return ech_same_width(c, ech_in(c, 1)->width, ech_in(c, 0)->width, "its second operand");
}

bool ech_check_elementwise(const ech_check *c) { return check_second_operand(c) && ech_same_output_width(c); }

bool ech_check_start(const ech_check *c) {
    return ech_check_elementwise(c) && ech_check_depths(c, c->instruction->in[2]);
}

static bool check_vector(const ech_check *c) {
    return ech_same_width(c, ech_weight_at(c, 0)->columns, ech_in(c, 0)->width, "its weight");
}

bool ech_check_bias(const ech_check *c) { return ech_same_output_width(c) && check_vector(c); }

bool ech_check_relative_difference(const ech_check *c) {
    ech_need_row(c, ech_in(c, 0)->width);
    return check_second_operand(c);
}

bool ech_check_norm(const ech_check *c) { return ech_check_eps(c) && check_vector(c) && ech_same_output_width(c); }

bool ech_check_norm_add(const ech_check *c) { return ech_check_norm(c) && check_second_operand(c); }

bool ech_check_add_norm(const ech_check *c) {
    ech_need_row(c, ech_in(c, 0)->width);
    return ech_check_norm_add(c);
}

bool ech_check_add_keep_norm(const ech_check *c) {
    return ech_check_add_norm(c) && ech_same_width(c, ech_out(c, 1)->width, ech_in(c, 0)->width, "its second output");
}

bool ech_check_add_norm_norm(const ech_check *c) {
    return ech_check_add_keep_norm(c) &&
           ech_same_width(c, ech_weight_at(c, 1)->columns, ech_in(c, 0)->width, "its second weight");
}
