/// The instructions whose work is split by rows: each thread computes the same rows in all of them.
#include "cache.h"
#include "executor.h"

#include <string.h>

/// Element (n, k) of a packed weight, see ECH_WEIGHT_BF16.
static float packed_element(const uint16_t *data, int64_t columns32, int64_t n, int64_t k) {
    const uint16_t half =
        data[n / 32 * 32 * columns32 + k / 32 * 1024 + n % 32 / 16 * 512 + k % 32 / 2 * 32 + n % 16 * 2 + k % 2];
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void embed(const ech_row_work *work, const ech_weight *weight) {
    const int32_t *tokens = work->in[0].data;
    const int64_t columns32 = ech_round_up(weight->columns, 32);
    for (int64_t i = work->begin; i < work->end; i++) {
        float *out = (float *)work->out[0].data + i * weight->columns;
        if (weight->format == ECH_WEIGHT_BF16) {
            for (int64_t k = 0; k < weight->columns; k++)
                out[k] = packed_element(weight->data, columns32, tokens[i], k) * work->constant;
        } else {
            const float *row = (const float *)weight->data + (int64_t)tokens[i] * weight->columns;
            for (int64_t k = 0; k < weight->columns; k++) out[k] = row[k] * work->constant;
        }
    }
}

static void concat(const ech_row_work *work) {
    const int64_t a = work->in[0].width, b = work->in[1].width;
    for (int64_t i = work->begin; i < work->end; i++) {
        float *out = (float *)work->out[0].data + i * (a + b);
        memcpy(out, (const float *)work->in[0].data + i * a, (size_t)a * sizeof *out);
        memcpy(out + a, (const float *)work->in[1].data + i * b, (size_t)b * sizeof *out);
    }
}

static void copy(const ech_row_work *work) {
    const ech_view from = work->in[0], to = work->out[0];
    if (from.data == to.data) return;
    if (from.element != ECH_BF16) {
        const int64_t bytes = (int64_t)from.width * 4;
        memmove((char *)to.data + work->begin * bytes, (const char *)from.data + work->begin * bytes,
                (size_t)((work->end - work->begin) * bytes));
        return;
    }
    const int64_t tile = from.tile, width32 = ech_round_up(from.width, 32);
    for (int64_t i = work->begin; i < work->end; i++)
        for (int64_t k = 0; k < width32; k += 32) {
            const int64_t offset = i / tile * tile * width32 + k * tile + i % tile * 32;
            memmove((uint16_t *)to.data + offset, (const uint16_t *)from.data + offset, 32 * sizeof(uint16_t));
        }
}

static void cache_write(const ech_row_work *work, const ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_cache_memory *cache = &run->session->caches[instruction->cache];
    const int32_t entry = cache->recurrent ? ech_recurrence(walk, instruction) % cache->entries : 0;
    const int64_t dim = cache->dim, width = dim * cache->heads;
    for (int64_t i = work->begin; i < work->end; i++)
        for (int32_t head = 0; head < cache->heads; head++) {
            const int64_t to = ech_cache_head(cache, run->slots[i], entry, head), from = i * width + head * dim;
            ech_cache_put_key(cache, to, run->positions[i], 0, (const float *)work->in[0].data + from, cache->dim);
            ech_cache_put_value(cache, to, run->positions[i], 0, (const float *)work->in[1].data + from, cache->dim);
        }
}

void ech_run_rows(ech_walk *walk, const ech_instruction *instruction) {
    const ech_run_state *run = walk->run;
    const ech_share share = ech_share_of(run->call->rows, walk->thread, walk->threads);
    if (share.begin == share.end) return;
    ech_row_work work = {
        .scratch = (float *)walk->scratch,
        .heads = instruction->i0,
        .from = instruction->opcode == ECH_SLICE ? instruction->i0 : 0,
        .constant = instruction->f0,
        .begin = (int32_t)share.begin,
        .end = (int32_t)share.end,
    };
    for (int k = 0; k < 4 && instruction->in[k] >= 0; k++) work.in[k] = ech_view_of(run, instruction->in[k]);
    for (int k = 0; k < 2 && instruction->out[k] >= 0; k++) work.out[k] = ech_view_of(run, instruction->out[k]);
    for (int k = 0; k < 2 && instruction->weight[k] >= 0; k++)
        work.weight[k] = run->program->weights[instruction->weight[k]].data;

    switch (instruction->opcode) {
    case ECH_EMBED: embed(&work, &run->program->weights[instruction->weight[0]]); break;
    case ECH_CONCAT: concat(&work); break;
    case ECH_COPY: copy(&work); break;
    case ECH_CACHE_WRITE: cache_write(&work, walk, instruction); break;
    case ECH_ROPE:
        work.rope = ech_session_rope(run->session, instruction->f0, work.in[0].width / instruction->i0)->values;
        run->kernels->row[ECH_ROPE](&work);
        break;
    default: run->kernels->row[instruction->opcode](&work); break;
    }
}
