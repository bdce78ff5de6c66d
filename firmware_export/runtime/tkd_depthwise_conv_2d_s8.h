#ifndef TKD_DEPTHWISE_CONV_2D_S8_H
#define TKD_DEPTHWISE_CONV_2D_S8_H

#include "tkd_output_stage.h"
#include "tkd_window.h"

typedef struct {
    int32_t depth_multiplier;
    int32_t input_zero_point;
} tkd_depthwise_shape;

/* sum_ij image[corner + offset of tap (i, j)] * filter[i][j], for one channel.
 * whole  1 when every tap is inside the image; always a literal, so that the test goes away */
TKD_INLINE int32_t tkd_depthwise_dot(const tkd_window *window, const tkd_taps *taps,
                                     int32_t zero_point, const int8_t *image,
                                     int32_t corner, const int8_t *filter, int32_t whole)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        for (int32_t j = 0; j < window->kernel_width; ++j) {
            const int32_t offset = (i * window->input_width + j) * window->input_channels;
            const int32_t inside = whole || (i >= taps->first_y && i < taps->end_y &&
                                             j >= taps->first_x && j < taps->end_x);
            const int32_t value = inside ? image[corner + offset] : zero_point;
            sum += value * filter[i * window->kernel_width + j];
        }
    }
    return sum;
}

/* All channels of one pixel. */
TKD_INLINE void tkd_depthwise_pixel(const tkd_window *window, const tkd_depthwise_shape *shape,
                                    const tkd_output_stage *stage, const tkd_taps *taps,
                                    const int8_t *weights, const int8_t *image, int32_t whole,
                                    int8_t *restrict output)
{
    const int32_t multiplier = shape->depth_multiplier;
    const int32_t size = window->kernel_height * window->kernel_width;
    const int32_t corner =
        (taps->origin_y * window->input_width + taps->origin_x) * window->input_channels;
    for (int32_t channel = 0; channel < window->input_channels; ++channel) {
        for (int32_t m = 0; m < multiplier; ++m) {
            const int32_t o = channel * multiplier + m;
            const int32_t sum =
                stage->bias[o] + tkd_depthwise_dot(window, taps, shape->input_zero_point, image,
                                                   corner + channel, weights + o * size, whole);
            output[o] = tkd_finish(stage, o, sum);
        }
    }
}

/* output[n][y][x][c * M + m] = finish(bias[c * M + m] + sum_ij input[n][...][c] * weights[c * M + m])
 * input    [batches, input_height, input_width, input_channels]          int8
 * weights  [input_channels * M, kernel_height * kernel_width]            int8, zero point 0
 * output   [batches, output_height, output_width, input_channels * M]    int8, must not overlap
 * Outside the image the input has the value of its zero point, that is 0.
 * Source: TFLite int8 quantization specification, DEPTHWISE_CONV_2D;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h. */
TKD_INLINE void tkd_depthwise_conv_2d_s8(const tkd_window *window,
                                         const tkd_depthwise_shape *shape,
                                         const tkd_output_stage *stage, const int8_t *weights,
                                         const int8_t *input, int8_t *restrict output)
{
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                const int8_t *const image = input + batch * image_size;
                const tkd_taps taps = tkd_taps_inside(window, y, x);
                if (taps.end_y - taps.first_y == window->kernel_height &&
                    taps.end_x - taps.first_x == window->kernel_width) {
                    tkd_depthwise_pixel(window, shape, stage, &taps, weights, image, 1, output);
                } else {
                    tkd_depthwise_pixel(window, shape, stage, &taps, weights, image, 0, output);
                }
                output += window->input_channels * shape->depth_multiplier;
            }
        }
    }
}

#endif
