#ifndef TKD_CONV_2D_S8_H
#define TKD_CONV_2D_S8_H

#include "tkd_dsp.h"
#include "tkd_output_stage.h"
#include "tkd_window.h"

/* An activation widened to 16 bits, in scratch memory that elsewhere holds other types. */
#if defined(__GNUC__)
typedef int16_t __attribute__((may_alias)) tkd_lane;
#else
typedef int16_t tkd_lane;
#endif

/* What a convolution needs beside its window.
 * depth  taps of a filter times input channels, rounded up to a multiple of 4 */
typedef struct {
    int32_t output_channels;
    int32_t depth;
    int32_t input_zero_point;
} tkd_conv_2d_shape;

TKD_INLINE tkd_lane *tkd_fill_lanes(tkd_lane *lanes, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        lanes[i] = (tkd_lane)value;
    }
    return lanes + count;
}

TKD_INLINE tkd_lane *tkd_widen_lanes(tkd_lane *lanes, const int8_t *values, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        lanes[i] = values[i];
    }
    return lanes + count;
}

/* The input under one window, in the order of the weights; the zero point where it is outside. */
TKD_INLINE void tkd_gather_patch(const tkd_window *window, const tkd_conv_2d_shape *shape,
                                 const int8_t *image, int32_t out_y, int32_t out_x,
                                 tkd_lane *lanes)
{
    const int32_t channels = window->input_channels;
    const int32_t zero = shape->input_zero_point;
    const tkd_taps taps = tkd_taps_inside(window, out_y, out_x);
    for (int32_t y = 0; y < window->kernel_height; ++y) {
        if (y < taps.first_y || y >= taps.end_y) {
            lanes = tkd_fill_lanes(lanes, zero, window->kernel_width * channels);
        } else {
            const int32_t row = (taps.origin_y + y) * window->input_width + taps.origin_x;
            lanes = tkd_fill_lanes(lanes, zero, taps.first_x * channels);
            lanes = tkd_widen_lanes(lanes, image + (row + taps.first_x) * channels,
                                    (taps.end_x - taps.first_x) * channels);
            lanes = tkd_fill_lanes(lanes, zero, (window->kernel_width - taps.end_x) * channels);
        }
    }
    /* The weights are zero here; the lanes must only hold something. */
    tkd_fill_lanes(lanes, 0,
                   shape->depth - window->kernel_height * window->kernel_width * channels);
}

/* sums[p][k] += sum_i patch_p[i] * filter_k[i], for two pixels and two output channels.
 * Four weights lie in memory in the order 0, 2, 1, 3, which is what makes them come out of the
 * byte extension as the pairs (0, 1) and (2, 3) that the patches have. */
TKD_INLINE void tkd_dot_2x2(const tkd_lane *patch0, const tkd_lane *patch1, const int8_t *filter0,
                            const int8_t *filter1, int32_t depth, int32_t sums[2][2])
{
    for (int32_t i = 0; i < depth; i += 4) {
#if TKD_DSP
        const uint32_t w0 = tkd_load_word(filter0 + i);
        const uint32_t w1 = tkd_load_word(filter1 + i);
        const uint32_t w0_low = tkd_widen_even(w0);
        const uint32_t w1_low = tkd_widen_even(w1);
        const uint32_t w0_high = tkd_widen_odd(w0);
        const uint32_t w1_high = tkd_widen_odd(w1);
        const uint32_t p0_low = tkd_load_word(patch0 + i);
        const uint32_t p0_high = tkd_load_word(patch0 + i + 2);
        const uint32_t p1_low = tkd_load_word(patch1 + i);
        const uint32_t p1_high = tkd_load_word(patch1 + i + 2);
        sums[0][0] = tkd_multiply_pairs(p0_low, w0_low, sums[0][0]);
        sums[0][1] = tkd_multiply_pairs(p0_low, w1_low, sums[0][1]);
        sums[1][0] = tkd_multiply_pairs(p1_low, w0_low, sums[1][0]);
        sums[1][1] = tkd_multiply_pairs(p1_low, w1_low, sums[1][1]);
        sums[0][0] = tkd_multiply_pairs(p0_high, w0_high, sums[0][0]);
        sums[0][1] = tkd_multiply_pairs(p0_high, w1_high, sums[0][1]);
        sums[1][0] = tkd_multiply_pairs(p1_high, w0_high, sums[1][0]);
        sums[1][1] = tkd_multiply_pairs(p1_high, w1_high, sums[1][1]);
#else
        static const int8_t order[4] = {0, 2, 1, 3};
        for (int32_t j = 0; j < 4; ++j) {
            const int32_t w0 = filter0[i + order[j]];
            const int32_t w1 = filter1[i + order[j]];
            const int32_t p0 = patch0[i + j];
            const int32_t p1 = patch1[i + j];
            sums[0][0] += p0 * w0;
            sums[0][1] += p0 * w1;
            sums[1][0] += p1 * w0;
            sums[1][1] += p1 * w1;
        }
#endif
    }
}

/* All output channels of one or two pixels, whose patches lie one after the other. */
TKD_INLINE void tkd_conv_2d_pixels(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                   const int8_t *weights, const tkd_lane *patches, int32_t pixels,
                                   int8_t *restrict output)
{
    const int32_t channels = shape->output_channels;
    const int32_t depth = shape->depth;
    for (int32_t channel = 0; channel < channels; channel += 2) {
        /* An odd last channel is computed twice. */
        const int32_t other = channel + 1 < channels ? channel + 1 : channel;
        int32_t sums[2][2] = {{stage->bias[channel], stage->bias[other]},
                              {stage->bias[channel], stage->bias[other]}};
        tkd_dot_2x2(patches, patches + (pixels - 1) * depth, weights + channel * depth,
                    weights + other * depth, depth, sums);
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            output[pixel * channels + channel] = tkd_finish(stage, channel, sums[pixel][0]);
            output[pixel * channels + other] = tkd_finish(stage, other, sums[pixel][1]);
        }
    }
}

/* output[n][y][x][o] = finish(bias[o] + sum_ijc input[n][y * stride + i - pad]... * weights[o]...)
 * input    [batches, input_height, input_width, input_channels]     int8
 * weights  [output_channels, depth] int8, zero point 0, each four in the order 0, 2, 1, 3
 * scratch  [2, depth] lanes
 * output   [batches, output_height, output_width, output_channels]  int8, must not overlap input
 * Outside the image the input has the value of its zero point, that is 0.
 * Source: TFLite int8 quantization specification, CONV_2D;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/conv.h. */
TKD_INLINE void tkd_conv_2d_s8(const tkd_window *window, const tkd_conv_2d_shape *shape,
                               const tkd_output_stage *stage, const int8_t *weights,
                               const int8_t *input, tkd_lane *scratch, int8_t *restrict output)
{
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    int32_t pending = 0;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                tkd_gather_patch(window, shape, input + batch * image_size, y, x,
                                 scratch + pending * shape->depth);
                ++pending;
                if (pending == 2) {
                    tkd_conv_2d_pixels(shape, stage, weights, scratch, 2, output);
                    output += 2 * shape->output_channels;
                    pending = 0;
                }
            }
        }
    }
    if (window->batches * window->output_height * window->output_width % 2 == 1) {
        tkd_conv_2d_pixels(shape, stage, weights, scratch, 1, output);
    }
}

#endif
