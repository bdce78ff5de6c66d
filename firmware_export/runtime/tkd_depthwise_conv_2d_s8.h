#ifndef TKD_DEPTHWISE_CONV_2D_S8_H
#define TKD_DEPTHWISE_CONV_2D_S8_H

#include "tkd_depthwise_3x3.h"
#include "tkd_depthwise_plain.h"

TKD_INLINE int32_t tkd_smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Copy one channel of the image into the plane; its padding stays as it is. */
TKD_INLINE void tkd_gather_plane(const tkd_window *window, const tkd_depthwise_shape *shape,
                                 const int8_t *channel, int8_t *plane)
{
    const int32_t height = tkd_smaller(window->input_height, shape->plane_height - window->pad_top);
    const int32_t width = tkd_smaller(window->input_width, shape->plane_width - window->pad_left);
    const int32_t step = window->input_channels;
    for (int32_t y = 0; y < height; ++y) {
        const int8_t *from = channel + y * window->input_width * step;
        int8_t *const row =
            tkd_own_register(plane + (y + window->pad_top) * shape->plane_width + window->pad_left);
        int32_t x = 0;
        for (; x + 4 <= width; x += 4) {
            row[x] = from[0];
            row[x + 1] = from[step];
            row[x + 2] = from[2 * step];
            row[x + 3] = from[3 * step];
            from += 4 * step;
        }
        for (; x < width; ++x) {
            row[x] = from[0];
            from += step;
        }
    }
}

/* sum + sum_ij corner[i * d][j * d] * filter[i][j]; corner lies in the plane */
TKD_INLINE int32_t tkd_depthwise_dot(const tkd_window *window, const tkd_depthwise_shape *shape,
                                     const int8_t *corner, const int8_t *filter, int32_t sum)
{
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        const int8_t *const row = corner + i * window->dilation_height * shape->plane_width;
        for (int32_t j = 0; j < window->kernel_width; ++j) {
            sum += row[j * window->dilation_width] * filter[i * window->kernel_width + j];
        }
    }
    return sum;
}

/* The taps of a filter, in the form in which this core multiplies them.
 * pairs     of tkd_pair_taps, for all windows but 3x3 ones */
typedef struct {
    const int8_t *filter;
#if TKD_DSP
    const tkd_word *pairs;
    tkd_taps_3x3 taps_3x3;
#endif
} tkd_depthwise_filter;

/* Whether the taps fit into registers, as tkd_taps_3x3. */
TKD_INLINE int32_t tkd_is_3x3(const tkd_window *window)
{
    return window->kernel_height == 3 && window->kernel_width == 3 && window->dilation_width == 1;
}

TKD_INLINE tkd_depthwise_filter tkd_depthwise_filter_of(const tkd_window *window,
                                                        const int8_t *taps, tkd_word *pairs)
{
    tkd_depthwise_filter filter;
    filter.filter = taps;
#if TKD_DSP
    filter.pairs = pairs;
    if (tkd_is_3x3(window)) {
        filter.taps_3x3 = tkd_taps_3x3_of(taps);
    } else if (window->dilation_width == 1) {
        tkd_pair_taps(window, taps, pairs);
    }
#else
    (void)window;
    (void)pairs;
#endif
    return filter;
}

/* bias + sum_ij corner[i * d][j * d] * filter[i][j]; corner lies in the plane */
TKD_INLINE int32_t tkd_depthwise_sum(const tkd_window *window, const tkd_depthwise_shape *shape,
                                     const tkd_depthwise_filter *filter, const int8_t *corner,
                                     int32_t bias)
{
#if TKD_DSP
    if (tkd_is_3x3(window)) {
        return tkd_depthwise_dot_3x3(&filter->taps_3x3, corner,
                                     window->dilation_height * shape->plane_width, bias);
    }
    if (window->dilation_width == 1) {
        return tkd_depthwise_dot_fours(window, shape, corner, filter->pairs, bias);
    }
#endif
    return tkd_depthwise_dot(window, shape, corner, filter->filter, bias);
}

/* The outputs of one channel from row first_row on.
 * distance  from one value of output to the next */
TKD_INLINE void tkd_depthwise_plane(const tkd_window *window, const tkd_depthwise_shape *shape,
                                    const tkd_output_stage *stage, const tkd_scale *scale,
                                    int32_t bias, const tkd_depthwise_filter *filter,
                                    const int8_t *plane, int32_t first_row, int32_t distance,
                                    int8_t *output)
{
    output += first_row * window->output_width * distance;
    for (int32_t y = first_row; y < window->output_height; ++y) {
        const int8_t *corner = plane + y * window->stride_height * shape->plane_width;
        for (int32_t x = 0; x < window->output_width; ++x) {
            const int32_t sum = tkd_depthwise_sum(window, shape, filter, corner, bias);
            output[0] = tkd_finish_scaled(stage, scale, sum);
            output += distance;
            corner += window->stride_width;
        }
    }
}

/* All outputs of one channel.
 * pairs  room for tkd_pair_taps */
TKD_INLINE void tkd_depthwise_channel(const tkd_window *window, const tkd_depthwise_shape *shape,
                                      const tkd_output_stage *stage, const tkd_channel *scaling,
                                      const int8_t *taps, const int8_t *plane, tkd_word *pairs,
                                      int32_t distance, int8_t *output)
{
    const tkd_scale scale = tkd_scale_of(stage, scaling);
    const tkd_depthwise_filter filter = tkd_depthwise_filter_of(window, taps, pairs);
    int32_t first_row = 0;
#if TKD_DSP
    if (tkd_is_3x3(window) && window->dilation_height == 1 && window->stride_height == 1 &&
        window->stride_width == 1) {
        tkd_depthwise_plane_3x3(window, shape, stage, &scale, scaling->bias, &filter.taps_3x3,
                                plane, distance, output);
        first_row = window->output_height - window->output_height % 2;
    }
#else
    if (window->kernel_width == 3 && window->dilation_width == 1) {
        tkd_depthwise_plain(window, shape->plane_width, stage, &scale, scaling->bias, taps, plane,
                            distance, output);
        return;
    }
#endif
    if (first_row < window->output_height) {
        tkd_depthwise_plane(window, shape, stage, &scale, scaling->bias, &filter, plane, first_row,
                            distance, output);
    }
}

/* output[n][y][x][c * M + m] = finish(bias[c * M + m]
 *     + sum_ij input[n][y * s + i * d - pad][x * s + j * d - pad][c] * weights[c * M + m][i][j])
 * input    [batches, input_height, input_width, input_channels]        int8
 * weights  [input_channels * M, kernel_height, kernel_width]           int8, zero point 0
 * scratch  tkd_tap_words words, then [plane_height, plane_width] int8, then one word
 * output   [batches, output_height, output_width, input_channels * M]  int8; may be the memory of
 *          the input if M is 1, because each channel is copied before it is written
 * Outside the image the input has the value of its zero point, that is 0.
 * Source: TFLite int8 quantization specification, DEPTHWISE_CONV_2D;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h. */
TKD_INLINE void tkd_depthwise_conv_2d_s8(const tkd_window *window,
                                         const tkd_depthwise_shape *shape,
                                         const tkd_output_stage *stage, const int8_t *weights,
                                         const int8_t *input, tkd_word *scratch, int8_t *output)
{
    const int32_t channels = window->input_channels * shape->depth_multiplier;
    const int32_t input_size = window->input_height * window->input_width * window->input_channels;
    const int32_t output_size = window->output_height * window->output_width * channels;
    const int32_t filter_size = window->kernel_height * window->kernel_width;
    int8_t *const plane = (int8_t *)(scratch + tkd_tap_words(window));
    for (int32_t i = 0; i < shape->plane_height * shape->plane_width + 4; ++i) {
        plane[i] = (int8_t)shape->input_zero_point;
    }
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t o = 0; o < channels; ++o) {
            if (o % shape->depth_multiplier == 0) {
                tkd_gather_plane(window, shape,
                                 input + batch * input_size + o / shape->depth_multiplier, plane);
            }
            tkd_depthwise_channel(window, shape, stage, &stage->channels[o],
                                  weights + o * filter_size, plane, scratch, channels,
                                  output + batch * output_size + o);
        }
    }
}

#endif
