#ifndef TKD_DEPTHWISE_PLAIN_H
#define TKD_DEPTHWISE_PLAIN_H

#include "tkd_output_stage.h"
#include "tkd_window.h"

#if TKD_THUMB_1
/* sums[k] += what tkd_dot_of_threes gives, for two neighbouring outputs. A signed byte is loaded at
 * an index in a register only, and each product takes the place of the factor that is needed no
 * more: r3 index, r4 and r5 neighbouring values, r6 tap; r8 and r9 sums, r12 end of the filter. */
TKD_INLINE void tkd_two_dots_of_threes(int32_t rows, int32_t row_distance, const int8_t *corner,
                                       const int8_t *filter, int32_t sums[2])
{
    register const int8_t *row __asm__("r0") = corner;
    register const int8_t *taps __asm__("r1") = filter;
    register int32_t distance __asm__("r2") = row_distance;
    register int32_t left __asm__("r3") = sums[0];
    register int32_t right __asm__("r4") = sums[1];
    register const int8_t *end __asm__("r5") = filter + 3 * rows;
#define TKD_TAP(next, left, right)                                                                 \
    "ldrsb r6, [r1, r3]\n\t"                                                                       \
    "muls " left ", r6, " left "\n\t"                                                              \
    "add r8, " left "\n\t"                                                                         \
    "movs r3, #" next "\n\t"                                                                       \
    "ldrsb " right ", [r0, r3]\n\t"                                                                \
    "muls r6, " right ", r6\n\t"                                                                   \
    "add r9, r6\n\t"
    __asm__ volatile(".syntax unified\n\t"
                     "mov r8, r3\n\t"
                     "mov r9, r4\n\t"
                     "mov r12, r5\n"
                     "1:\n\t"
                     "movs r3, #0\n\t"
                     "ldrsb r4, [r0, r3]\n\t"
                     TKD_TAP("1", "r4", "r5") TKD_TAP("2", "r5", "r4") TKD_TAP("3", "r4", "r5")
                     "adds r0, r0, r2\n\t"
                     "adds r1, #3\n\t"
                     "cmp r1, r12\n\t"
                     "bne 1b\n\t"
                     "mov r3, r8\n\t"
                     "mov r4, r9"
                     : "+l"(row), "+l"(taps), "+l"(left), "+l"(right), "+l"(end)
                     : "l"(distance)
                     : "r6", "r8", "r9", "r12", "cc", "memory");
#undef TKD_TAP
    sums[0] = left;
    sums[1] = right;
}
#endif

/* sum_ij corner[i * row_distance + j] * filter[3 * i + j], for rows of three taps */
TKD_INLINE int32_t tkd_dot_of_threes(int32_t rows, int32_t row_distance, const int8_t *corner,
                                     const int8_t *filter)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < rows; ++i) {
        sum += corner[0] * filter[0] + corner[1] * filter[1] + corner[2] * filter[2];
        corner += row_distance;
        filter += 3;
    }
    return sum;
}

/* All outputs of one channel, for rows of three taps whose columns are neighbours.
 * plane     [.., plane_width] int8 and one more
 * distance  from one value of output to the next */
TKD_INLINE void tkd_depthwise_plain(const tkd_window *window, int32_t plane_width,
                                    const tkd_output_stage *stage, const tkd_scale *scale,
                                    int32_t bias, const int8_t *filter, const int8_t *plane, int32_t distance,
                                    int8_t *output)
{
    const int32_t rows = window->kernel_height;
    const int32_t row_distance = window->dilation_height * plane_width;
    for (int32_t y = 0; y < window->output_height; ++y) {
        const int8_t *corner = plane + y * window->stride_height * plane_width;
        int32_t x = 0;
#if TKD_THUMB_1
        for (; window->stride_width == 1 && x < window->output_width - 1; x += 2) {
            int32_t sums[2] = {bias, bias};
            tkd_two_dots_of_threes(rows, row_distance, corner, filter, sums);
            output[0] = tkd_finish_scaled(stage, scale, sums[0]);
            output[distance] = tkd_finish_scaled(stage, scale, sums[1]);
            corner += 2;
            output += 2 * distance;
        }
#endif
        for (; x < window->output_width; ++x) {
            const int32_t sum = tkd_dot_of_threes(rows, row_distance, corner, filter);
            output[0] = tkd_finish_scaled(stage, scale, bias + sum);
            corner += window->stride_width;
            output += distance;
        }
    }
}

#endif
