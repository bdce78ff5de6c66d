#ifndef TKD_CONV_2D_S8_H
#define TKD_CONV_2D_S8_H

#include "tkd_destination.h"
#include "tkd_dot_4x2.h"
#include "tkd_dot_packed.h"
#include "tkd_output_stage.h"
#include "tkd_patches.h"

/* Two output channels, or the last one, of up to TKD_PIXELS pixels, whose patches lie side by side.
 * scaling  of the first channel
 * width    1 or 2 channels; beside a last one lies a filter of zeros, whose sums are not used
 * at       index of the result of the first of the pixels and channels */
TKD_INLINE void tkd_conv_2d_tile(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                 const tkd_channel *scaling, int32_t width, const int8_t *weights,
                                 const tkd_lane *patches, int32_t depth, int32_t pixels,
                                 const tkd_destination *to, int32_t at)
{
    const int32_t bias[2] = {scaling[0].bias, scaling[width - 1].bias};
    int32_t sums[2][TKD_PIXELS];
    tkd_dot_pixels(patches, weights, depth, pixels, shape->lane_products, bias, sums);
    for (int32_t k = 0; k < width; ++k) {
        const tkd_scale scale = tkd_scale_of(stage, &scaling[k]);
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            tkd_put(to, at + pixel * shape->output_channels + k,
                    tkd_finish_scaled(stage, &scale, sums[k][pixel]));
        }
    }
}

/* All output channels of up to TKD_PIXELS pixels; the patches of the groups follow each other. */
TKD_INLINE void tkd_conv_2d_pixels(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                   const int8_t *weights, const tkd_lane *patches, int32_t depth,
                                   int32_t pixels, const tkd_destination *to)
{
    const int32_t channels = shape->output_channels / shape->groups;
    for (int32_t group = 0; group < shape->groups; ++group) {
        const tkd_channel *const scaling = stage->channels + group * channels;
        for (int32_t o = 0; o < channels; o += 2) {
            tkd_conv_2d_tile(shape, stage, scaling + o, o + 1 < channels ? 2 : 1, weights,
                             patches + group * TKD_PIXELS * depth, depth, pixels, to,
                             group * channels + o);
            weights += 2 * depth;
        }
    }
}

/* All pixels, in raster order, each after its whole patch was copied; see tkd_conv_2d_s8. */
TKD_INLINE void tkd_conv_2d_to(const tkd_window *window, const tkd_conv_2d_shape *shape,
                               const tkd_output_stage *stage, const int8_t *weights,
                               const int8_t *input, tkd_lane *scratch, tkd_destination to)
{
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    const int32_t group_channels = window->input_channels / shape->groups;
    const int32_t depth = window->kernel_height * shape->row_depth;
    const int32_t pixels = window->batches * window->output_height * window->output_width;
    int8_t *const bytes = (int8_t *)(scratch + TKD_PIXELS * shape->groups * depth);
    int32_t pending = 0;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        const int8_t *const image = input + batch * image_size;
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                for (int32_t group = 0; group < shape->groups; ++group) {
                    tkd_gather_patch(window, shape, image + group * group_channels, y, x, bytes,
                                     tkd_patch_of(scratch + group * TKD_PIXELS * depth, pending),
                                     pending);
                }
                ++pending;
                if (pending == TKD_PIXELS) {
                    tkd_conv_2d_pixels(shape, stage, weights, scratch, depth, TKD_PIXELS, &to);
                    tkd_advance(&to, TKD_PIXELS * shape->output_channels);
                    pending = 0;
                }
            }
        }
    }
    if (pixels % TKD_PIXELS != 0) {
        tkd_conv_2d_pixels(shape, stage, weights, scratch, depth, pixels % TKD_PIXELS, &to);
    }
}

/* output[n][y][x][o] = finish(bias[o] + sum_ijc input[n][y * s + i * d - pad]
 *                                                    [x * s + j * d - pad][c + first of group]
 *                                               * weights[o][i][j][c])
 * input    [batches, input_height, input_width, input_channels]     int8
 * weights  [groups, output channels of a group / 2, depth, 2] int8, zero point 0, aligned to 4
 *          bytes; depth is kernel_height * row_depth, in the order of tkd_patches.h
 * scratch  [groups, TKD_PIXELS * depth] lanes of tkd_paired_patch.h or tkd_packed_patch.h, aligned to
 *          4 bytes; then the bytes of tkd_gather_taps
 * output   [batches, output_height, output_width, output_channels]  int8; may lie over the input
 *          where what is written stays below what is still to be read, see Window.overlap
 * Outside the image the input has the value of its zero point, that is 0.
 * Source: TFLite int8 quantization specification, CONV_2D;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/conv.h. */
TKD_INLINE void tkd_conv_2d_s8(const tkd_window *window, const tkd_conv_2d_shape *shape,
                               const tkd_output_stage *stage, const int8_t *weights,
                               const int8_t *input, tkd_lane *scratch, int8_t *output)
{
    const tkd_destination to = {output, NULL, NULL, NULL};
    tkd_conv_2d_to(window, shape, stage, weights, input, scratch, to);
}

#endif
