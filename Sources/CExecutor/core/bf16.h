/// Conversions between f32 and bf16, one number at a time. kernels/vector.h and kernels/attention_vectors_template.h do
/// the same with vectors.
#ifndef ECHELON_BF16_H
#define ECHELON_BF16_H

#include <stdint.h>
#include <string.h>

/// Rounds to bf16, ties to even. A NaN stays a (quiet) NaN.
static inline uint16_t ech_bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16, quiet = bits >> 16 | 0x40u;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

/// The exact value of a bf16 number.
static inline float ech_bf16_widen(uint16_t bf16) {
    const uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
