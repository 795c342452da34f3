/// The AMX tile instructions that the kernel uses, or, with ECHELON_EMULATE_AMX, plain C that does what they do, so
/// that the kernel's indexing is tested on machines without AMX. Meant for one source file, which then owns the
/// emulated registers.
///
/// Tile numbers must be literal constants.
#ifndef ECHELON_AMX_TILES_H
#define ECHELON_AMX_TILES_H

#include <stddef.h>
#include <stdint.h>

/// What LDTILECFG reads (Intel SDM, LDTILECFG): palette 1 has eight tiles of at most 16 rows of 64 bytes.
typedef struct {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_configuration;

_Static_assert(sizeof(amx_configuration) == 64, "LDTILECFG reads 64 bytes");

#if !defined(ECHELON_EMULATE_AMX)

#include <immintrin.h>

#define AMX_TARGET __attribute__((target("amx-tile,amx-bf16")))
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
#define amx_prefetch(address) _mm_prefetch((const char *)(address), _MM_HINT_T0)

#else

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMX_TARGET
#define amx_prefetch(address) ((void)(address))

static _Thread_local struct {
    amx_configuration configuration;
    uint8_t tiles[8][16][64];
} amx_state;

/// What the processor answers with a fault.
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

/// Instructions that write a tile also clear what lies past its shape.
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

/// Denormals are taken for zero and flushed to zero.
static inline float amx_flush(float value) { return fpclassify(value) == FP_SUBNORMAL ? copysignf(0, value) : value; }

static inline float amx_widen(const uint8_t *bf16) {
    const uint32_t bits = (uint32_t)bf16[0] << 16 | (uint32_t)bf16[1] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return amx_flush(value);
}

/// As the SDM's TDPBF16PS: even and odd columns are summed apart, then added to each other, then to the tile.
static inline void amx_multiply_bf16(int sums, int a, int b) {
    const int rows = amx_rows(sums), pairs = (int)amx_row_bytes(a) / 4, columns = (int)amx_row_bytes(sums) / 4;
    amx_require(sums != a && sums != b && a != b, "TDPBF16PS needs three different tiles");
    amx_require(amx_rows(a) == rows && amx_rows(b) == pairs && (int)amx_row_bytes(b) / 4 == columns,
                "TDPBF16PS with tiles whose shapes do not fit");
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

#endif
#endif
