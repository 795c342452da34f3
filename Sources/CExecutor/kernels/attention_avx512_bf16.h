/// Attention over bf16 caches with the products of AVX512_BF16.
#ifndef ECHELON_ATTENTION_AVX512_BF16_H
#define ECHELON_ATTENTION_AVX512_BF16_H

#include "core/kernels.h"

void ech_attention_avx512_bf16(const ech_attention_work *work);

#endif
