/// The table of operations.
#include "instructions/operation.h"

// The words of opcodes.def.
enum {
    NONE = 0,
    F32 = 1 << ECH_F32,
    F32_OR_BF16 = F32 | 1 << ECH_BF16,
    BF16_OR_Q8 = 1 << ECH_BF16 | 1 << ECH_Q8,
    NUMBERS = F32 | BF16_OR_Q8,
    SCALAR = F32 | ECH_OPERAND_OF_WIDTH_1,
    I32_SCALAR = 1 << ECH_I32 | ECH_OPERAND_OF_WIDTH_1,
    INDEX = I32_SCALAR | ECH_OPERAND_IN_PARAMETER,
    ANY = NUMBERS | 1 << ECH_I32,

    VECTOR = ECH_VECTOR,
    OPTIONAL_VECTOR = ECH_OPTIONAL_VECTOR,
    TABLE = ECH_TABLE,
    MATRIX = ECH_MATRIX,

    NO_CACHE = 0,
    CACHE = 1,
};

// Each takes the words in parentheses of IN, OUT or WEIGHTS, followed by as many NONE as fill a list.
#define FIRST_5(a, b, c, d, e, ...)                                                                                    \
    { a, b, c, d, e }
#define FIRST_3(a, b, c, ...)                                                                                          \
    { a, b, c }
#define FIRST_2(a, b, ...)                                                                                             \
    { a, b }
#define FIRST(a, ...) (a)
#define COUNT_5(a, b, c, d, e, ...) (((a) != 0) + ((b) != 0) + ((c) != 0) + ((d) != 0) + ((e) != 0))
#define COUNT_3(a, b, c, ...) (((a) != 0) + ((b) != 0) + ((c) != 0))
#define COUNT_OPTIONAL(a, b, c, ...) (((a) == OPTIONAL_VECTOR) + ((b) == OPTIONAL_VECTOR) + ((c) == OPTIONAL_VECTOR))
#define COUNT_2(a, b, ...) (((a) != 0) + ((b) != 0))
#define APPLY(macro, ...) macro(__VA_ARGS__, NONE, NONE, NONE, NONE, NONE)
#define IN(...) __VA_ARGS__
#define OUT(...) __VA_ARGS__
#define WEIGHTS(...) __VA_ARGS__

const ech_operation ech_operations[ECH_OPCODE_COUNT] = {
#define ECH_OPERATION(constant, number, operation, inputs_, outputs_, weights_, cache_, integers_, floats_, division_, \
                      check_, run_)                                                                                    \
    [ECH_##constant] = {                                                                                               \
        .form = {.name = #operation,                                                                                   \
                 .inputs = APPLY(COUNT_5, inputs_),                                                                    \
                 .outputs = APPLY(COUNT_2, outputs_),                                                                  \
                 .weights = APPLY(COUNT_3, weights_),                                                                  \
                 .optional_weights = APPLY(COUNT_OPTIONAL, weights_),                                                  \
                 .cache = cache_,                                                                                      \
                 .integers = integers_,                                                                                \
                 .floats = floats_,                                                                                    \
                 .division = ECH_##division_,                                                                          \
                 .reads_matrix = APPLY(FIRST, weights_) == MATRIX,                                                     \
                 .stored = APPLY(FIRST, outputs_) & ECH_OPERAND_ELEMENTS},                                             \
        .in = APPLY(FIRST_5, inputs_),                                                                                 \
        .out = APPLY(FIRST_2, outputs_),                                                                               \
        .weight = APPLY(FIRST_3, weights_),                                                                            \
        .check = ech_check_##check_,                                                                                   \
        .run = ech_run_##run_,                                                                                         \
    },
#include "opcodes.def"
};

const ech_divide ech_divisions[ECH_OPCODE_COUNT] = {
#define ECH_DIVIDED(constant, name) [ECH_##constant] = ech_divide_##name,
#include "opcodes.def"
};

const ech_combine ech_combinations[ECH_OPCODE_COUNT] = {
#define ECH_COMBINED(constant, name) [ECH_##constant] = ech_combine_##name,
#include "opcodes.def"
};

const ech_opcode_form *ech_opcode_describe(int32_t opcode) {
    return opcode >= 0 && opcode < ECH_OPCODE_COUNT ? &ech_operations[opcode].form : NULL;
}
