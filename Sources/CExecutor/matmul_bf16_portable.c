#include "matmul_bf16.h"

#include <string.h>

static float widened(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static void strip_portable(const uint16_t *strip, const uint16_t *x, int32_t rows, int32_t blocks, float *out,
                           ptrdiff_t out_stride) {
    const int32_t tile = rows < 16 ? rows : 16;
    for (int32_t i = 0; i < rows; i++) {
        float sums[32] = {0};
        for (int32_t block = 0; block < blocks; block++) {
            const uint16_t *xs = x + (ptrdiff_t)(i / tile) * tile * 32 * blocks + (ptrdiff_t)block * tile * 32 + i % tile * 32;
            for (int32_t k = 0; k < 32; k++)
                for (int32_t j = 0; j < 32; j++)
                    sums[j] += widened(xs[k]) *
                               widened(strip[(ptrdiff_t)block * 1024 + j / 16 * 512 + k / 2 * 32 + j % 16 * 2 + k % 2]);
        }
        memcpy(out + i * out_stride, sums, sizeof sums);
    }
}

ech_strip_bf16 ech_strip_bf16_for(int isa) {
    (void)isa;
    return strip_portable;
}
void ech_matmul_thread_begin(int isa, int32_t rows) { (void)isa, (void)rows; }
void ech_matmul_thread_end(int isa) { (void)isa; }
bool ech_amx_request(void) { return false; }
