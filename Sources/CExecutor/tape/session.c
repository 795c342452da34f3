/// Sessions: the memory that outlives a call. Everything is mapped, so that memory that is never written costs nothing.
/// It is mapped before threads begin a call.
#define _DEFAULT_SOURCE
#include "core/session.h"
#include "core/arithmetic.h"
#include "core/cache.h"
#include "core/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif
#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

// MARK: Memory

/// The maximum size of a mapping: an eighth of the memory that a process can address.
static const int64_t mapping_limit = (int64_t)1 << 44;

static bool map(ech_mapping *mapping, int64_t bytes, int flags, const char *what, char *message) {
    void *data = MAP_FAILED;
    if (bytes <= mapping_limit)
        data = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (data == MAP_FAILED)
        return ech_fail(message, "There is not enough memory for %s, which needs %.1f MB.", what, (double)bytes / 1e6);
#if defined(MADV_HUGEPAGE)
    // Only a request. It is not made for memory that is written sparsely: a huge page takes space as a whole.
    if (!(flags & MAP_NORESERVE)) madvise(data, (size_t)bytes, MADV_HUGEPAGE);
#endif
    *mapping = (ech_mapping){data, bytes};
    return true;
}

static void unmap(ech_mapping *mapping) {
    if (mapping->data) munmap(mapping->data, (size_t)mapping->bytes);
    *mapping = (ech_mapping){0};
}

/// total += product of the factors; false when that leaves 64 bits.
static bool add_product(int64_t *total, int64_t a, int64_t b, int64_t c, int64_t d) {
    int64_t product;
    return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) &&
           !__builtin_mul_overflow(product, d, &product) && !__builtin_add_overflow(*total, product, total);
}

// MARK: Creation

/// The alignment of the parts of a session's mapping.
enum { PART_ALIGNMENT = 64 };

/// Places the caches, the depths and the marks one after another; returns false when the sum leaves 64 bits.
static bool lay_out(ech_session *session, const ech_cache *caches, int32_t format, int64_t *total) {
    // Attention may read the keys of all 64 positions of a block, even if the context ends inside it.
    const int64_t positions = ech_round_up(session->context, ECH_ATTENTION_BLOCK);
    *total = 0;
    for (int32_t i = 0; i < session->cache_count; i++) {
        ech_cache_memory *memory = &session->caches[i];
        memory->heads = caches[i].heads;
        memory->dim = caches[i].dim;
        memory->dim16 = (int32_t)ech_cache_padded(caches[i].dim);
        memory->format = format;
        memory->recurrent = caches[i].recurrent != 0;
        memory->entries = memory->recurrent ? session->budget : 1;
        memory->head_stride = positions * memory->dim16;
        if (__builtin_mul_overflow(memory->head_stride, (int64_t)memory->heads, &memory->entry_stride) ||
            __builtin_mul_overflow(memory->entry_stride, (int64_t)memory->entries, &memory->slot_stride) ||
            !add_product(total, (int64_t)session->slots * memory->entries, positions,
                         ech_cache_entry_bytes(&caches[i], format), 1))
            return false;
    }
    return add_product(total, session->slots, session->context, 1, sizeof(int32_t) + sizeof(uint8_t)) &&
           add_product(total, PART_ALIGNMENT, 1, 1, 1);
}

static void place(ech_session *session) {
    char *next = session->cache_memory.data;
    for (int32_t i = 0; i < session->cache_count; i++) {
        ech_cache_memory *memory = &session->caches[i];
        const ech_cache_format_record *format = &ech_cache_formats[memory->format];
        // 64 positions of 16 columns make every part a multiple of 64 bytes, and so do 64 scales.
        const int64_t numbers = memory->slot_stride * session->slots, bytes = numbers * format->number_bytes;
        memory->keys = next;
        memory->values = next + bytes;
        next += 2 * bytes;
        const int64_t scale_bytes = numbers / memory->dim16 * format->scale_bytes;
        if (scale_bytes > 0) {
            memory->key_scales = (float *)next;
            memory->value_scales = (float *)(next + scale_bytes);
        }
        next += 2 * scale_bytes;
    }
    const int64_t positions = (int64_t)session->slots * session->context;
    session->depth = (int32_t *)next;
    session->marked = (uint8_t *)(session->depth + positions);
}

ech_session *ech_session_create(const ech_cache *caches, int32_t cache_count, int32_t slots, int32_t context,
                                int32_t budget, int32_t cache_format, char message[ECH_MESSAGE_SIZE]) {
    if (!ech_cache_format_name(cache_format)) {
        char known[64] = "";
        for (int32_t format = 0, length = 0; format < ECH_CACHE_FORMAT_COUNT; format++)
            length += snprintf(known + length, sizeof known - (size_t)length, "%s%s (%d)", format ? " and " : "",
                               ech_cache_format_name(format), format);
        ech_fail(message, "A session's caches cannot have the format %d; there are %s.", cache_format, known);
        return NULL;
    }
    if (cache_count < 0 || cache_count > ECH_COUNT_LIMIT || (cache_count > 0 && !caches) || slots < 1 || context < 1 ||
        budget < 1) {
        ech_fail(message,
                 "A session of %d caches with %d slots, a context of %d and a budget of %d cannot be; each of the "
                 "last three has to be at least 1.",
                 cache_count, slots, context, budget);
        return NULL;
    }
    if (!ech_caches_check(caches, cache_count, message)) return NULL;
    ech_session *session = calloc(1, sizeof *session);
    ech_cache_memory *memory = calloc((size_t)cache_count + 1, sizeof *memory);
    if (!session || !memory) {
        free(session);
        free(memory);
        ech_fail(message, "There is not enough memory for a session.");
        return NULL;
    }
    *session = (ech_session){
        .slots = slots, .context = context, .budget = budget, .cache_count = cache_count, .caches = memory};
    int64_t bytes;
    if (!lay_out(session, caches, cache_format, &bytes)) {
        ech_fail(message, "A session with %d slots, a context of %d and a budget of %d is larger than any memory.",
                 slots, context, budget);
        ech_session_destroy(session);
        return NULL;
    }
    if (!map(&session->cache_memory, bytes, MAP_NORESERVE, "the session's caches", message)) {
        ech_session_destroy(session);
        return NULL;
    }
    place(session);
    return session;
}

void ech_session_destroy(ech_session *session) {
    if (!session) return;
    ech_team_destroy(session->team);
    unmap(&session->cache_memory);
    unmap(&session->arena);
    for (int32_t i = 0; i < session->rope_count; i++) {
        free(session->ropes[i].frequencies);
        free(session->ropes[i].values);
    }
    free(session->ropes);
    free(session->caches);
    free(session);
}

// MARK: Rotary tables

/// Computes rows known ..< positions, in float32 throughout like the published model code.
static void fill_rope(ech_rope_table *table, int32_t known, int32_t positions) {
    for (int32_t pair = 0; pair < table->dim / 2; pair++) {
        for (int32_t position = known; position < positions; position++) {
            const float angle = (float)position * table->frequencies[pair];
            const float cosine = cosf(angle) * table->magnitude, sine = sinf(angle) * table->magnitude;
            float *row = table->values + (int64_t)position * 2 * table->dim + 2 * pair;
            row[0] = row[1] = cosine;
            row[table->dim] = -sine;
            row[table->dim + 1] = sine;
        }
    }
}

/// Adds an empty table, whose number is that of the tables before it. The frequencies are copied, since the session may
/// outlive the program.
static bool add_rope(ech_session *session, ech_rope_need need) {
    ech_rope_table *tables = realloc(session->ropes, ((size_t)session->rope_count + 1) * sizeof *tables);
    if (!tables) return false;
    session->ropes = tables;
    const size_t bytes = (size_t)need.dim / 2 * sizeof(float);
    float *frequencies = malloc(bytes);
    if (!frequencies) return false;
    memcpy(frequencies, need.frequencies, bytes);
    tables[session->rope_count++] =
        (ech_rope_table){.frequencies = frequencies, .magnitude = need.magnitude, .dim = need.dim};
    return true;
}

/// Extends the table that an instruction needs to `positions`, which is at most the session's context.
static bool extend_rope(ech_session *session, ech_rope_need need, int32_t positions, char *message) {
    int32_t index = ech_rope_index(session, need);
    if (index < 0) {
        index = session->rope_count;
        if (!add_rope(session, need)) return ech_fail(message, "There is not enough memory for the rotary embedding.");
    }
    ech_rope_table *table = &session->ropes[index];
    if (table->positions >= positions) return true;
    // Twice as many as before, so that a growing sequence extends it rarely.
    int64_t wanted = 2 * (int64_t)table->positions;
    if (wanted < 256) wanted = 256;
    if (wanted < positions) wanted = positions;
    if (wanted > session->context) wanted = session->context;
    float *values = realloc(table->values, (size_t)wanted * 2 * (size_t)table->dim * sizeof *values);
    if (!values)
        return ech_fail(message, "There is not enough memory for the rotary embedding of %lld positions.",
                        (long long)wanted);
    table->values = values;
    fill_rope(table, table->positions, (int32_t)wanted);
    table->positions = (int32_t)wanted;
    return true;
}

static bool prepare_ropes(ech_session *session, const ech_program *program, const ech_call *call, char *message) {
    if (program->positions_parameter < 0) return true;
    const int32_t *positions = call->parameters[program->positions_parameter];
    int32_t count = 1;
    for (int32_t i = 0; i < call->rows; i++) count = ech_max(count, positions[i] + 1);
    for (int32_t i = 0; i < program->rope_count; i++)
        if (!extend_rope(session, program->ropes[i], count, message)) return false;
    return true;
}

// MARK: Threads

static bool prepare_team(ech_session *session, int threads, char *message) {
    if (session->team && ech_team_threads(session->team) == threads) return true;
    ech_team_destroy(session->team);
    session->team = ech_team_create(threads);
    return session->team || ech_fail(message, "The system refuses to start %d threads; use fewer.", threads);
}

// MARK: Arena

bool ech_session_prepare(ech_session *session, const ech_program *program, const ech_call *call, int threads,
                         ech_arena *arena, char *message) {
    if (!prepare_team(session, threads, message) || !prepare_ropes(session, program, call, message)) return false;
    const ech_scratch_need *need = &program->scratch;
    const int64_t capacity = ech_round_up(call->rows, 16);
    // Room between two threads' scratch, so that prefetching in one does not take lines from the next.
    const int64_t thread_alignment = 256;
    int64_t work = 0, scratch = 0, total = 0;
    bool fits = add_product(&work, need->per_row, capacity, 1, 1);
    if (work < need->fixed) work = need->fixed;
    work = ech_round_up(work, 64);
    scratch = work + (need->best ? 64 + ech_round_up(capacity * 8, 64) : 0);
    scratch = ech_round_up(scratch, thread_alignment);
    fits = fits && add_product(&total, program->arena_bytes_per_row, capacity, 1, 1);
    const int64_t scratch_begin = total;
    fits = fits && add_product(&total, scratch, threads, 1, 1);
    const int64_t saved_begin = total;
    fits = fits && add_product(&total, capacity, sizeof(int32_t), 1, 1);
    // Capacity is a multiple of 16, so each part begins at a multiple of 64.
    const int64_t ordered_begin = total;
    fits = fits && add_product(&total, capacity, sizeof(ech_ordered_row), 1, 1);
    const int64_t blocks_begin = total;
    fits = fits && add_product(&total, capacity, sizeof(ech_row_block), 2, 1);
    const int64_t tracks_begin = total = ech_round_up(total, sizeof(ech_running_track));
    fits = fits && add_product(&total, sizeof(ech_running_track), threads, 1, 1);
    if (!fits) return ech_fail(message, "A call of %d rows needs more memory than there can be.", call->rows);
    if (total > session->arena.bytes) {
        ech_mapping larger;
        if (!map(&larger, total, 0, "the values between instructions", message)) return false;
        unmap(&session->arena);
        session->arena = larger;
    }
    char *data = session->arena.data;
    *arena = (ech_arena){
        .buffers = data,
        .scratch = data + scratch_begin,
        .scratch_stride = scratch,
        .best_offset = work,
        .saved_depth = (int32_t *)(data + saved_begin),
        .ordered_rows = (ech_ordered_row *)(data + ordered_begin),
        .row_blocks = (ech_row_block *)(data + blocks_begin),
        .tracks = (ech_running_track *)(data + tracks_begin),
        .capacity = (int32_t)capacity,
    };
    return true;
}
