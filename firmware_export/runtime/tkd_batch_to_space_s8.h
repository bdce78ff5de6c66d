#ifndef TKD_BATCH_TO_SPACE_S8_H
#define TKD_BATCH_TO_SPACE_S8_H

#include "tkd_blocks.h"
#include "tkd_copy_run.h"

/* output[n][that row][that column] = input[position in block][n][y][x], unless it is cropped
 * input   [images * block_height * block_width, batch_height, batch_width, channels]  int8
 * output  [images, space_height, space_width, channels]  int8, must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/batch_to_space_nd.h. */
TKD_INLINE void tkd_batch_to_space_s8(const tkd_blocks *blocks, const int8_t *input,
                                      int8_t *restrict output)
{
    const int32_t batches = blocks->images * blocks->block_height * blocks->block_width;
    for (int32_t batch = 0; batch < batches; ++batch) {
        for (int32_t y = 0; y < blocks->batch_height; ++y) {
            for (int32_t x = 0; x < blocks->batch_width; ++x) {
                const int32_t pixel = tkd_block_pixel(blocks, batch, y, x);
                if (pixel >= 0) {
                    tkd_copy_run(blocks->channels, input, output + pixel * blocks->channels);
                }
                input += blocks->channels;
            }
        }
    }
}

#endif
