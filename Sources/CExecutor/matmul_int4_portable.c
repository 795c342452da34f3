/// The int4 kernel in plain C, written so that compilers turn its inner loops into vector instructions.
#include "matmul_int4_kernels.h"

/// Rows that share one unpacking of the weights.
enum { MOST_ROWS = 4 };

/// The sums of one panel's products with one row's columns of a group.
static inline void add_panel(const uint8_t *panel, int shift, const int8_t *x, int32_t sums[ECH_PANEL_N]) {
    for (int quad = 0; quad < ECH_INT4_QUADS; quad++)
        for (int j = 0; j < ECH_PANEL_N; j++)
            for (int c = 0; c < 4; c++)
                sums[j] += (panel[quad * ECH_INT4_QUAD_BYTES + 4 * j + c] >> shift & 15) * x[4 * quad + c];
}

static inline void group_of(const int rows, const ech_row_group *group) {
    int32_t corrections[MOST_ROWS][2 * ECH_CHUNK_BLOCKS];
    ech_int4_corrections(rows, group, corrections);
    if (group->first)
        for (int i = 0; i < rows; i++) memset(group->out + i * group->out_stride, 0, ECH_STRIP_N * sizeof(float));
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint8_t *weights = ech_group_weights(group, block, ECH_INT4_BLOCK_BYTES);
        const int8_t *x = ech_group_x(group, block);
        for (int i = 0; i < rows; i++)
            for (int g = 0; g < 2; g++)
                for (int panel = 0; panel < 2; panel++) {
                    int32_t sums[ECH_PANEL_N];
                    for (int j = 0; j < ECH_PANEL_N; j++) sums[j] = corrections[i][2 * block + g];
                    add_panel(weights + panel * ECH_INT4_PANEL_BYTES, 4 * g, x + i * ECH_ROW_BYTES + g * ECH_INT4_GROUP_K,
                              sums);
                    float *out = group->out + i * group->out_stride + panel * ECH_PANEL_N;
                    for (int j = 0; j < ECH_PANEL_N; j++)
                        out[j] += ech_int4_scale(weights, g, panel * ECH_PANEL_N + j) * (float)sums[j];
                }
    }
    if (!group->last) return;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < ECH_STRIP_N; j++) group->out[i * group->out_stride + j] *= group->scales[i];
}

static void group_of_1(const ech_row_group *group) { group_of(1, group); }
static void group_of_2(const ech_row_group *group) { group_of(2, group); }
static void group_of_3(const ech_row_group *group) { group_of(3, group); }
static void group_of_4(const ech_row_group *group) { group_of(4, group); }

void ech_strip_int4_portable(const uint8_t *strip, const ech_q8_rows *x, int32_t rows, int32_t blocks, float *out,
                             ptrdiff_t out_stride) {
    static const ech_group_kernel kernels[MOST_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strip_int4_in_groups(kernels, MOST_ROWS, strip, x, rows, blocks, out, out_stride);
}
