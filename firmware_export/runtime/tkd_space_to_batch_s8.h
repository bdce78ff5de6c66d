#ifndef TKD_SPACE_TO_BATCH_S8_H
#define TKD_SPACE_TO_BATCH_S8_H

#include "tkd_blocks.h"
#include "tkd_copy_run.h"
#include "tkd_fill_s8.h"

/* output[position in block][n][y][x] = input[n][that row][that column], or padding outside
 * input   [images, space_height, space_width, channels]  int8
 * output  [images * block_height * block_width, batch_height, batch_width, channels]  int8,
 *         must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/space_to_batch_nd.h. */
TKD_INLINE void tkd_space_to_batch_s8(const tkd_blocks *blocks, int32_t padding,
                                      const int8_t *input, int8_t *restrict output)
{
    const int32_t batches = blocks->images * blocks->block_height * blocks->block_width;
    for (int32_t batch = 0; batch < batches; ++batch) {
        for (int32_t y = 0; y < blocks->batch_height; ++y) {
            for (int32_t x = 0; x < blocks->batch_width; ++x) {
                const int32_t pixel = tkd_block_pixel(blocks, batch, y, x);
                if (pixel < 0) {
                    tkd_fill_s8(blocks->channels, padding, output);
                } else {
                    tkd_copy_run(blocks->channels, input + pixel * blocks->channels, output);
                }
                output += blocks->channels;
            }
        }
    }
}

#endif
