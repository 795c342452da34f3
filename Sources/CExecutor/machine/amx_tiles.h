/// The AMX tile instructions that the kernels use. With ECHELON_EMULATE_AMX they are plain C that does the same, so
/// that the kernels' indexing is tested on machines without AMX. amx.c owns the emulated registers.
///
/// Tile numbers must be literal constants.
#ifndef ECHELON_AMX_TILES_H
#define ECHELON_AMX_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The operand of LDTILECFG (Intel SDM, LDTILECFG): palette 1 has eight tiles of at most 16 rows of 64 bytes.
typedef struct {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_configuration;

_Static_assert(sizeof(amx_configuration) == 64, "LDTILECFG reads 64 bytes");

enum { AMX_ROWS = 16, AMX_ROW_BYTES = 64 };

// The use of the tiles in the kernels. Two input tiles × two panels of weights use all eight. A product takes 52 cycles
// and one can start every 16, so four accumulators hide the latency, and every loaded tile is used twice.
#define SUMS_00 0 // upper input tile, first panel
#define SUMS_01 1
#define SUMS_10 2 // lower input tile
#define SUMS_11 3
#define X_0 4
#define X_1 5
#define W_0 6
#define W_1 7

#if !defined(ECHELON_EMULATE_AMX)

#include <immintrin.h>

// Every processor with AMX has these.
#define AMX_TARGET __attribute__((target("amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512dq,avx512vl")))
/// The barrier is for GCC, whose intrinsic does not say that it reads all 64 bytes.
#define amx_configure(configuration)                                                                                   \
    do {                                                                                                               \
        __asm__ volatile("" : : "r"(configuration) : "memory");                                                        \
        _tile_loadconfig(configuration);                                                                               \
    } while (0)
#define amx_release() _tile_release()
#define amx_zero(tile) _tile_zero(tile)
/// Rows of the tile from `address`, `stride` bytes apart.
#define amx_load(tile, address, stride) _tile_loadd(tile, address, stride)
#define amx_store(tile, address, stride) _tile_stored(tile, address, stride)
/// sums[m][n] += a[m][2k] * b[k][2n] + a[m][2k + 1] * b[k][2n + 1], summed over k.
#define amx_multiply_bf16(sums, a, b) _tile_dpbf16ps(sums, a, b)
/// The same for signed bytes, four at a time, with sums in i32: sums[m][n] += a[m][4k + c] * b[k][4n + c].
#define amx_multiply_int8(sums, a, b) _tile_dpbssd(sums, a, b)
/// Prefetches into the second-level cache. The first level has to keep the tiles of inputs that every strip reads
/// again: with the hint for the first level 32 rows take 1.2 times the time of one row, with this one 1.05.
#define amx_prefetch(address) _mm_prefetch((const char *)(address), _MM_HINT_T1)

#else

#include "core/bf16.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMX_TARGET
#define amx_prefetch(address) ((void)(address))

typedef struct {
    amx_configuration configuration;
    uint8_t tiles[8][AMX_ROWS][AMX_ROW_BYTES];
} amx_registers;

extern _Thread_local amx_registers amx_state;

/// Ends the program if a condition does not hold: the processor would raise a fault.
static inline void amx_require(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "emulated AMX: %s\n", what);
    abort();
}

static inline void amx_configure(const amx_configuration *configuration) {
    amx_require(configuration->palette == 1 && configuration->start_row == 0, "palette 1 from row 0 is expected");
    for (int i = 0; i < 14; i++) amx_require(configuration->reserved[i] == 0, "a reserved byte is not zero");
    for (int tile = 0; tile < 16; tile++) {
        const int rows = configuration->rows[tile], bytes = configuration->row_bytes[tile];
        amx_require(tile < 8 || (rows == 0 && bytes == 0), "palette 1 has eight tiles");
        amx_require(rows <= 16 && bytes <= 64 && (rows == 0) == (bytes == 0), "a tile's shape is out of range");
    }
    amx_state.configuration = *configuration;
    memset(amx_state.tiles, 0, sizeof amx_state.tiles);
}

static inline void amx_release(void) { memset(&amx_state, 0, sizeof amx_state); }

static inline int amx_rows(int tile) {
    amx_require(amx_state.configuration.rows[tile] > 0, "a tile is used that is not configured");
    return amx_state.configuration.rows[tile];
}

static inline size_t amx_row_bytes(int tile) { return amx_state.configuration.row_bytes[tile]; }

/// Instructions that write a tile also clear the rest of the register.
static inline void amx_zero(int tile) {
    amx_require(amx_rows(tile) > 0, "");
    memset(amx_state.tiles[tile], 0, sizeof amx_state.tiles[tile]);
}

static inline void amx_load(int tile, const void *address, ptrdiff_t stride) {
    amx_zero(tile);
    for (int row = 0; row < amx_rows(tile); row++)
        memcpy(amx_state.tiles[tile][row], (const char *)address + row * stride, amx_row_bytes(tile));
}

static inline void amx_store(int tile, void *address, ptrdiff_t stride) {
    for (int row = 0; row < amx_rows(tile); row++)
        memcpy((char *)address + row * stride, amx_state.tiles[tile][row], amx_row_bytes(tile));
}

/// Denormals are treated as zero and flushed to zero.
static inline float amx_flush(float value) { return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value; }

static inline float amx_widen(const uint8_t *bf16) {
    uint16_t bits;
    memcpy(&bits, bf16, sizeof bits);
    return amx_flush(ech_bf16_widen(bits));
}

static inline void amx_require_shapes(int sums, int a, int b) {
    amx_require(sums != a && sums != b && a != b, "a product needs three different tiles");
    amx_require(amx_rows(a) == amx_rows(sums) && amx_rows(b) == (int)amx_row_bytes(a) / 4 &&
                    amx_row_bytes(b) == amx_row_bytes(sums),
                "a product of tiles whose shapes do not fit");
}

/// TDPBF16PS of the SDM: even and odd columns are summed separately, then added to each other, then to the tile.
static inline void amx_multiply_bf16(int sums, int a, int b) {
    const int rows = amx_rows(sums), pairs = (int)amx_row_bytes(a) / 4, columns = (int)amx_row_bytes(sums) / 4;
    amx_require_shapes(sums, a, b);
    for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
            float even = 0, odd = 0, sum;
            for (int k = 0; k < pairs; k++) {
                const uint8_t *left = &amx_state.tiles[a][m][4 * k], *right = &amx_state.tiles[b][k][4 * n];
                even = amx_flush(fmaf(amx_widen(left), amx_widen(right), even));
                odd = amx_flush(fmaf(amx_widen(left + 2), amx_widen(right + 2), odd));
            }
            uint8_t *place = &amx_state.tiles[sums][m][4 * n];
            memcpy(&sum, place, sizeof sum);
            sum = amx_flush(amx_flush(sum) + amx_flush(even + odd));
            memcpy(place, &sum, sizeof sum);
        }
    }
}

/// TDPBSSD of the SDM. Sums wrap around.
static inline void amx_multiply_int8(int sums, int a, int b) {
    const int rows = amx_rows(sums), quads = (int)amx_row_bytes(a) / 4, columns = (int)amx_row_bytes(sums) / 4;
    amx_require_shapes(sums, a, b);
    for (int m = 0; m < rows; m++) {
        for (int n = 0; n < columns; n++) {
            uint32_t sum;
            uint8_t *place = &amx_state.tiles[sums][m][4 * n];
            memcpy(&sum, place, sizeof sum);
            for (int k = 0; k < quads; k++)
                for (int c = 0; c < 4; c++)
                    sum +=
                        (uint32_t)((int8_t)amx_state.tiles[a][m][4 * k + c] * (int8_t)amx_state.tiles[b][k][4 * n + c]);
            memcpy(place, &sum, sizeof sum);
        }
    }
}

#endif

/// Gives the calling thread's tiles their shapes: sums of `rows` × 16 numbers, inputs of `rows` (at most 16 are used) ×
/// `x_bytes` bytes, weights of `w_rows` × 64 bytes.
AMX_TARGET static inline void amx_shape(int32_t rows, int x_bytes, int w_rows) {
    const uint8_t height = (uint8_t)(rows < AMX_ROWS ? rows : AMX_ROWS);
    amx_configuration configuration = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        const bool x = tile == X_0 || tile == X_1, w = tile == W_0 || tile == W_1;
        configuration.row_bytes[tile] = (uint16_t)(x ? x_bytes : AMX_ROW_BYTES);
        configuration.rows[tile] = w ? (uint8_t)w_rows : height;
    }
    amx_configure(&configuration);
}

#endif
