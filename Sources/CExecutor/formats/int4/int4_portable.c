/// The int4 kernel in plain C, written so that compilers turn its inner loops into vector instructions. It adds the
/// products of a group, small integers, in float, which is exact.
#include "formats/int4/int4.h"

/// Rows that share one unpacking of the weights.
enum { MAX_ROWS = 4 };

/// Four columns of 32 outputs.
static inline void unpack(const uint8_t *weights, int group, int quad, float wide[4][ECH_STRIP]) {
    for (int panel = 0; panel < 2; panel++) {
        const uint8_t *nibbles = weights + panel * ECH_INT4_PANEL_BYTES + quad * ECH_INT4_QUAD_BYTES;
        for (int j = 0; j < ECH_PANEL_OUTPUTS; j++)
            for (int c = 0; c < 4; c++)
                wide[c][panel * ECH_PANEL_OUTPUTS + j] =
                    (float)((nibbles[4 * j + c] >> 4 * group & 15) - ECH_INT4_OFFSET);
    }
}

static inline void group_of(const int rows, const ech_row_group *group) {
    if (group->first)
        for (int i = 0; i < rows; i++) memset(group->out + i * group->out_stride, 0, ECH_STRIP * sizeof(float));
    for (int32_t half = 0; half < 2 * group->blocks; half++) {
        const uint8_t *weights = ech_group_weights(group, half / 2, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = (const int8_t *)ech_group_x(group, half / 2) + half % 2 * ECH_INT4_GROUP_K;
        float sums[MAX_ROWS][ECH_STRIP] = {{0}};
        for (int quad = 0; quad < ECH_INT4_QUADS; quad++) {
            float wide[4][ECH_STRIP];
            unpack(weights, half % 2, quad, wide);
            for (int i = 0; i < rows; i++) {
                const int8_t *xi = x + i * ECH_ROW_BYTES + 4 * quad;
                const float x0 = xi[0], x1 = xi[1], x2 = xi[2], x3 = xi[3];
                for (int j = 0; j < ECH_STRIP; j++)
                    sums[i][j] += wide[0][j] * x0 + wide[1][j] * x1 + wide[2][j] * x2 + wide[3][j] * x3;
            }
        }
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < ECH_STRIP; j++)
                group->out[i * group->out_stride + j] += ech_int4_scale(weights, half % 2, j) * sums[i][j];
    }
    if (!group->last) return;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < ECH_STRIP; j++) group->out[i * group->out_stride + j] *= group->scales[i];
}

static void group_of_1(const ech_row_group *group) { group_of(1, group); }
static void group_of_2(const ech_row_group *group) { group_of(2, group); }
static void group_of_3(const ech_row_group *group) { group_of(3, group); }
static void group_of_4(const ech_row_group *group) { group_of(4, group); }

void ech_strips_int4_portable(const ech_strips *strips) {
    static const ech_group_kernel kernels[MAX_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_INT4_BLOCK_BYTES, strips);
}
