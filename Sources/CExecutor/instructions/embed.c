/// embed: looks up the rows of tokens in an embedding table of any format.
#include "formats/formats.h"
#include "instructions/operation.h"
#include "instructions/rows.h"

#include <math.h>

bool ech_check_embed(const ech_check *c) {
    const ech_weight *table = ech_weight_at(c, 0);
    int64_t *limit = &c->program->token_limit[ech_in(c, 0)->index];
    if (!*limit || table->rows < *limit) *limit = table->rows;
    if (!isfinite(c->instruction->f0)) return ECH_REFUSE(c, "has %g as scale.", (double)c->instruction->f0);
    return ech_same_width(c, ech_out(c, 0)->width, table->columns, "its output");
}

void ech_run_embed(ech_walk *walk, const ech_instruction *instruction) {
    const ech_row_work work = ech_row_work_of(walk, instruction);
    const ech_weight *table = &walk->run->program->weights[instruction->weight[0]];
    const int32_t *tokens = work.in[0].data;
    for (int64_t i = work.begin; i < work.end; i++)
        ech_formats[table->format]->read_row(table, tokens[i], work.constant,
                                             (float *)work.out[0].data + i * table->columns);
}
