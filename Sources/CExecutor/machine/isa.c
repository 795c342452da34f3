/// Instruction sets: which of them the machine has, and which one is used.
#include "machine/isa.h"
#include "CExecutor.h"
#include "core/failure.h"
#include "machine/amx.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[ECH_ISA_COUNT] = {
    [ECH_ISA_PORTABLE] = "portable", [ECH_ISA_AVX2] = "avx2", [ECH_ISA_AVX_VNNI] = "avx-vnni",
    [ECH_ISA_AVX512] = "avx512",     [ECH_ISA_AMX] = "amx",
};

#if defined(__x86_64__)
#include <cpuid.h>

/// The register files that the operating system saves (XCR0; Intel's manual, volume 1, section 13.3).
static uint64_t saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool all(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

bool ech_isa_available(int isa) {
    if (isa == ECH_ISA_PORTABLE) return true;
    if (isa < 0 || isa >= ECH_ISA_COUNT) return false;
    uint32_t a, b, c, d, a7, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return false;
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
    if (!all(c, fma | osxsave | avx)) return false;
    const uint64_t state = saved_state();
    const uint32_t avx2 = 1u << 5;
    if (!all(b7, avx2) || !all(state, 0x6)) return false;
    if (isa == ECH_ISA_AVX2) return true;
    if (isa == ECH_ISA_AVX_VNNI) {
        uint32_t a71, b71, c71, d71;
        const uint32_t avx_vnni = 1u << 4;
        return __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71) && all(a71, avx_vnni);
    }
    const uint32_t avx512f = 1u << 16, avx512dq = 1u << 17, avx512bw = 1u << 30, avx512vl = 1u << 31;
    if (!all(b7, avx512f | avx512dq | avx512bw | avx512vl) || !all(state, 0xe6)) return false;
    if (isa == ECH_ISA_AVX512) return true;
#if defined(ECHELON_EMULATE_AMX)
    return true; // tests on machines without AMX
#endif
    const uint32_t amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25;
    return all(d7, amx_bf16 | amx_tile | amx_int8) && all(state, 0x60000) && ech_amx_request();
}

bool ech_has_avx512_bf16(void) { return __builtin_cpu_supports("avx512bf16"); }
bool ech_has_avx512_vnni(void) { return __builtin_cpu_supports("avx512vnni"); }
bool ech_prefetches_every_line(void) { return !__builtin_cpu_is("amd"); }
#else
bool ech_isa_available(int isa) { return isa == ECH_ISA_PORTABLE; }
bool ech_has_avx512_bf16(void) { return false; }
bool ech_has_avx512_vnni(void) { return false; }
bool ech_prefetches_every_line(void) { return false; }
#endif

const char *ech_isa_name(int isa) { return isa >= 0 && isa < ECH_ISA_COUNT ? names[isa] : "unknown"; }

int ech_isa_choose(char message[ECH_MESSAGE_SIZE]) {
    const char *wanted = getenv("ECHELON_ISA");
    if (wanted && *wanted) {
        for (int isa = 0; isa < ECH_ISA_COUNT; isa++) {
            if (strcmp(wanted, names[isa]) != 0) continue;
            if (ech_isa_available(isa)) return isa;
            ech_fail(message,
                     "This machine lacks the instruction set \"%s\" that ECHELON_ISA names; unset it to get the "
                     "best one there is.",
                     wanted);
            return -1;
        }
        ech_fail(message,
                 "ECHELON_ISA names the unknown instruction set \"%.40s\"; it has to be portable, avx2, "
                 "avx-vnni, avx512 or amx.",
                 wanted);
        return -1;
    }
    int best = ECH_ISA_PORTABLE;
    for (int isa = 0; isa < ECH_ISA_COUNT; isa++)
        if (ech_isa_available(isa)) best = isa;
    return best;
}
