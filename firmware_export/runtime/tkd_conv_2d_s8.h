#ifndef TKD_CONV_2D_S8_H
#define TKD_CONV_2D_S8_H

#include "tkd_conv_2d_plain.h"
#include "tkd_dsp.h"
#include "tkd_output_stage.h"
#include "tkd_window.h"

#if TKD_DSP
/* Two patches lie side by side, two lanes of the one and then two lanes of the other, so that
 * one load brings what one pair of weights is multiplied with. */
TKD_INLINE int32_t tkd_lane_index(int32_t i)
{
    return (i >> 1) * 4 + (i & 1);
}

/* Lanes at, at + 1, ... of a patch become count values; returns the next lane.
 * in_fours  1 when at and count are multiples of 4; always a literal */
TKD_INLINE int32_t tkd_widen_lanes(tkd_lane *patch, int32_t at, const int8_t *values,
                                   int32_t count, int32_t in_fours)
{
    if (in_fours) {
        for (int32_t i = 0; i < count; i += 4) {
            tkd_word *const to = (tkd_word *)(void *)(patch + 2 * (at + i));
            const uint32_t bytes = tkd_load_word(values + i);
            const uint32_t even = tkd_widen_even(bytes);
            const uint32_t odd = tkd_widen_odd(bytes);
            to[0] = (even & 0xffffu) | (odd << 16);
            to[2] = (odd & 0xffff0000u) | (even >> 16);
        }
        return at + count;
    }
    for (int32_t i = 0; i < count; ++i) {
        patch[tkd_lane_index(at + i)] = values[i];
    }
    return at + count;
}

TKD_INLINE int32_t tkd_fill_lanes(tkd_lane *patch, int32_t at, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        patch[tkd_lane_index(at + i)] = (tkd_lane)value;
    }
    return at + count;
}

/* The input of one group under one window, in the order of the weights; the zero point where it is
 * outside.
 * image  from the first channel of the group */
TKD_INLINE void tkd_gather_patch(const tkd_window *window, const tkd_conv_2d_shape *shape,
                                 const int8_t *image, int32_t out_y, int32_t out_x,
                                 tkd_lane *patch)
{
    const int32_t pixel = window->input_channels;
    const int32_t channels = pixel / shape->groups;
    const int32_t zero = shape->input_zero_point;
    const tkd_taps taps = tkd_taps_inside(window, out_y, out_x);
    int32_t at = 0;
    for (int32_t y = 0; y < window->kernel_height; ++y) {
        if (y < taps.first_y || y >= taps.end_y) {
            at = tkd_fill_lanes(patch, at, zero, window->kernel_width * channels);
        } else {
            const int32_t row =
                (taps.origin_y + y * window->dilation_height) * window->input_width + taps.origin_x;
            at = tkd_fill_lanes(patch, at, zero, taps.first_x * channels);
            if (window->dilation_width == 1 && shape->groups == 1) {
                at = tkd_widen_lanes(patch, at, image + (row + taps.first_x) * pixel,
                                     (taps.end_x - taps.first_x) * channels, channels % 4 == 0);
            } else {
                for (int32_t x = taps.first_x; x < taps.end_x; ++x) {
                    at = tkd_widen_lanes(patch, at,
                                         image + (row + x * window->dilation_width) * pixel,
                                         channels, channels % 4 == 0);
                }
            }
            at = tkd_fill_lanes(patch, at, zero, (window->kernel_width - taps.end_x) * channels);
        }
    }
    /* The weights are zero here; the lanes must only hold something. */
    tkd_fill_lanes(patch, at, 0, shape->depth - at);
}

/* sums[p][k] += sum_i patch_p[i] * filter_k[i], for two pixels and two output channels.
 * patches  [depth / 2, 2, 2] lanes: see tkd_lane_index
 * weights  [depth / 4, 2, 4]: of each four the order is 0, 2, 1, 3, because the byte extension
 *          then makes of them the pairs (0, 1) and (2, 3)
 * depth    a multiple of 4, at least 4 */
TKD_INLINE void tkd_dot_2x2(const tkd_lane *patches, const int8_t *weights, int32_t depth,
                            int32_t sums[2][2])
{
    const tkd_lane *const end = patches + 2 * depth;
    int32_t s00 = sums[0][0];
    int32_t s01 = sums[0][1];
    int32_t s10 = sums[1][0];
    int32_t s11 = sums[1][1];
    uint32_t w0, w1, pair, p0, p1;
    /* Compilers spill in this loop, each in its own way; twelve registers are enough. */
#define TKD_STEP                                                                                   \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"                                                            \
    "ldrd %[p0], %[p1], [%[p]], #8\n\t"                                                            \
    "sxtb16 %[pair], %[w0]\n\t"                                                                    \
    "smlad %[s00], %[p0], %[pair], %[s00]\n\t"                                                     \
    "smlad %[s10], %[p1], %[pair], %[s10]\n\t"                                                     \
    "sxtb16 %[pair], %[w1]\n\t"                                                                    \
    "smlad %[s01], %[p0], %[pair], %[s01]\n\t"                                                     \
    "smlad %[s11], %[p1], %[pair], %[s11]\n\t"                                                     \
    "ldrd %[p0], %[p1], [%[p]], #8\n\t"                                                            \
    "sxtb16 %[pair], %[w0], ror #8\n\t"                                                            \
    "smlad %[s00], %[p0], %[pair], %[s00]\n\t"                                                     \
    "smlad %[s10], %[p1], %[pair], %[s10]\n\t"                                                     \
    "sxtb16 %[pair], %[w1], ror #8\n\t"                                                            \
    "smlad %[s01], %[p0], %[pair], %[s01]\n\t"                                                     \
    "smlad %[s11], %[p1], %[pair], %[s11]\n\t"
#define TKD_OPERANDS                                                                               \
    [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [w] "+r"(weights),         \
        [p] "+r"(patches), [w0] "=&r"(w0), [w1] "=&r"(w1), [pair] "=&r"(pair), [p0] "=&r"(p0),     \
        [p1] "=&r"(p1)
    if (depth % 8 != 0) {
        __asm__ volatile(TKD_STEP : TKD_OPERANDS : : "memory");
    }
    if (depth >= 8) {
        __asm__ volatile("1:\n\t" TKD_STEP TKD_STEP "cmp %[p], %[end]\n\tbne 1b"
                         : TKD_OPERANDS
                         : [end] "r"(end)
                         : "cc", "memory");
    }
#undef TKD_OPERANDS
#undef TKD_STEP
    sums[0][0] = s00;
    sums[0][1] = s01;
    sums[1][0] = s10;
    sums[1][1] = s11;
}

/* The output channels of one group, of one or two pixels, whose patches lie side by side.
 * output  of the first pixel, from the first channel of all */
TKD_INLINE void tkd_conv_2d_group(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                  int32_t group, const int8_t *weights, const tkd_lane *patches,
                                  int32_t pixels, int8_t *restrict output)
{
    const int32_t channels = shape->output_channels;
    const int32_t group_channels = channels / shape->groups;
    const int32_t first = group * group_channels;
    for (int32_t o = 0; o < group_channels; o += 2) {
        /* Beside an odd last channel lies a filter of zeros, whose sums are not used. */
        const int32_t width = o + 1 < group_channels ? 2 : 1;
        const tkd_channel *const scaling = &stage->channels[first + o];
        const int32_t bias[2] = {scaling[0].bias, scaling[width - 1].bias};
        int32_t sums[2][2] = {{bias[0], bias[1]}, {bias[0], bias[1]}};
        tkd_dot_2x2(patches, weights + o * shape->depth, shape->depth, sums);
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            for (int32_t k = 0; k < width; ++k) {
                output[pixel * channels + first + o + k] =
                    tkd_finish(stage, &scaling[k], sums[pixel][k]);
            }
        }
    }
}

/* All output channels of one or two pixels; the patches of the groups follow each other. */
TKD_INLINE void tkd_conv_2d_pixels(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                   const int8_t *weights, const tkd_lane *patches, int32_t pixels,
                                   int8_t *restrict output)
{
    const int32_t pairs = (shape->output_channels / shape->groups + 1) / 2;
    for (int32_t group = 0; group < shape->groups; ++group) {
        tkd_conv_2d_group(shape, stage, group, weights + group * pairs * 2 * shape->depth,
                          patches + group * 2 * shape->depth, pixels, output);
    }
}
#endif

/* output[n][y][x][o] = finish(bias[o] + sum_ijc input[n][y * s + i * d - pad]
 *                                                    [x * s + j * d - pad][c + first of group]
 *                                               * weights[o][i][j][c])
 * input    [batches, input_height, input_width, input_channels]     int8
 * weights  [groups, output channels of a group / 2, depth / 4, 2, 4] int8, zero point 0, aligned
 *          to 4 bytes
 * scratch  [groups, depth / 2, 2, 2] lanes, or [groups, depth] words; aligned to 4 bytes
 * output   [batches, output_height, output_width, output_channels]  int8; may lie over the input
 *          where what is written stays below what is still to be read, see Window.overlap: pixels
 *          are computed in raster order, each after its whole patch was copied
 * Outside the image the input has the value of its zero point, that is 0.
 * Source: TFLite int8 quantization specification, CONV_2D;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/conv.h. */
TKD_INLINE void tkd_conv_2d_s8(const tkd_window *window, const tkd_conv_2d_shape *shape,
                               const tkd_output_stage *stage, const int8_t *weights,
                               const int8_t *input, tkd_lane *scratch, int8_t *output)
{
#if !TKD_DSP
    tkd_word *const patches = (tkd_word *)(void *)scratch;
    tkd_conv_2d_plain(window, shape, stage, weights, input, patches, output);
#else
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    const int32_t group_channels = window->input_channels / shape->groups;
    int32_t pending = 0;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        const int8_t *const image = input + batch * image_size;
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                for (int32_t group = 0; group < shape->groups; ++group) {
                    tkd_gather_patch(window, shape, image + group * group_channels, y, x,
                                     scratch + 2 * (pending + group * shape->depth));
                }
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
#endif
}

#endif
