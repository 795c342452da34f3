// Vectors, cells of the cache and the exponential of wavefront attention, for each instruction set. Included by
// attention_template.h, whose LANES, FMA and PAIR_FMA they use. No include guard: this is a template.
#include "core/cache.h"
#include "kernels/vector.h"

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t vec_bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t vec_halves __attribute__((vector_size(2 * LANES)));
typedef uint32_t cell __attribute__((may_alias));
// The same in memory, without alignment.
typedef float vec_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t cells_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t halves_any __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef int8_t bytes_any __attribute__((vector_size(LANES), aligned(1), may_alias));

INLINE vec zeros(void) { return (vec){0}; }
INLINE vec repeated(float x) { return x - zeros(); }
INLINE vec vec_load(const float *p) { return *(const vec_any *)p; }
INLINE void vec_store(float *p, vec x) { *(vec_any *)p = x; }
INLINE vec_bits repeated_cell(cell x) { return x - (vec_bits){0}; }
INLINE vec_bits load_cells(const cell *p) { return *(const cells_any *)p; }

// The functions below are inlined for one format of the cache each, one of ech_cache_format.

/// Whether queries, weights and the cells of the cache are pairs of bf16 numbers. If not, queries and weights are f32.
INLINE bool is_pairs(const int32_t format) { return format == ECH_CACHE_BF16; }
/// The size of a cell of the cache.
INLINE int64_t cell_bytes(const int32_t format) { return format == ECH_CACHE_INT8 ? 1 : sizeof(cell); }
/// The cell of the cache at an index.
INLINE const void *cell_at(const void *cells, int64_t index, const int32_t format) {
    return (const char *)cells + index * cell_bytes(format);
}

INLINE void copy_cell(void *to, int64_t to_index, const void *from, int64_t from_index, const int32_t format) {
    if (format == ECH_CACHE_INT8) ((int8_t *)to)[to_index] = ((const int8_t *)from)[from_index];
    else ((cell *)to)[to_index] = ((const cell *)from)[from_index];
}

/// Some cells of the cache, as floats or pairs.
INLINE vec_bits load_cached(const void *cells, const int32_t format) {
    if (format != ECH_CACHE_INT8) return load_cells(cells);
    return (vec_bits) __builtin_convertvector(*(const bytes_any *)cells, vec);
}

/// sums + the products of cells, which are floats or pairs.
INLINE vec add_products(vec sums, vec_bits a, vec_bits b, const int32_t format) {
    if (!is_pairs(format)) return FMA((vec)a, (vec)b, sums);
#if defined(PAIR_FMA)
    return PAIR_FMA(a, b, sums);
#else
    // The upper half of a float's bits is its bf16.
    const vec_bits upper = repeated_cell(0xffff0000u);
    return FMA((vec)(a & upper), (vec)(b & upper), FMA((vec)(a << 16), (vec)(b << 16), sums));
#endif
}

/// e^x for x ≤ 0, to about one unit in the last place. Like vector.h's, but fused into as few operations as possible:
/// next to the products, attention spends most of its time here. x is kept above −87.3, where the result is a normal
/// number. If the result will be rounded to bf16, a relative change of up to 4e-3, the series ends with r⁴, and the
/// remainder is below 6e-5.
INLINE vec fused_exponential(vec x, const bool to_be_rounded) {
    const vec low = repeated(-87.3f), shifter = repeated(12582912.0f);
    const vec_bits below = (vec_bits)(x < low);
    x = (vec)(((vec_bits)low & below) | ((vec_bits)x & ~below));
    const vec shifted = FMA(x, repeated(1.44269504f), shifter), n = shifted - shifter;
    vec r, p;
    if (to_be_rounded) {
        r = FMA(n, repeated(-0.69314718f), x);
        p = repeated(1.0f / 24);
    } else {
        r = FMA(n, repeated(2.12194440e-4f), FMA(n, repeated(-0.693359375f), x));
        p = FMA(repeated(1.0f / 5040), r, repeated(1.0f / 720));
        p = FMA(p, r, repeated(1.0f / 120));
        p = FMA(p, r, repeated(1.0f / 24));
    }
    p = FMA(p, r, repeated(1.0f / 6));
    p = FMA(p, r, repeated(0.5f));
    p = FMA(p, r, repeated(1.0f));
    p = FMA(p, r, repeated(1.0f));
    return p * (vec)(((vec_bits)shifted + 127u) << 23);
}
