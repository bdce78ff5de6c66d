#ifndef TKD_WINOGRAD_INPUTS_H
#define TKD_WINOGRAD_INPUTS_H

#include "tkd_copy_run.h"
#include "tkd_fill_s8.h"
#include "tkd_window.h"
#include "tkd_winograd.h"

/* d B of one row of four inputs, two channels of them; pixel is the distance between inputs. */
TKD_INLINE void tkd_winograd_row(const int8_t *from, int32_t pixel, int32_t odd, uint32_t row[4])
{
    const uint32_t d0 = tkd_channel_pair(from, odd);
    const uint32_t d1 = tkd_channel_pair(from + pixel, odd);
    const uint32_t d2 = tkd_channel_pair(from + 2 * pixel, odd);
    const uint32_t d3 = tkd_channel_pair(from + 3 * pixel, odd);
    row[0] = tkd_subtract_pairs(d0, d2);
    row[1] = tkd_add_pairs(d1, d2);
    row[2] = tkd_subtract_pairs(d2, d1);
    row[3] = tkd_subtract_pairs(d1, d3);
}

/* B^T d B of two channels of one tile. The order of the rows keeps few of them alive.
 * from      the tile's first input, from the first of the four channels that hold the two
 * row_size  distance between rows of inputs
 * to        the first of 16 words, stride apart */
TKD_INLINE void tkd_winograd_input(const int8_t *from, int32_t row_size, int32_t pixel, int32_t odd,
                                   tkd_word *to, int32_t stride)
{
    uint32_t row0[4], row1[4], row2[4], row3[4];
    tkd_winograd_row(from, pixel, odd, row0);
    tkd_winograd_row(from + 2 * row_size, pixel, odd, row2);
    for (int32_t x = 0; x < 4; ++x) {
        to[x * stride] = tkd_subtract_pairs(row0[x], row2[x]);
    }
    tkd_winograd_row(from + row_size, pixel, odd, row1);
    for (int32_t x = 0; x < 4; ++x) {
        to[(4 + x) * stride] = tkd_add_pairs(row1[x], row2[x]);
        to[(8 + x) * stride] = tkd_subtract_pairs(row2[x], row1[x]);
    }
    tkd_winograd_row(from + 3 * row_size, pixel, odd, row3);
    for (int32_t x = 0; x < 4; ++x) {
        to[(12 + x) * stride] = tkd_subtract_pairs(row1[x], row3[x]);
    }
}

/* The inputs of a tile that reaches beyond the image, with the zero point where it does.
 * to  [4, 4, input_channels] int8, aligned to 4 bytes */
TKD_SHARED void tkd_winograd_border(const tkd_window *window, int32_t zero_point,
                                    const int8_t *image, int32_t top, int32_t left, int8_t *to)
{
    const int32_t pixel = window->input_channels;
    for (int32_t i = 0; i < TKD_WINOGRAD_POSITIONS; ++i) {
        const int32_t y = top + (i >> 2);
        const int32_t x = left + (i & 3);
        const int32_t inside =
            y >= 0 && y < window->input_height && x >= 0 && x < window->input_width;
        if (inside) {
            tkd_copy_run(pixel, image + (y * window->input_width + x) * pixel, to);
        } else {
            tkd_fill_s8(pixel, zero_point, to);
        }
        to += pixel;
    }
}

/* All channels of the tiles first, first + 1, ... of an image, in raster order.
 * border  [4, 4, input_channels] int8 for tiles that reach beyond the image
 * to      [count / 2, 16, quads, 2, 2] words: two channels of two tiles side by side */
TKD_INLINE void tkd_winograd_inputs(const tkd_window *window, const tkd_winograd_shape *shape,
                                    const int8_t *image, int32_t first, int32_t count,
                                    int8_t *border, tkd_word *to)
{
    const int32_t pixel = window->input_channels;
    const int32_t stride = 4 * shape->quads;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t top = 2 * ((first + i) / shape->tile_columns) - window->pad_top;
        const int32_t left = 2 * ((first + i) % shape->tile_columns) - window->pad_left;
        const int8_t *from = image + (top * window->input_width + left) * pixel;
        int32_t row_size = window->input_width * pixel;
        tkd_word *const at = to + (i >> 1) * (TKD_WINOGRAD_POSITIONS * stride) + (i & 1);
        if (top < 0 || left < 0 || top + 4 > window->input_height ||
            left + 4 > window->input_width) {
            tkd_winograd_border(window, shape->input_zero_point, image, top, left, border);
            from = border;
            row_size = 4 * pixel;
        }
        for (int32_t quad = 0; quad < shape->quads; ++quad) {
            tkd_winograd_input(from + 4 * quad, row_size, pixel, 0, at + 4 * quad, stride);
            tkd_winograd_input(from + 4 * quad, row_size, pixel, 1, at + 4 * quad + 2, stride);
        }
    }
}

#endif
