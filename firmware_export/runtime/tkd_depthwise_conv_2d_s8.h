#ifndef TKD_DEPTHWISE_CONV_2D_S8_H
#define TKD_DEPTHWISE_CONV_2D_S8_H

#include "tkd_depthwise_plain.h"
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
    for (int32_t y = 0; y < height; ++y) {
        int8_t *const row = plane + (y + window->pad_top) * shape->plane_width + window->pad_left;
        for (int32_t x = 0; x < width; ++x) {
            row[x] = channel[(y * window->input_width + x) * window->input_channels];
        }
    }
}

#if TKD_DSP
/* sum + a.low * b.low */
TKD_INLINE int32_t tkd_multiply_low(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* sum + a.high * b.low */
TKD_INLINE int32_t tkd_multiply_high_low(uint32_t a, uint32_t b, int32_t sum)
{
    __asm__("smlatb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
}

/* Rows of three taps as the pairs (w0, w2) and (w1, 0), two words to a row. */
TKD_INLINE void tkd_pair_taps(const int8_t *filter, int32_t height, tkd_word *pairs)
{
    for (int32_t i = 0; i < height; ++i) {
        pairs[2 * i] = ((uint32_t)filter[3 * i] & 0xffffu) | ((uint32_t)filter[3 * i + 2] << 16);
        pairs[2 * i + 1] = (uint32_t)filter[3 * i + 1] & 0xffffu;
    }
}

/* Two neighbouring outputs of rows of three taps. One word (x0, x1, x2, x3) serves both: as the
 * pairs (x0, x2) and (x1, x3) it meets the taps (w0, w2) and w1 of either. */
TKD_INLINE void tkd_depthwise_dot_3x2(const tkd_window *window, const tkd_depthwise_shape *shape,
                                      const int8_t *corner, const tkd_word *pairs, int32_t sums[2])
{
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        const uint32_t x = tkd_load_word(
            corner + i * window->dilation_height * shape->plane_width);
        const uint32_t even = tkd_widen_even(x);
        const uint32_t odd = tkd_widen_odd(x);
        sums[0] = tkd_multiply_pairs(even, pairs[2 * i], sums[0]);
        sums[1] = tkd_multiply_pairs(odd, pairs[2 * i], sums[1]);
        sums[0] = tkd_multiply_low(odd, pairs[2 * i + 1], sums[0]);
        sums[1] = tkd_multiply_high_low(even, pairs[2 * i + 1], sums[1]);
    }
}

/* All outputs of one channel, two at a time, for rows of three taps and horizontal stride 1.
 * pairs     [kernel_height, 2] words, filled here
 * distance  from one value of output to the next */
TKD_INLINE void tkd_depthwise_plane_in_pairs(const tkd_window *window,
                                             const tkd_depthwise_shape *shape,
                                             const tkd_output_stage *stage,
                                             const tkd_channel *scaling, const int8_t *filter,
                                             const int8_t *plane, tkd_word *pairs,
                                             int32_t distance, int8_t *output)
{
    tkd_pair_taps(filter, window->kernel_height, pairs);
    for (int32_t y = 0; y < window->output_height; ++y) {
        const int8_t *const row = plane + y * window->stride_height * shape->plane_width;
        for (int32_t x = 0; x < window->output_width; x += 2) {
            int32_t sums[2] = {scaling->bias, scaling->bias};
            tkd_depthwise_dot_3x2(window, shape, row + x, pairs, sums);
            output[0] = tkd_finish(stage, scaling, sums[0]);
            output += distance;
            if (x + 1 < window->output_width) {
                output[0] = tkd_finish(stage, scaling, sums[1]);
                output += distance;
            }
        }
    }
}
#endif

/* sum_ij corner[i * d][j * d] * filter[i][j]; corner lies in the plane */
TKD_INLINE int32_t tkd_depthwise_dot(const tkd_window *window, const tkd_depthwise_shape *shape,
                                     const int8_t *corner, const int8_t *filter)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < window->kernel_height; ++i) {
        const int8_t *const row = corner + i * window->dilation_height * shape->plane_width;
        for (int32_t j = 0; j < window->kernel_width; ++j) {
            sum += row[j * window->dilation_width] * filter[i * window->kernel_width + j];
        }
    }
    return sum;
}

/* All outputs of one channel.
 * distance  from one value of output to the next */
TKD_INLINE void tkd_depthwise_plane(const tkd_window *window, const tkd_depthwise_shape *shape,
                                    const tkd_output_stage *stage, const tkd_channel *scaling,
                                    const int8_t *filter, const int8_t *plane, int32_t distance,
                                    int8_t *output)
{
    for (int32_t y = 0; y < window->output_height; ++y) {
        const int8_t *const row = plane + y * window->stride_height * shape->plane_width;
        for (int32_t x = 0; x < window->output_width; ++x) {
            const int8_t *const corner = row + x * window->stride_width;
            const int32_t sum = scaling->bias + tkd_depthwise_dot(window, shape, corner, filter);
            output[0] = tkd_finish(stage, scaling, sum);
            output += distance;
        }
    }
}

/* output[n][y][x][c * M + m] = finish(bias[c * M + m]
 *     + sum_ij input[n][y * s + i * d - pad][x * s + j * d - pad][c] * weights[c * M + m][i][j])
 * input    [batches, input_height, input_width, input_channels]        int8
 * weights  [input_channels * M, kernel_height, kernel_width]           int8, zero point 0
 * scratch  [kernel_height, 2] words, then [plane_height, plane_width] int8, then one word
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
    int8_t *const plane = (int8_t *)(scratch + 2 * window->kernel_height);
    for (int32_t i = 0; i < shape->plane_height * shape->plane_width + 4; ++i) {
        plane[i] = (int8_t)shape->input_zero_point;
    }
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t o = 0; o < channels; ++o) {
            const tkd_channel *const scaling = &stage->channels[o];
            const int8_t *const filter = weights + o * filter_size;
            int8_t *const first = output + batch * output_size + o;
            if (o % shape->depth_multiplier == 0) {
                tkd_gather_plane(window, shape,
                                 input + batch * input_size + o / shape->depth_multiplier, plane);
            }
#if TKD_DSP
            if (window->kernel_width == 3 && window->stride_width == 1 &&
                window->dilation_width == 1) {
                tkd_depthwise_plane_in_pairs(window, shape, stage, scaling, filter, plane, scratch,
                                             channels, first);
                continue;
            }
#else
            if (window->kernel_width == 3 && window->dilation_width == 1) {
                tkd_depthwise_plain(window, shape->plane_width, stage, scaling, filter, plane,
                                    channels, first);
                continue;
            }
#endif
            tkd_depthwise_plane(window, shape, stage, scaling, filter, plane, channels, first);
        }
    }
}

#endif
