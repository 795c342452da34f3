/// A checked tape, ready to run.
#ifndef ECHELON_PROGRAM_H
#define ECHELON_PROGRAM_H

#include "CExecutor.h"
#include "core/strips.h"

#include <stdbool.h>
#include <stdint.h>

/// The memory that a program's instructions need in each thread's scratch. Bytes.
typedef struct {
    int64_t per_row; ///< for each row of capacity: outputs of a product before their epilogue
    int64_t fixed;   ///< one or two rows in f32, or the intermediate results of attention
    bool best;       ///< whether there is a linear_argmax, which keeps the best output of each row
} ech_scratch_need;

/// A rotary embedding that an instruction computes.
typedef struct {
    const float *frequencies; ///< dim / 2 finite numbers: the radians by which a position turns each pair of columns
    float magnitude;          ///< the factor of cosines and sines
    int32_t dim;
} ech_rope_need;

/// Instructions that threads do together: one that is divided by outputs or pairs, or some that are divided by rows and
/// need no barrier between them. A stage begins when the stage before it is finished.
typedef struct {
    int32_t begin, end;           ///< instructions; none for ECH_REPEAT
    int32_t loop_begin, loop_end; ///< the stages of the loop around it, or of ECH_REPEAT's; loop_end is 0 elsewhere
} ech_stage;

struct ech_program {
    ech_instruction *instructions;
    ech_stage *stages;
    ech_buffer *buffers;
    ech_weight *weights;
    ech_cache *caches;
    int64_t *token_limit; ///< for each parameter: rows of the smallest embedding that reads it, 0 if none does
    ech_rope_need *ropes; ///< room for one for each instruction; neighbors that are the same have one
    int32_t instruction_count, stage_count, buffer_count, weight_count, cache_count, parameter_count, result_count,
        rope_count;
    int32_t slots_parameter;     ///< -1 if no instruction uses slots
    int32_t positions_parameter; ///< -1 if no instruction uses positions
    int32_t depths_parameter;    ///< -1 if no instruction uses depths
    int32_t max_recurrence;      ///< the largest number of an instruction's recurrence
    int32_t max_group;           ///< the maximum number of query heads that share a head of a cache, at least 1
    bool writes_recurrent, reads_recurrent;
    int64_t arena_bytes_per_row;
    ech_scratch_need scratch;
    int isa;
    // The kernels of the instruction set.
    const struct ech_kernels *kernels;
    ech_strips_kernel strips[ECH_FORMAT_COUNT];
};

#endif
