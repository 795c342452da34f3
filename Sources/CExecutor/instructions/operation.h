/// The records of operations, from opcodes.def, and what their check functions need.
#ifndef ECHELON_OPERATION_H
#define ECHELON_OPERATION_H

#include "CExecutor.h"
#include "core/failure.h"
#include "core/program.h"
#include "core/walk.h"

#include <stdbool.h>
#include <stdint.h>

/// The kind of an operand: the elements that it may have, as bits 1 << element, and more bits that restrict it. 0 if
/// there is no operand.
typedef uint32_t ech_operand_kind;
enum {
    ECH_OPERAND_OF_WIDTH_1 = 1 << 8,
    ECH_OPERAND_IN_PARAMETER = 1 << 9,
    ECH_OPERAND_ELEMENTS = ECH_OPERAND_OF_WIDTH_1 - 1, ///< the bits of elements
};

enum ech_weight_kind { ECH_NO_WEIGHT, ECH_VECTOR, ECH_OPTIONAL_VECTOR, ECH_TABLE, ECH_MATRIX };

/// A check of one instruction.
typedef struct ech_check {
    ech_program *program;
    const ech_instruction *instruction;
    int32_t number;
    int32_t loop_end; ///< the instruction after the loop around this one, 0 outside loops
    char *message;
} ech_check;

typedef struct {
    ech_opcode_form form;
    ech_operand_kind in[5], out[2];
    uint8_t weight[3]; ///< ech_weight_kind
    /// Checks widths and constants of an instruction whose operands exist and have the right elements, and notes in the
    /// program what it needs.
    bool (*check)(const ech_check *check);
    /// Computes the walk's rows, or the units that it pops from the walk's loop.
    void (*run)(ech_walk *walk, const ech_instruction *instruction);
} ech_operation;

/// The units of work of an instruction that is divided by outputs or pairs.
typedef ech_work (*ech_divide)(const ech_run_state *run, const ech_instruction *instruction);
/// Puts together what threads have found in the units of loop number `epoch`.
typedef void (*ech_combine)(const ech_run_state *run, const ech_instruction *instruction, uint32_t epoch);

extern const ech_operation ech_operations[ECH_OPCODE_COUNT];
extern const ech_divide ech_divisions[ECH_OPCODE_COUNT];     ///< NULL for other instructions
extern const ech_combine ech_combinations[ECH_OPCODE_COUNT]; ///< NULL if there is nothing to combine

#define ECH_OPERATION(constant, number, name, in, out, weights, cache, integers, floats, division, check, run)         \
    bool ech_check_##check(const ech_check *c);                                                                        \
    void ech_run_##run(ech_walk *walk, const ech_instruction *instruction);
#define ECH_DIVIDED(constant, name)                                                                                    \
    ech_work ech_divide_##name(const ech_run_state *run, const ech_instruction *instruction);
#define ECH_COMBINED(constant, name)                                                                                   \
    void ech_combine_##name(const ech_run_state *run, const ech_instruction *instruction, uint32_t epoch);
#include "opcodes.def"

// MARK: Checks

/// Refuses an instruction. The format continues the sentence "Instruction N (name) of the plan …".
#define ECH_REFUSE(c, format, ...)                                                                                     \
    ech_fail((c)->message, "Instruction %d (%s) of the plan " format, (c)->number,                                     \
             ech_operations[(c)->instruction->opcode].form.name, __VA_ARGS__)

static inline const ech_buffer *ech_in(const ech_check *c, int k) {
    return &c->program->buffers[c->instruction->in[k]];
}
static inline const ech_buffer *ech_out(const ech_check *c, int k) {
    return &c->program->buffers[c->instruction->out[k]];
}
static inline const ech_weight *ech_weight_at(const ech_check *c, int k) {
    return &c->program->weights[c->instruction->weight[k]];
}
/// Whether the instruction has its optional weight number `k`.
static inline bool ech_has_weight(const ech_check *c, int k) { return c->instruction->weight[k] >= 0; }
static inline const ech_cache *ech_cache_at(const ech_check *c) { return &c->program->caches[c->instruction->cache]; }

/// Checks that the operands of the instruction exist and have the kinds that its opcode says.
bool ech_check_operands(const ech_check *c);

bool ech_same_width(const ech_check *c, int64_t width, int64_t expected, const char *what);
/// Checks that out0 is as wide as in0.
bool ech_same_output_width(const ech_check *c);
/// Checks f0 as the epsilon of a norm.
bool ech_check_eps(const ech_check *c);
/// Checks weight number `weight` and f0 as the frequencies and the magnitude of a rotary embedding of heads of `dim`
/// columns, and notes that the program needs its table.
bool ech_check_rotation(const ech_check *c, int weight, float magnitude, int32_t dim);
/// Checks that the parameter of buffer `buffer` is the one that all instructions use for their positions, or depths.
/// They are checked in each call, so a program has one parameter for them; likewise for slots.
bool ech_check_positions(const ech_check *c, int32_t buffer);
bool ech_check_depths(const ech_check *c, int32_t buffer);
/// Checks the slots, positions and depths, inputs number `indices` and the two after it, and the recurrence of an
/// instruction that reads or writes a cache.
bool ech_check_cache_use(const ech_check *c, int indices, bool writes);
/// Checks that i0 is a number of query heads that can share the heads of the cache, and notes in the program how many
/// share one.
bool ech_check_query_heads(const ech_check *c);

/// The columns of all heads of the instruction's cache.
static inline int64_t ech_cache_width(const ech_check *c) {
    return (int64_t)ech_cache_at(c)->heads * ech_cache_at(c)->dim;
}
/// The columns of i0 query heads.
static inline int64_t ech_query_width(const ech_check *c) { return (int64_t)c->instruction->i0 * ech_cache_at(c)->dim; }

/// Raises the number of bytes that a thread's scratch has to hold.
static inline void ech_need(int64_t *known, int64_t bytes) {
    if (bytes > *known) *known = bytes;
}

/// Makes room in scratch for one row in f32.
void ech_need_row(const ech_check *c, int64_t width);

#endif
