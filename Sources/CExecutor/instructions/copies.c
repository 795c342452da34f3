/// copy and concat: rows that are moved and not changed.
#include "instructions/operation.h"
#include "instructions/rows.h"

#include <string.h>

bool ech_check_concat(const ech_check *c) {
    return ech_same_width(c, ech_out(c, 0)->width, (int64_t)ech_in(c, 0)->width + ech_in(c, 1)->width, "its output");
}

void ech_run_concat(ech_walk *walk, const ech_instruction *instruction) {
    const ech_row_work work = ech_row_work_of(walk, instruction);
    const int64_t a = work.in[0].width, b = work.in[1].width;
    for (int64_t i = work.begin; i < work.end; i++) {
        float *out = (float *)work.out[0].data + i * (a + b);
        memcpy(out, (const float *)work.in[0].data + i * a, (size_t)a * sizeof *out);
        memcpy(out + a, (const float *)work.in[1].data + i * b, (size_t)b * sizeof *out);
    }
}

bool ech_check_copy(const ech_check *c) {
    if (ech_in(c, 0)->element != ech_out(c, 0)->element)
        return ECH_REFUSE(c, "copies %s to %s.", ech_element_name(ech_in(c, 0)->element),
                          ech_element_name(ech_out(c, 0)->element));
    return ech_same_output_width(c);
}

/// Copies rows begin ..< end of a tiled buffer. A row has `bytes` bytes, 64 in each block.
static void copy_tiled(const char *from, char *to, int64_t bytes, int64_t tile, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
        for (int64_t block = 0; block < bytes; block += ECH_ROW_BYTES) {
            const int64_t offset = i / tile * tile * bytes + block * tile + i % tile * ECH_ROW_BYTES;
            memmove(to + offset, from + offset, ECH_ROW_BYTES);
        }
}

static void copy_q8(const ech_row_work *work) {
    const ech_q8_rows from = ech_q8_of(&work->in[0]), to = ech_q8_of(&work->out[0]);
    const int64_t groups = from.columns64 / ECH_Q8_SUMMED;
    copy_tiled((const char *)from.values, (char *)to.values, from.columns64, work->in[0].tile, work->begin, work->end);
    for (int64_t i = work->begin; i < work->end; i++) {
        to.scales[i] = from.scales[i];
        to.totals[i] = from.totals[i];
        memmove(to.sums + i * groups, from.sums + i * groups, (size_t)groups * sizeof *to.sums);
    }
}

void ech_run_copy(ech_walk *walk, const ech_instruction *instruction) {
    const ech_row_work work = ech_row_work_of(walk, instruction);
    const ech_view from = work.in[0], to = work.out[0];
    if (from.data == to.data) return;
    const int64_t bytes = ech_element_bytes_per_row(from.element, from.width);
    switch ((enum ech_element)from.element) {
    case ECH_Q8: copy_q8(&work); break;
    case ECH_BF16: copy_tiled(from.data, to.data, bytes, from.tile, work.begin, work.end); break;
    case ECH_F32:
    case ECH_I32:
        memmove((char *)to.data + work.begin * bytes, (const char *)from.data + work.begin * bytes,
                (size_t)((work.end - work.begin) * bytes));
    }
}
