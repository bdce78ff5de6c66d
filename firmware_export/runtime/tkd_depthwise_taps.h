#ifndef TKD_DEPTHWISE_TAPS_H
#define TKD_DEPTHWISE_TAPS_H

#include "tkd_dsp.h"
#include "tkd_output_stage.h"
#include "tkd_window.h"

/* One channel of an image with its padding, as far as the windows reach, is called a plane.
 * plane_height  (output_height - 1) * stride_height + (kernel_height - 1) * dilation_height + 1
 * plane_width   (output_width - 1) * stride_width + (kernel_width - 1) * dilation_width + 1 */
typedef struct {
    int32_t depth_multiplier;
    int32_t input_zero_point;
    int32_t plane_height;
    int32_t plane_width;
} tkd_depthwise_shape;

/* Words that hold the taps of a filter as pairs, see tkd_pair_taps. */
TKD_INLINE int32_t tkd_tap_words(const tkd_window *window)
{
    return window->kernel_height * ((window->kernel_width + 3) / 4) * 2;
}

#if TKD_DSP
/* Two taps as halfwords; 0 for one beyond the row. */
TKD_INLINE uint32_t tkd_tap_pair(const int8_t *row, int32_t first, int32_t second, int32_t width)
{
    const uint32_t low = first < width ? (uint32_t)row[first] & 0xffffu : 0;
    const uint32_t high = second < width ? (uint32_t)row[second] << 16 : 0;
    return low | high;
}

/* Rows of taps by fours, as the extension of four bytes of the plane meets them: the pairs
 * (w0, w2) and (w1, w3), zeros where a row ends. */
TKD_INLINE void tkd_pair_taps(const tkd_window *window, const int8_t *filter, tkd_word *pairs)
{
    const int32_t width = window->kernel_width;
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        for (int32_t j = 0; j < width; j += 4) {
            pairs[0] = tkd_tap_pair(filter + i * width + j, 0, 2, width - j);
            pairs[1] = tkd_tap_pair(filter + i * width + j, 1, 3, width - j);
            pairs += 2;
        }
    }
}

/* sum + sum_ij corner[i * d][j] * filter[i][j], four taps of a row at a time. */
TKD_INLINE int32_t tkd_depthwise_dot_fours(const tkd_window *window,
                                           const tkd_depthwise_shape *shape, const int8_t *corner,
                                           const tkd_word *pairs, int32_t sum)
{
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        const int8_t *const row = corner + i * window->dilation_height * shape->plane_width;
        for (int32_t j = 0; j < window->kernel_width; j += 4) {
            const uint32_t x = tkd_load_word(row + j);
            sum = tkd_multiply_pairs(tkd_widen_even(x), pairs[0], sum);
            if (j + 1 < window->kernel_width) {
                sum = tkd_multiply_pairs(tkd_widen_odd(x), pairs[1], sum);
            }
            pairs += 2;
        }
    }
    return sum;
}
#endif

#endif
