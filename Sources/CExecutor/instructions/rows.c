/// The instructions whose work is split by rows: each thread computes the same rows in all of them.
#include "core/cache.h"
#include "core/executor.h"

#include <string.h>

static float widen(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Row n of a weight, each element times `factor`; for the places of elements see the formats of CExecutor.h.

static void read_f32_row(const ech_weight *weight, int64_t n, float factor, float *out) {
    const float *row = (const float *)weight->data + n * weight->columns;
    for (int64_t k = 0; k < weight->columns; k++) out[k] = row[k] * factor;
}

static void read_bf16_row(const ech_weight *weight, int64_t n, float factor, float *out) {
    const uint16_t *strip = (const uint16_t *)weight->data + n / 32 * 32 * ech_round_up(weight->columns, 32);
    const uint16_t *row = strip + n % 32 / 16 * 512 + n % 16 * 2;
    for (int64_t k = 0; k < weight->columns; k++) out[k] = widen(row[k / 32 * 1024 + k % 32 / 2 * 32 + k % 2]) * factor;
}

static void read_int8_row(const ech_weight *weight, int64_t n, float factor, float *out) {
    const ech_int8_strip strip = ech_int8_strip_at(weight->data, weight->rows, weight->columns, n / 32 * 32);
    const int8_t *row = strip.values + n % 32 / 16 * 1024 + n % 16 * 4;
    const float scale = strip.scales[n % 32];
    for (int64_t k = 0; k < weight->columns; k++)
        out[k] = (float)row[k / 64 * 2048 + k % 64 / 4 * 64 + k % 4] * scale * factor;
}

static void read_int4_row(const ech_weight *weight, int64_t n, float factor, float *out) {
    const int64_t blocks = ech_round_up(weight->columns, 64) / 64;
    const uint8_t *strip = (const uint8_t *)weight->data + n / 32 * blocks * ECH_INT4_BLOCK_BYTES;
    for (int64_t k = 0; k < weight->columns; k++) {
        const uint8_t *block = strip + k / 64 * ECH_INT4_BLOCK_BYTES;
        const int64_t group = k % 64 / 32;
        const int nibbles = block[n % 32 / 16 * 512 + k % 32 / 4 * 64 + n % 16 * 4 + k % 4];
        uint16_t scale;
        memcpy(&scale, block + 1024 + group * 64 + n % 32 * 2, sizeof scale);
        out[k] = (float)((group ? nibbles >> 4 : nibbles & 15) - 8) * widen(scale) * factor;
    }
}

static void embed(const ech_row_work *work, const ech_weight *weight) {
    const int32_t *tokens = work->in[0].data;
    for (int64_t i = work->begin; i < work->end; i++) {
        float *out = (float *)work->out[0].data + i * weight->columns;
        switch (weight->format) {
        case ECH_WEIGHT_BF16: read_bf16_row(weight, tokens[i], work->constant, out); break;
        case ECH_WEIGHT_INT8: read_int8_row(weight, tokens[i], work->constant, out); break;
        case ECH_WEIGHT_INT4: read_int4_row(weight, tokens[i], work->constant, out); break;
        default: read_f32_row(weight, tokens[i], work->constant, out); break;
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

static void copy_q8(ech_q8_rows from, ech_q8_rows to, int64_t tile, int64_t begin, int64_t end) {
    const int64_t groups = from.columns64 / 32;
    for (int64_t i = begin; i < end; i++) {
        for (int64_t k = 0; k < from.columns64; k += 64) {
            const int64_t offset = i / tile * tile * from.columns64 + k * tile + i % tile * 64;
            memmove(to.values + offset, from.values + offset, 64);
        }
        to.scales[i] = from.scales[i];
        to.totals[i] = from.totals[i];
        memmove(to.sums + i * groups, from.sums + i * groups, (size_t)groups * sizeof *to.sums);
    }
}

static void copy(const ech_row_work *work) {
    const ech_view from = work->in[0], to = work->out[0];
    if (from.data == to.data) return;
    if (from.element == ECH_Q8) {
        copy_q8(ech_q8_of(&from), ech_q8_of(&to), from.tile, work->begin, work->end);
        return;
    }
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
