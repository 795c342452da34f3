/// Vectors of 16 floats, the same on every machine: the compiler splits them where registers are smaller. Everything
/// here rounds after each operation and adds in a fixed order, so that results agree to the bit between instruction
/// sets. Included by the kernel files, after KERNEL_TARGET says for which instruction set to compile.
#ifndef ECHELON_VECTOR_H
#define ECHELON_VECTOR_H

#include <stdint.h>
#include <string.h>

// Compilers warn that vectors wider than the machine's pass differently between instruction sets. All functions that
// take them are inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

#if !defined(KERNEL_TARGET)
#define KERNEL_TARGET
#endif
#define INLINE KERNEL_TARGET __attribute__((always_inline)) static inline

typedef float v16f __attribute__((vector_size(64)));
typedef int32_t v16i __attribute__((vector_size(64)));
typedef uint32_t v16u __attribute__((vector_size(64)));
typedef uint16_t v16h __attribute__((vector_size(32)));
typedef int8_t v16b __attribute__((vector_size(16)));
// The same in memory, without alignment.
typedef float v16f_any __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t v16h_any __attribute__((vector_size(32), aligned(2), may_alias));
typedef int8_t v16b_any __attribute__((vector_size(16), aligned(1), may_alias));

INLINE v16f splat(float x) { return (v16f){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16f load(const float *p) { return *(const v16f_any *)p; }
INLINE void store(float *p, v16f x) { *(v16f_any *)p = x; }

/// The first n of 16 floats, zeros after them; n ≥ 16 loads all.
INLINE v16f load_first(const float *p, int32_t n) {
    if (n >= 16) return load(p);
    float lanes[16] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *lanes);
    return load(lanes);
}

INLINE void store_first(float *p, v16f x, int32_t n) {
    if (n >= 16) {
        store(p, x);
        return;
    }
    float lanes[16];
    store(lanes, x);
    memcpy(p, lanes, (size_t)n * sizeof *lanes);
}

/// The lane of a if the mask's lane is −1, that of b if it is 0.
INLINE v16f select(v16i mask, v16f a, v16f b) { return (v16f)(((v16i)a & mask) | ((v16i)b & ~mask)); }

INLINE float sum(v16f x) {
    float lanes[16];
    store(lanes, x);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}

INLINE float largest(v16f x) {
    v16f y = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    x = select(y > x, y, x);
    y = __builtin_shufflevector(x, x, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
    x = select(y > x, y, x);
    y = __builtin_shufflevector(x, x, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
    x = select(y > x, y, x);
    return x[1] > x[0] ? x[1] : x[0];
}

/// Rounds to bf16, ties to even; a NaN stays a (quiet) NaN.
INLINE v16h to_bf16(v16f x) {
    v16u bits = (v16u)x;
    v16u rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    v16u quiet = (bits >> 16) | 0x40u;
    v16u nan = (v16u)((bits & 0x7fffffffu) > 0x7f800000u);
    return __builtin_convertvector((quiet & nan) | (rounded & ~nan), v16h);
}

/// The nearest integer, ties to even, of numbers of at most 2^22 in magnitude. Adding 1.5 · 2^23 leaves it in the low
/// bits.
INLINE v16i nearest(v16f x) { return (v16i)(x + 12582912.0f) - 0x4b400000; }

INLINE v16i larger(v16i a, v16i b) {
    const v16i mask = a > b;
    return (a & mask) | (b & ~mask);
}

/// The largest of the lanes.
INLINE int32_t largest_integer(v16i x) {
    x = larger(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    x = larger(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    x = larger(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    x = larger(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    return x[0];
}

INLINE int32_t sum_integers(v16i x) {
    x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
    x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    return x[0];
}

/// e^x to about one unit in the last place. x is kept within ±87.3, where the result is a normal number.
/// e^x = 2^n e^r with n = round(x / ln 2) and |r| ≤ ln 2 / 2; ln 2 is split in two floats, the first with few enough
/// bits that n times it is exact. The polynomial is the Taylor series through r⁷: its remainder, r⁸ / 8!, is below
/// 6e-9 there.
INLINE v16f exponential(v16f x) {
    const v16f low = splat(-87.3f), high = splat(87.3f);
    x = select(x < low, low, x);
    x = select(x > high, high, x);
    // Adding 1.5 · 2^23 leaves the nearest integer in the low bits.
    const float shifter = 12582912.0f;
    v16f shifted = x * 1.44269504f + shifter;
    v16f n = shifted - shifter;
    v16f r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    v16f p = r * (1.0f / 5040) + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    v16u exponent = ((v16u)shifted + 127u) << 23;
    return p * (v16f)exponent;
}

INLINE v16f sigmoid(v16f x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE v16f silu(v16f x) { return x / (1.0f + exponential(-x)); }

#endif
