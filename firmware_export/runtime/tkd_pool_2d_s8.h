#ifndef TKD_POOL_2D_S8_H
#define TKD_POOL_2D_S8_H

#include "tkd_clamp.h"
#include "tkd_pool_fours.h"

typedef struct {
    int32_t activation_min;
    int32_t activation_max;
} tkd_pool_range;

/* sum / count, to nearest, ties away from zero. */
TKD_INLINE int32_t tkd_rounded_mean(int32_t sum, int32_t count)
{
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

TKD_INLINE int32_t tkd_taps_count(const tkd_taps *taps)
{
    return (taps->end_y - taps->first_y) * (taps->end_x - taps->first_x);
}

/* The mean of one channel under one window. */
TKD_INLINE int32_t tkd_window_mean(const tkd_window *window, const tkd_taps *taps,
                                   const int8_t *image, int32_t channel)
{
    int32_t sum = 0;
    for (int32_t i = taps->origin_y + taps->first_y; i < taps->origin_y + taps->end_y; ++i) {
        for (int32_t j = taps->origin_x + taps->first_x; j < taps->origin_x + taps->end_x; ++j) {
            sum += image[(i * window->input_width + j) * window->input_channels + channel];
        }
    }
    return tkd_rounded_mean(sum, tkd_taps_count(taps));
}

/* The largest value of one channel under one window. */
TKD_INLINE int32_t tkd_window_max(const tkd_window *window, const tkd_taps *taps,
                                  const int8_t *image, int32_t channel)
{
    int32_t largest = INT8_MIN;
    for (int32_t i = taps->origin_y + taps->first_y; i < taps->origin_y + taps->end_y; ++i) {
        for (int32_t j = taps->origin_x + taps->first_x; j < taps->origin_x + taps->end_x; ++j) {
            const int32_t value =
                image[(i * window->input_width + j) * window->input_channels + channel];
            largest = value > largest ? value : largest;
        }
    }
    return largest;
}

/* One pixel of the output: from channel first_channel on, one at a time. */
TKD_INLINE void tkd_pool_pixel(const tkd_window *window, const tkd_pool_range *range,
                               const tkd_taps *taps, int32_t take_max, const int8_t *image,
                               int32_t first_channel, int8_t *output)
{
    for (int32_t channel = first_channel; channel < window->input_channels; ++channel) {
        const int32_t value = take_max ? tkd_window_max(window, taps, image, channel)
                                       : tkd_window_mean(window, taps, image, channel);
        output[channel] = tkd_clamp(value, range->activation_min, range->activation_max);
    }
}

#if TKD_DSP
/* The same, four channels at a time; returns the first channel that is left over. */
TKD_INLINE int32_t tkd_pool_pixel_fours(const tkd_window *window, const tkd_pool_range *range,
                                        const tkd_taps *taps, int32_t take_max,
                                        const int8_t *image, int8_t *output)
{
    int32_t channel = 0;
    for (; channel + 4 <= window->input_channels; channel += 4) {
        int32_t values[4];
        if (take_max) {
            tkd_window_largest(window, taps, image + channel, values);
        } else {
            tkd_window_sums(window, taps, image + channel, values);
        }
        for (int32_t k = 0; k < 4; ++k) {
            const int32_t value =
                take_max ? values[k] : tkd_rounded_mean(values[k], tkd_taps_count(taps));
            output[channel + k] = tkd_clamp(value, range->activation_min, range->activation_max);
        }
    }
    return channel;
}
#endif

/* output[n][y][x][c] = clamp(pool of input[n][...][...][c] under the window)
 * take_max  1 for the largest value, 0 for the mean; always a literal
 * input     [batches, input_height, input_width, input_channels]    int8
 * output    [batches, output_height, output_width, input_channels]  int8; may lie over the input
 *           where what is written stays below what is still to be read, see Window.overlap
 * Values outside the image do not count, and both sides have the same quantization.
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h. */
TKD_INLINE void tkd_pool_2d_s8(const tkd_window *window, const tkd_pool_range *range,
                               int32_t take_max, const int8_t *input, int8_t *output)
{
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                const int8_t *const image = input + batch * image_size;
                const tkd_taps taps = tkd_taps_inside(window, y, x);
                int32_t first_channel = 0;
#if TKD_DSP
                if (take_max || window->kernel_height * window->kernel_width <= TKD_POOL_TAPS) {
                    first_channel =
                        tkd_pool_pixel_fours(window, range, &taps, take_max, image, output);
                }
#endif
                tkd_pool_pixel(window, range, &taps, take_max, image, first_channel, output);
                output += window->input_channels;
            }
        }
    }
}

#endif
