#ifndef TKD_PATCHES_H
#define TKD_PATCHES_H

#include "tkd_dsp.h"
#include "tkd_window.h"

/* What a convolution needs beside its window.
 * row_depth  taps of a row times input channels of a group, rounded up to even
 * groups     parts of the input and output channels, each convolved on its own */
typedef struct {
    int32_t output_channels;
    int32_t row_depth;
    int32_t input_zero_point;
    int32_t groups;
} tkd_conv_2d_shape;

/* A patch is what lies under a window, row by row, as halfwords. Of every four values of a row the
 * middle two are exchanged, because the extension of bytes gives the pairs (0, 2) and (1, 3); what
 * a row has beyond its last four keeps its order.
 * Four patches lie side by side, a pair of lanes of each in turn: [depth / 2, 4, 2] lanes. */
#define TKD_PIXELS 4

/* Where lane at of a patch lies, counted from the first lane of that patch. */
TKD_INLINE int32_t tkd_lane_index(int32_t at)
{
    return (at >> 1) * (2 * TKD_PIXELS) + (at & 1);
}

/* Lanes at, at + 1, ... of a patch become count values, in the order above; at is even. */
TKD_INLINE void tkd_widen_values(tkd_lane *patch, int32_t at, const int8_t *values, int32_t count)
{
    tkd_lane *to = patch + tkd_lane_index(at);
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
#if TKD_DSP
        const uint32_t bytes = tkd_load_word(values + i);
        *(tkd_word *)(void *)to = tkd_widen_even(bytes);
        *(tkd_word *)(void *)(to + 2 * TKD_PIXELS) = tkd_widen_odd(bytes);
#else
        to[0] = values[i];
        to[1] = values[i + 2];
        to[2 * TKD_PIXELS] = values[i + 1];
        to[2 * TKD_PIXELS + 1] = values[i + 3];
#endif
        to += tkd_lane_index(4);
    }
    for (int32_t left = 0; i < count; ++i, ++left) {
        to[tkd_lane_index(left)] = values[i];
    }
}

/* Lanes at to at + count, both even, become value. */
TKD_INLINE void tkd_fill_lanes(tkd_lane *patch, int32_t at, int32_t value, int32_t count)
{
    const uint32_t pair = ((uint32_t)value & 0xffffu) | ((uint32_t)value << 16);
    tkd_lane *to = patch + tkd_lane_index(at);
    for (int32_t i = 0; i < count; i += 2) {
        *(tkd_word *)(void *)to = pair;
        to += tkd_lane_index(2);
    }
}

/* One row of taps where not all of them are neighbours inside the image: tap by tap.
 * row    tap 0 of the row, perhaps outside the image
 * bytes  room for the row where a tap is not whole fours of channels */
TKD_INLINE void tkd_gather_taps(const tkd_window *window, const tkd_conv_2d_shape *shape,
                                const tkd_taps *taps, const int8_t *row, int8_t *bytes,
                                tkd_lane *patch)
{
    const int32_t channels = window->input_channels / shape->groups;
    const int32_t step = window->dilation_width * window->input_channels;
    for (int32_t x = 0; x < window->kernel_width; ++x) {
        const int32_t inside = x >= taps->first_x && x < taps->end_x;
        if (channels % 4 == 0 && inside) {
            tkd_widen_values(patch, x * channels, row + x * step, channels);
        } else if (channels % 4 == 0) {
            tkd_fill_lanes(patch, x * channels, shape->input_zero_point, channels);
        } else {
            for (int32_t c = 0; c < channels; ++c) {
                bytes[x * channels + c] =
                    inside ? row[x * step + c] : (int8_t)shape->input_zero_point;
            }
        }
    }
    if (channels % 4 != 0) {
        tkd_widen_values(patch, 0, bytes, window->kernel_width * channels);
    }
}

/* The input of one group under one window, in the order of the weights; the zero point where it is
 * outside. The last lane of a row of odd length is left as it is: its weights are zero.
 * image  from the first channel of the group */
TKD_INLINE void tkd_gather_patch(const tkd_window *window, const tkd_conv_2d_shape *shape,
                                 const int8_t *image, int32_t out_y, int32_t out_x, int8_t *bytes,
                                 tkd_lane *patch)
{
    const int32_t channels = window->input_channels;
    const int32_t neighbours = window->dilation_width == 1 && shape->groups == 1;
    const tkd_taps taps = tkd_taps_inside(window, out_y, out_x);
    const int32_t whole = taps.first_x == 0 && taps.end_x == window->kernel_width;
    const int8_t *row =
        image + (taps.origin_y * window->input_width + taps.origin_x) * channels;
    for (int32_t y = 0; y < window->kernel_height; ++y) {
        if (y < taps.first_y || y >= taps.end_y) {
            tkd_fill_lanes(patch, 0, shape->input_zero_point, shape->row_depth);
        } else if (neighbours && whole) {
            tkd_widen_values(patch, 0, row, window->kernel_width * channels);
        } else {
            tkd_gather_taps(window, shape, &taps, row, bytes, patch);
        }
        row += window->dilation_height * window->input_width * channels;
        patch += tkd_lane_index(shape->row_depth);
    }
}

#endif
