/// Element types of buffers: their names and sizes.
#include "CExecutor.h"
#include "core/arithmetic.h"
#include "core/q8.h"

static int64_t word_bytes(int32_t width) { return (int64_t)width * 4; }
static int64_t bf16_bytes(int32_t width) { return ech_round_up(width, 32) * 2; }
static int64_t q8_bytes(int32_t width) { return ech_q8_bytes_per_row(width); }

static const struct {
    const char *name;
    int64_t (*bytes_per_row)(int32_t width);
} elements[] = {
    [ECH_F32] = {"f32", word_bytes},
    [ECH_I32] = {"i32", word_bytes},
    [ECH_BF16] = {"bf16", bf16_bytes},
    [ECH_Q8] = {"q8", q8_bytes},
};
enum { ELEMENT_COUNT = sizeof elements / sizeof elements[0] };

static bool is_known(int32_t element) { return element >= 0 && element < ELEMENT_COUNT; }

const char *ech_element_name(int32_t element) { return is_known(element) ? elements[element].name : NULL; }

int64_t ech_element_bytes_per_row(int32_t element, int32_t width) {
    return is_known(element) ? elements[element].bytes_per_row(width) : 0;
}
