#ifndef TKD_CONV_2D_PLAIN_H
#define TKD_CONV_2D_PLAIN_H

#include "tkd_dot_packed.h"
#include "tkd_output_stage.h"
#include "tkd_packed_patch.h"

/* The output channels of one group, of one or two pixels.
 * patches  [depth] words
 * output   of the first pixel, from the first channel of the group */
TKD_INLINE void tkd_packed_group(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                 const tkd_channel *scaling, const int8_t *weights,
                                 const tkd_word *patches, int32_t pixels, int8_t *output)
{
    const int32_t group_channels = shape->output_channels / shape->groups;
    for (int32_t o = 0; o < group_channels; o += 2) {
        /* Beside an odd last channel lies a filter of zeros, whose sums are not used. */
        const int32_t width = o + 1 < group_channels ? 2 : 1;
        tkd_lane_sums sums[2];
        tkd_dot_packed(patches, weights, shape->depth, shape->lane_products, sums);
        for (int32_t k = 0; k < width; ++k) {
            const int32_t low = tkd_low_sum(&sums[k]) + scaling->bias;
            const int32_t high = sums[k].high + scaling->bias;
            output[0] = tkd_finish(stage, scaling, low);
            if (pixels == 2) {
                output[shape->output_channels] = tkd_finish(stage, scaling, high);
            }
            ++scaling;
            ++output;
        }
        weights += 2 * shape->depth;
    }
}

/* All output channels of one or two pixels; the patches of the groups follow each other. */
TKD_INLINE void tkd_packed_pixels(const tkd_conv_2d_shape *shape, const tkd_output_stage *stage,
                                  const int8_t *weights, const tkd_word *patches, int32_t pixels,
                                  int8_t *output)
{
    const int32_t group_channels = shape->output_channels / shape->groups;
    const int32_t filters = (group_channels + 1) / 2 * 2;
    for (int32_t group = 0; group < shape->groups; ++group) {
        tkd_packed_group(shape, stage, stage->channels + group * group_channels,
                         weights + group * filters * shape->depth, patches + group * shape->depth,
                         pixels, output + group * group_channels);
    }
}

/* What tkd_conv_2d_s8 gives, for cores that multiply one pair of values in an instruction: the
 * values of two pixels lie in one word, and one multiplication serves both.
 * patches  [groups, depth] words */
TKD_INLINE void tkd_conv_2d_plain(const tkd_window *window, const tkd_conv_2d_shape *shape,
                                  const tkd_output_stage *stage, const int8_t *weights,
                                  const int8_t *input, tkd_word *patches, int8_t *output)
{
    const int32_t image_size = window->input_height * window->input_width * window->input_channels;
    const int32_t group_channels = window->input_channels / shape->groups;
    const int32_t end = window->batches * window->output_height * window->output_width;
    int32_t done = 0;
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t y = 0; y < window->output_height; ++y) {
            for (int32_t x = 0; x < window->output_width; ++x) {
                const int8_t *const image = input + batch * image_size;
                for (int32_t group = 0; group < shape->groups; ++group) {
                    tkd_pack_patch(window, shape, image + group * group_channels, y, x,
                                   patches + group * shape->depth, done & 1);
                }
                ++done;
                if ((done & 1) == 0 || done == end) {
                    const int32_t pixels = 2 - (done & 1);
                    tkd_packed_pixels(shape, stage, weights, patches, pixels, output);
                    output += pixels * shape->output_channels;
                }
            }
        }
    }
}

#endif
