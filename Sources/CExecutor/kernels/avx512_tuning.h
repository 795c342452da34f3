/// The sizes of attention_template.h for AVX-512: 16 sums of scores or 24 of values, and their operands, in 32
/// registers.
#ifndef ECHELON_AVX512_TUNING_H
#define ECHELON_AVX512_TUNING_H

#define LANES 16
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ATTENTION_ROWS 4
#define SCORE_BLOCKS 4
#define VALUE_VECTORS 6

#endif
