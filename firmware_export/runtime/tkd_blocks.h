#ifndef TKD_BLOCKS_H
#define TKD_BLOCKS_H

#include "tkd_base.h"

/* Images on one side; on the other, one batch of smaller images for each position in a block.
 * top, left  rows and columns that the smaller images have in front of the whole one */
typedef struct {
    int32_t images;
    int32_t space_height;
    int32_t space_width;
    int32_t batch_height;
    int32_t batch_width;
    int32_t channels;
    int32_t block_height;
    int32_t block_width;
    int32_t top;
    int32_t left;
} tkd_blocks;

/* Index in the whole images of the pixel that is y, x in smaller image batch; -1 outside. */
TKD_INLINE int32_t tkd_block_pixel(const tkd_blocks *blocks, int32_t batch, int32_t y, int32_t x)
{
    const int32_t image = batch % blocks->images;
    const int32_t position = batch / blocks->images;
    const int32_t row =
        y * blocks->block_height + position / blocks->block_width - blocks->top;
    const int32_t column =
        x * blocks->block_width + position % blocks->block_width - blocks->left;
    if (row < 0 || row >= blocks->space_height || column < 0 || column >= blocks->space_width) {
        return -1;
    }
    return (image * blocks->space_height + row) * blocks->space_width + column;
}

#endif
