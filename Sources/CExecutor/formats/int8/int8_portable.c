/// The int8 kernel in plain C, written so that compilers turn its inner loops into vector instructions. It adds in
/// float: the sums of a chunk, of at most 512 products of at most 128 · 127, are below 2^24, so each is exact.
#include "formats/int8/int8.h"
#include "formats/strip_groups.h"

#include <string.h>

/// Rows that share one widening of the weights.
enum { MAX_ROWS = 4 };

_Static_assert(ECH_CHUNK_BLOCKS * 64 * 128 * 127 < 1 << 24, "a chunk's sums have to be exact in float");

static inline void group_of(const int rows, const ech_row_group *group) {
    float sums[MAX_ROWS][ECH_STRIP] = {{0}};
    for (int32_t block = 0; block < group->blocks; block++) {
        const int8_t *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        for (int quad = 0; quad < ECH_PANEL_LINES; quad++) {
            float wide[4][ECH_STRIP];
            for (int panel = 0; panel < 2; panel++) {
                const int8_t *w = weights + panel * ECH_PANEL_BYTES + quad * ECH_LINE_BYTES;
                for (int j = 0; j < ECH_PANEL_OUTPUTS; j++)
                    for (int c = 0; c < 4; c++) wide[c][panel * ECH_PANEL_OUTPUTS + j] = w[4 * j + c];
            }
            for (int i = 0; i < rows; i++) {
                const int8_t *xi = x + i * ECH_ROW_BYTES + 4 * quad;
                const float x0 = xi[0], x1 = xi[1], x2 = xi[2], x3 = xi[3];
                for (int j = 0; j < ECH_STRIP; j++)
                    sums[i][j] += wide[0][j] * x0 + wide[1][j] * x1 + wide[2][j] * x2 + wide[3][j] * x3;
            }
        }
    }
    for (int i = 0; i < rows; i++) {
        float *out = group->out + i * group->out_stride;
        int32_t whole[ECH_STRIP] = {0};
        if (!group->first) memcpy(whole, out, sizeof whole);
        for (int j = 0; j < ECH_STRIP; j++) whole[j] += (int32_t)sums[i][j];
        if (!group->last) {
            memcpy(out, whole, sizeof whole);
            continue;
        }
        for (int j = 0; j < ECH_STRIP; j++) out[j] = (float)whole[j] * (group->weight_scales[j] * group->scales[i]);
    }
}

static void group_of_1(const ech_row_group *group) { group_of(1, group); }
static void group_of_2(const ech_row_group *group) { group_of(2, group); }
static void group_of_3(const ech_row_group *group) { group_of(3, group); }
static void group_of_4(const ech_row_group *group) { group_of(4, group); }

void ech_strips_int8_portable(const ech_strips *strips) {
    static const ech_group_kernel kernels[MAX_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}
