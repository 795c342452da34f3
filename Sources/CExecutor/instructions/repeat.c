/// repeat: the head of a loop. The walk along the tape runs the body; the instruction itself does nothing.
#include "instructions/operation.h"

bool ech_check_repeat(const ech_check *c) {
    const int32_t count = c->instruction->i0, rest = c->program->instruction_count - c->number - 1;
    if (c->loop_end) return ECH_REFUSE(c, "%s", "stands inside a loop; loops do not nest.");
    if (count < 1 || count > rest)
        return ECH_REFUSE(c, "has a body of %d instructions, and %d follow it.", count, rest);
    return true;
}

void ech_run_nothing(ech_walk *walk, const ech_instruction *instruction) { (void)walk, (void)instruction; }
