/// The bf16 kernel in plain C, written so that compilers turn its inner loops into vector instructions.
#include "formats/bf16/bf16.h"

#include "formats/strip_groups.h"

/// Rows that share one widening of the weights.
enum {
    MAX_ROWS = 4,
    // In bf16 elements.
    PAIR = 2,
    LINE = ECH_LINE_BYTES / 2,
    PANEL = ECH_PANEL_BYTES / 2,
    ROW = ECH_ROW_BYTES / 2, ///< columns of a block
};

static inline void group_of(const int rows, const ech_row_group *group) {
    float sums[MAX_ROWS][ECH_STRIP] = {{0}};
    for (int32_t block = 0; block < group->blocks; block++) {
        const uint16_t *weights = ech_group_weights(group, block, ECH_LINES_BLOCK_BYTES);
        const uint16_t *x = ech_group_x(group, block);
        for (int pair = 0; pair < ECH_PANEL_LINES; pair++) {
            float even[ECH_STRIP], odd[ECH_STRIP];
            for (int panel = 0; panel < 2; panel++) {
                const uint16_t *w = weights + panel * PANEL + pair * LINE;
                for (int j = 0; j < ECH_PANEL_OUTPUTS; j++) {
                    even[panel * ECH_PANEL_OUTPUTS + j] = ech_bf16_widen(w[2 * j]);
                    odd[panel * ECH_PANEL_OUTPUTS + j] = ech_bf16_widen(w[2 * j + 1]);
                }
            }
            for (int i = 0; i < rows; i++) {
                const float x_even = ech_bf16_widen(x[i * ROW + PAIR * pair]);
                const float x_odd = ech_bf16_widen(x[i * ROW + PAIR * pair + 1]);
                for (int j = 0; j < ECH_STRIP; j++) {
                    sums[i][j] += even[j] * x_even;
                    sums[i][j] += odd[j] * x_odd;
                }
            }
        }
    }
    for (int i = 0; i < rows; i++) {
        float *out = group->out + i * group->out_stride;
        for (int j = 0; j < ECH_STRIP; j++) out[j] = group->first ? sums[i][j] : out[j] + sums[i][j];
    }
}

static void group_of_1(const ech_row_group *group) { group_of(1, group); }
static void group_of_2(const ech_row_group *group) { group_of(2, group); }
static void group_of_3(const ech_row_group *group) { group_of(3, group); }
static void group_of_4(const ech_row_group *group) { group_of(4, group); }

void ech_strips_bf16_portable(const ech_strips *strips) {
    static const ech_group_kernel kernels[MAX_ROWS] = {group_of_1, group_of_2, group_of_3, group_of_4};
    ech_strips_in_groups(kernels, MAX_ROWS, ECH_LINES_BLOCK_BYTES, strips);
}
