#ifndef TKD_PACKED_PATCH_H
#define TKD_PACKED_PATCH_H

#include "tkd_conv_2d_shape.h"
#include "tkd_window.h"

/* The patches of two pixels, packed: one word holds the sum of the first pixel's value and 2^16
 * times the second's, and so does its product with a weight. */

TKD_INLINE uint32_t tkd_lane_value(int32_t value, int32_t pixel)
{
    return (uint32_t)value << (16 * pixel);
}

/* Words at, at + 1, ... become one value, or gain it above; returns the next word.
 * pixel  0, which comes first, or 1 */
TKD_INLINE int32_t tkd_pack_one(tkd_word *patches, int32_t at, int32_t value, int32_t count,
                                int32_t pixel)
{
    const uint32_t kept = pixel == 0 ? 0u : UINT32_MAX;
    const uint32_t lane = tkd_lane_value(value, pixel);
    for (int32_t i = 0; i < count; ++i) {
        patches[at + i] = (patches[at + i] & kept) + lane;
    }
    return at + count;
}

#if TKD_THUMB_1
/* Four values from one word, because loading and extending a byte takes two instructions. */
TKD_INLINE void tkd_pack_four(tkd_word *patches, const int8_t *values, int32_t pixel)
{
    const uint32_t bytes = *(const tkd_word *)(const void *)values;
    for (int32_t i = 0; i < 4; ++i) {
        const uint32_t lane = tkd_lane_value((int32_t)(bytes << (24 - 8 * i)) >> 24, pixel);
        patches[i] = pixel == 0 ? lane : patches[i] + lane;
    }
}
#endif

/* count words become values, or gain them above.
 * pixel     0, which comes first, or 1; always a literal
 * in_fours  1 when values start at a word and count is a multiple of 4; always a literal */
TKD_INLINE void tkd_pack_pixel(tkd_word *patches, const int8_t *values, int32_t count,
                               int32_t pixel, int32_t in_fours)
{
#if TKD_THUMB_1
    for (int32_t i = 0; in_fours && i < count; i += 4) {
        tkd_pack_four(patches + i, values + i, pixel);
    }
    if (in_fours) {
        return;
    }
#else
    (void)in_fours;
#endif
    for (int32_t i = 0; i < count; ++i) {
        const uint32_t lane = tkd_lane_value(values[i], pixel);
        patches[i] = pixel == 0 ? lane : patches[i] + lane;
    }
}

/* Words at, at + 1, ... become count values, or gain them above; returns the next word. */
TKD_INLINE int32_t tkd_pack_values(tkd_word *patches, int32_t at, const int8_t *values,
                                   int32_t count, int32_t pixel, int32_t in_fours)
{
    if (pixel == 0) {
        tkd_pack_pixel(patches + at, values, count, 0, in_fours);
    } else {
        tkd_pack_pixel(patches + at, values, count, 1, in_fours);
    }
    return at + count;
}

/* The input of one group under one window, in the order of the weights; the zero point where it is
 * outside.
 * image    from the first channel of the group
 * patches  [depth] words
 * pixel    0, which comes first, or 1 */
TKD_INLINE void tkd_pack_patch(const tkd_window *window, const tkd_conv_2d_shape *shape,
                               const int8_t *image, int32_t out_y, int32_t out_x,
                               tkd_word *patches, int32_t pixel)
{
    const int32_t pixel_size = window->input_channels;
    const int32_t channels = pixel_size / shape->groups;
    const int32_t row_size = window->kernel_width * channels;
    const int32_t zero = shape->input_zero_point;
    const tkd_taps taps = tkd_taps_inside(window, out_y, out_x);
    int32_t at = 0;
    for (int32_t y = 0; y < window->kernel_height; ++y) {
        if (y < taps.first_y || y >= taps.end_y) {
            at = tkd_pack_one(patches, at, zero, row_size, pixel);
            continue;
        }
        const int32_t row =
            (taps.origin_y + y * window->dilation_height) * window->input_width + taps.origin_x;
        /* Neighbouring taps of all the channels are one run. */
        const int32_t one_run = window->dilation_width == 1 && shape->groups == 1;
        const int32_t step = one_run ? taps.end_x - taps.first_x : 1;
        at = tkd_pack_one(patches, at, zero, taps.first_x * channels, pixel);
        for (int32_t x = taps.first_x; x < taps.end_x; x += step) {
            at = tkd_pack_values(patches, at,
                                 image + (row + x * window->dilation_width) * pixel_size,
                                 step * channels, pixel, channels % 4 == 0);
        }
        at = tkd_pack_one(patches, at, zero, (window->kernel_width - taps.end_x) * channels, pixel);
    }
    /* The weights are zero here; the lanes must only hold something. */
    tkd_pack_one(patches, at, 0, shape->depth - at, pixel);
}

#endif
