/// AMX: the request to the system, and the shapes of the tiles.
#if defined(__linux__)
#define _DEFAULT_SOURCE // for syscall()
#endif
#include "machine/amx.h"
#include "CExecutor.h"

#if defined(ECH_HAS_AMX)
#include "machine/amx_tiles.h"
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(ECHELON_EMULATE_AMX)
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(ECHELON_EMULATE_AMX)
_Thread_local amx_registers amx_state;
#endif

#if defined(ECH_HAS_AMX)
AMX_TARGET static void begin_tiles(int32_t rows) { amx_shape(rows, AMX_ROW_BYTES, AMX_ROWS); }

AMX_TARGET static void end_tiles(void) { amx_release(); }
#endif

void ech_amx_thread_begin(int isa, int32_t rows) {
#if defined(ECH_HAS_AMX)
    if (isa == ECH_ISA_AMX) begin_tiles(rows);
#else
    (void)isa;
    (void)rows;
#endif
}

void ech_amx_thread_end(int isa) {
#if defined(ECH_HAS_AMX)
    if (isa == ECH_ISA_AMX) end_tiles();
#else
    (void)isa;
#endif
}

#if defined(ECHELON_EMULATE_AMX)

bool ech_amx_request(void) { return true; }

#elif defined(__x86_64__) && defined(__linux__)

// Linux keeps the 8 KiB of tile registers out of a process's saved state until it asks for them; the numbers are those
// of arch/x86/include/uapi/asm/prctl.h and of the XSAVE feature "tile data" (Intel SDM, volume 1, chapter 13).
enum { REQUEST_FEATURE_PERMISSION = 0x1023, FEATURE_TILE_DATA = 18 };

static pthread_once_t amx_once = PTHREAD_ONCE_INIT;
static bool amx_granted = false;

static void ask_for_amx(void) {
    amx_granted = syscall(SYS_arch_prctl, REQUEST_FEATURE_PERMISSION, FEATURE_TILE_DATA) == 0;
}

bool ech_amx_request(void) { return pthread_once(&amx_once, ask_for_amx) == 0 && amx_granted; }

#else

// No other system is known to hand out AMX this way.
bool ech_amx_request(void) { return false; }

#endif
