#ifndef TKD_CONV_2D_WINOGRAD_S8_H
#define TKD_CONV_2D_WINOGRAD_S8_H

#include "tkd_destination.h"
#include "tkd_output_stage.h"
#include "tkd_winograd_filters.h"
#include "tkd_winograd_inputs.h"
#include "tkd_winograd_products.h"

/* How many of the two rows, columns or channels from a position on there are. */
TKD_INLINE int32_t tkd_winograd_inside(int32_t size, int32_t position)
{
    return size % 2 == 0 || position + 1 < size ? 2 : 1;
}

/* A^T m A of one tile of one output, finished and written; what lies outside the image is not.
 * products  [16] sums, 4 apart
 * at        index of the result of the tile's first pixel
 * rows, columns  1 or 2: how many of the tile's pixels are in the image */
TKD_INLINE void tkd_winograd_output(const tkd_window *window, const tkd_winograd_shape *shape,
                                    const tkd_output_stage *stage, const tkd_channel *scaling,
                                    const tkd_sum *products, int32_t rows, int32_t columns,
                                    const tkd_destination *to, int32_t at)
{
    const int32_t pixel = shape->output_channels;
    int32_t sums[2][4];
    for (int32_t x = 0; x < 4; ++x) {
        const int32_t m1 = products[4 * (4 + x)];
        const int32_t m2 = products[4 * (8 + x)];
        sums[0][x] = products[4 * x] + m1 + m2;
        sums[1][x] = m1 - m2 - products[4 * (12 + x)];
    }
    for (int32_t y = 0; y < rows; ++y) {
        const int32_t *const m = sums[y];
        const int32_t first = scaling->bias + ((m[0] + m[1] + m[2]) >> 2);
        const int32_t second = scaling->bias + ((m[1] - m[2] - m[3]) >> 2);
        tkd_put(to, at, tkd_finish(stage, scaling, first));
        if (columns > 1) {
            tkd_put(to, at + pixel, tkd_finish(stage, scaling, second));
        }
        at += window->output_width * pixel;
    }
}

/* The outputs of one or two channels at two tiles, of which perhaps only the first is in the image.
 * products  [16, 2, 2]: position, channel, tile
 * at        index of the result of the image's first pixel, and of the first of the channels */
TKD_INLINE void tkd_winograd_outputs(const tkd_window *window, const tkd_winograd_shape *shape,
                                     const tkd_output_stage *stage, const tkd_channel *scaling,
                                     int32_t channels, const tkd_sum *products, int32_t tile,
                                     int32_t end, const tkd_destination *to, int32_t at)
{
    for (int32_t i = 0; i < 2 && tile + i < end; ++i) {
        const int32_t y = 2 * ((tile + i) / shape->tile_columns);
        const int32_t x = 2 * ((tile + i) % shape->tile_columns);
        const int32_t first = at + (y * window->output_width + x) * shape->output_channels;
        for (int32_t k = 0; k < channels; ++k) {
            tkd_winograd_output(window, shape, stage, scaling + k, products + 2 * k + i,
                                tkd_winograd_inside(window->output_height, y),
                                tkd_winograd_inside(window->output_width, x), to, first + k);
        }
    }
}

/* All images, a group of tiles after the other; see tkd_conv_2d_winograd_s8. */
TKD_INLINE void tkd_conv_2d_winograd_to(const tkd_window *window, const tkd_winograd_shape *shape,
                                        const tkd_output_stage *stage, const int8_t *weights,
                                        const int8_t *input, tkd_word *scratch,
                                        const tkd_destination *to)
{
    const int32_t words = 4 * TKD_WINOGRAD_POSITIONS * shape->quads;
    const int32_t all = shape->tile_rows * shape->tile_columns;
    const int32_t channels = shape->output_channels;
    const int32_t image_size = window->output_height * window->output_width * channels;
    tkd_word *const filters = scratch + shape->tiles / 2 * words;
    tkd_sum *const products = (tkd_sum *)(void *)(filters + words);
    int8_t *const border = (int8_t *)filters; /* the filters are transformed after the inputs */
    for (int32_t batch = 0; batch < window->batches; ++batch) {
        for (int32_t first = 0; first < all; first += shape->tiles) {
            const int32_t end = all - first < shape->tiles ? all : first + shape->tiles;
            /* Beside an odd last tile lies one below the image, so that its sums are bounded. */
            tkd_winograd_inputs(window, shape, input, first, (end - first + 1) / 2 * 2, border,
                                scratch);
            for (int32_t o = 0; o < channels; o += 2) {
                tkd_winograd_filters(shape, weights + 36 * o * shape->quads, filters);
                for (int32_t tile = first; tile < end; tile += 2) {
                    tkd_winograd_products(shape->quads, scratch + (tile - first) / 2 * words,
                                          filters, products);
                    tkd_winograd_outputs(window, shape, stage, &stage->channels[o],
                                         tkd_winograd_inside(channels, o), products, tile, end, to,
                                         batch * image_size + o);
                }
            }
        }
        input += window->input_height * window->input_width * window->input_channels;
    }
}

/* What tkd_conv_2d_s8 gives for a 3x3 kernel at stride 1, by way of Winograd's transforms.
 * input    [batches, input_height, input_width, 4 * quads]          int8
 * weights  [output channels / 2, quads, 2, 9, 4]                    int8, aligned to 4 bytes
 * scratch  [tiles / 2, 16, quads, 2, 2] words of inputs, [16, quads, 2, 2] of filters, [16, 2, 2]
 *          of products
 * output   [batches, output_height, output_width, output_channels]  int8; may lie over the input
 *          where what a group of tiles writes stays below what the next still reads
 * Source: see tkd_winograd.h. */
TKD_INLINE void tkd_conv_2d_winograd_s8(const tkd_window *window, const tkd_winograd_shape *shape,
                                        const tkd_output_stage *stage, const int8_t *weights,
                                        const int8_t *input, tkd_word *scratch, int8_t *output)
{
    const tkd_destination to = {output, NULL, NULL, NULL};
    tkd_conv_2d_winograd_to(window, shape, stage, weights, input, scratch, &to);
}

#endif
