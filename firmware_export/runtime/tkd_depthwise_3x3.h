#ifndef TKD_DEPTHWISE_3X3_H
#define TKD_DEPTHWISE_3X3_H

#include "tkd_depthwise_taps.h"

#if TKD_DSP
/* The nine taps of a filter in five registers: (w0, w2) of each row, and w1 of the three rows. */
typedef struct {
    uint32_t outer[3];
    uint32_t middle_01;
    uint32_t middle_2;
} tkd_taps_3x3;

TKD_INLINE tkd_taps_3x3 tkd_taps_3x3_of(const int8_t *filter)
{
    tkd_taps_3x3 taps;
    for (int32_t i = 0; i < 3; ++i) {
        taps.outer[i] = tkd_tap_pair(filter + 3 * i, 0, 2, 3);
    }
    taps.middle_01 = tkd_tap_pair(filter, 1, 4, 5);
    taps.middle_2 = (uint32_t)filter[7];
    return taps;
}

/* Four bytes of a row of the plane, as the pairs (x0, x2) and (x1, x3). */
typedef struct {
    uint32_t even;
    uint32_t odd;
} tkd_row_pairs;

TKD_INLINE tkd_row_pairs tkd_row_pairs_at(const int8_t *row)
{
    const uint32_t x = tkd_load_word(row);
    tkd_row_pairs pairs;
    pairs.even = tkd_widen_even(x);
    pairs.odd = tkd_widen_odd(x);
    return pairs;
}

/* Row i of the taps meets a row of the plane, which serves two neighbouring outputs: the first
 * takes (x0, x2) with the outer taps and x1 with the middle one, the second (x1, x3) and x2. */
TKD_INLINE void tkd_dot_row_3x2(const tkd_taps_3x3 *taps, int32_t i, const tkd_row_pairs *row,
                                int32_t columns, int32_t sums[2])
{
    const uint32_t even = row->even;
    const uint32_t odd = row->odd;
    sums[0] = tkd_multiply_pairs(even, taps->outer[i], sums[0]);
    sums[0] = i == 2   ? tkd_multiply_low(odd, taps->middle_2, sums[0])
              : i == 1 ? tkd_multiply_low_high(odd, taps->middle_01, sums[0])
                       : tkd_multiply_low(odd, taps->middle_01, sums[0]);
    if (columns == 2) {
        sums[1] = tkd_multiply_pairs(odd, taps->outer[i], sums[1]);
        sums[1] = i == 2   ? tkd_multiply_high_low(even, taps->middle_2, sums[1])
                  : i == 1 ? tkd_multiply_highs(even, taps->middle_01, sums[1])
                           : tkd_multiply_high_low(even, taps->middle_01, sums[1]);
    }
}

/* sum + sum_ij corner[i * d][j] * filter[i][j]
 * step  from one row of taps to the next in the plane */
TKD_INLINE int32_t tkd_depthwise_dot_3x3(const tkd_taps_3x3 *taps, const int8_t *corner,
                                         int32_t step, int32_t sum)
{
    int32_t sums[2] = {sum, 0};
    for (int32_t i = 0; i < 3; ++i) {
        const tkd_row_pairs row = tkd_row_pairs_at(corner + i * step);
        tkd_dot_row_3x2(taps, i, &row, 1, sums);
    }
    return sums[0];
}

/* Two rows of one or two outputs: each of the four rows of the plane below them is loaded and
 * widened once.
 * distance, row_distance  from one value of output to the next, and to the one below */
TKD_INLINE void tkd_depthwise_tile_3x3(const tkd_output_stage *stage, const tkd_scale *scale,
                                       int32_t bias, const tkd_taps_3x3 *taps,
                                       const int8_t *corner, int32_t plane_width, int32_t columns,
                                       int32_t distance, int32_t row_distance, int8_t *output)
{
    int32_t upper[2] = {bias, bias};
    int32_t lower[2] = {bias, bias};
    tkd_row_pairs row = tkd_row_pairs_at(corner);
    tkd_dot_row_3x2(taps, 0, &row, columns, upper);
    row = tkd_row_pairs_at(corner + plane_width);
    tkd_dot_row_3x2(taps, 1, &row, columns, upper);
    tkd_dot_row_3x2(taps, 0, &row, columns, lower);
    row = tkd_row_pairs_at(corner + 2 * plane_width);
    tkd_dot_row_3x2(taps, 2, &row, columns, upper);
    tkd_dot_row_3x2(taps, 1, &row, columns, lower);
    row = tkd_row_pairs_at(corner + 3 * plane_width);
    tkd_dot_row_3x2(taps, 2, &row, columns, lower);
    for (int32_t k = 0; k < columns; ++k) {
        output[k * distance] = tkd_finish_scaled(stage, scale, upper[k]);
        output[k * distance + row_distance] = tkd_finish_scaled(stage, scale, lower[k]);
    }
}

/* All pairs of rows of outputs of one channel, for 3x3 taps without stride and dilation.
 * distance  from one value of output to the next */
TKD_INLINE void tkd_depthwise_plane_3x3(const tkd_window *window, const tkd_depthwise_shape *shape,
                                        const tkd_output_stage *stage, const tkd_scale *scale,
                                        int32_t bias, const tkd_taps_3x3 *taps,
                                        const int8_t *plane, int32_t distance, int8_t *output)
{
    const int32_t width = window->output_width;
    const int32_t row_distance = width * distance;
    for (int32_t y = 0; y + 2 <= window->output_height; y += 2) {
        for (int32_t x = 0; x + 2 <= width; x += 2) {
            tkd_depthwise_tile_3x3(stage, scale, bias, taps, plane + x, shape->plane_width, 2,
                                   distance, row_distance, output + x * distance);
        }
        if (width % 2 == 1) {
            tkd_depthwise_tile_3x3(stage, scale, bias, taps, plane + width - 1,
                                   shape->plane_width, 1, distance, row_distance,
                                   output + (width - 1) * distance);
        }
        plane += 2 * shape->plane_width;
        output += 2 * row_distance;
    }
}
#endif

#endif
