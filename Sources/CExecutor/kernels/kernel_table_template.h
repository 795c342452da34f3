// The table of the functions that the templates define, under the name KERNEL_TABLE. KERNEL_ATTENTION names the
// function for attention; if it is not defined, this template defines one over caches of all formats. No include
// guard: this is a template.

#if !defined(KERNEL_ATTENTION)
KERNEL_TARGET static void attention(const ech_attention_work *work) {
    if (work->cache->format == ECH_CACHE_F32) attend_heads(work, ECH_CACHE_F32);
    else if (work->cache->format == ECH_CACHE_INT8) attend_heads(work, ECH_CACHE_INT8);
    else attend_heads(work, ECH_CACHE_BF16);
}
#define KERNEL_ATTENTION attention
#endif

const ech_kernels KERNEL_TABLE = {
    .row =
        {
            [ECH_SLICE] = row_copy,
            [ECH_CONVERT] = row_copy,
            [ECH_BIAS] = row_bias,
            [ECH_ROPE] = row_rope,
            [ECH_NORM] = row_norm,
            [ECH_ADD] = row_add,
            [ECH_SILU] = row_silu,
            [ECH_MULTIPLY] = row_multiply,
            [ECH_MIX] = row_mix,
            [ECH_ARGMAX] = row_argmax,
            [ECH_RELATIVE_DIFFERENCE] = row_relative_difference,
            [ECH_ADD_NORM] = row_add_norm,
            [ECH_ADD_NORM_NORM] = row_add_norm_norm,
            [ECH_ADD_KEEP_NORM] = row_add_keep_norm,
            [ECH_NORM_ADD] = row_norm_add,
            [ECH_NORM_ADD_KEEP_NORM] = row_norm_add_keep_norm,
            [ECH_START] = row_start,
            [ECH_SIGMOID] = row_sigmoid,
        },
    .attention = KERNEL_ATTENTION,
    .silu_gate = silu_gate,
    .place_projected = place_projected,
    .norm_rope = norm_rope,
    .write_cached = write_cached,
    .best = best_of,
};
