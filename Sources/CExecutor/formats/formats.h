/// The records of weight formats. Everything that the executor knows about a format comes from its record.
#ifndef ECHELON_FORMATS_H
#define ECHELON_FORMATS_H

#include "CExecutor.h"
#include "core/strips.h"
#include "core/view.h"
#include "machine/amx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    ech_format_form form;

    // The layout: strips of outputs; a strip is a sequence of blocks along K.
    int32_t strip_outputs, block_columns, block_bytes;
    /// Whether all strips are followed by one f32 scale for each output, padded outputs included.
    bool output_scales;

    /// The outputs in a unit of work, a multiple of strip_outputs.
    int32_t unit;
    /// The maximum number of units that a thread computes together if the call has many rows.
    int32_t max_units;
    /// Whether the kernel writes to the result itself. Other kernels keep partial sums in their output, which goes to
    /// scratch memory: rows of a result that are a multiple of 4 KiB apart, such as those of the head, would compete
    /// for one set of the first-level cache.
    bool writes_result;

    /// Dequantizes one row of a weight, each element times `factor`.
    void (*read_row)(const ech_weight *weight, int64_t row, float factor, float *out);

    /// Whether the processor has the extension of AVX-512 that the kernel for ECH_ISA_AVX512 needs; NULL if there is
    /// none. Otherwise the AVX2 kernel is used: the same method in wider registers gains nothing for one row, where
    /// memory is the bound, and too few processors have AVX-512 without the extension to keep another kernel for them.
    bool (*has_avx512)(void);
    /// NULL for an instruction set without a kernel of its own, which then uses that of the nearest slower one.
    ech_strips_kernel kernels[ECH_ISA_COUNT];
} ech_format_record;

extern const ech_format_record *const ech_formats[ECH_FORMAT_COUNT];

/// A format's kernel for an instruction set that the machine has; the portable one for an unknown set.
ech_strips_kernel ech_format_kernel(int32_t format, int isa);

/// The product of a whole weight with the rows of a call, without a place for the result; see ech_strips_part.
ech_strips ech_strips_of(const ech_weight *weight, const ech_view *x);

/// The first block of the strip that a row of a weight is in.
const void *ech_format_strip(const ech_weight *weight, int64_t row);
/// The scale of each output, in formats that have them after the strips.
const float *ech_format_output_scales(const ech_weight *weight);

// MARK: Kernels

// The kernels of a packed format are in files of their own, NAME_portable.c and so on, and named by these macros.

#if defined(__x86_64__)
#define ECH_X86_KERNELS(name) [ECH_ISA_AVX2] = ech_strips_##name##_avx2, [ECH_ISA_AVX512] = ech_strips_##name##_avx512,
#define ECH_AVX_VNNI_KERNEL(name) [ECH_ISA_AVX_VNNI] = ech_strips_##name##_avx_vnni,
#else
#define ECH_X86_KERNELS(name)
#define ECH_AVX_VNNI_KERNEL(name)
#endif
#if defined(ECH_HAS_AMX)
#define ECH_AMX_KERNEL(name) [ECH_ISA_AMX] = ech_strips_##name##_amx,
#else
#define ECH_AMX_KERNEL(name)
#endif
/// The value of `kernels` in the record of a packed format.
#define ECH_KERNELS(name)                                                                                              \
    { [ECH_ISA_PORTABLE] = ech_strips_##name##_portable, ECH_X86_KERNELS(name) ECH_AMX_KERNEL(name) }
/// The same for a format that has a kernel for AVX-VNNI.
#define ECH_KERNELS_WITH_AVX_VNNI(name)                                                                                \
    {                                                                                                                  \
        [ECH_ISA_PORTABLE] = ech_strips_##name##_portable,                                                             \
        ECH_X86_KERNELS(name) ECH_AVX_VNNI_KERNEL(name) ECH_AMX_KERNEL(name)                                           \
    }

#define ECH_DECLARE_KERNELS(name)                                                                                      \
    void ech_strips_##name##_portable(const ech_strips *strips);                                                       \
    void ech_strips_##name##_avx2(const ech_strips *strips);                                                           \
    void ech_strips_##name##_avx_vnni(const ech_strips *strips);                                                       \
    void ech_strips_##name##_avx512(const ech_strips *strips);                                                         \
    void ech_strips_##name##_amx(const ech_strips *strips)

#endif
