#ifndef TKD_CONV_2D_SHAPE_H
#define TKD_CONV_2D_SHAPE_H

#include "tkd_base.h"

/* What a convolution needs beside its window.
 * depth          taps of a filter times input channels of a group, rounded up to a multiple of 4
 * groups         parts of the input and output channels, each convolved on its own
 * lane_products  products with neighbouring weights whose sum fits 16 bits for any input: 2, or 1
 *                where all four factors may be -128 */
typedef struct {
    int32_t output_channels;
    int32_t depth;
    int32_t input_zero_point;
    int32_t groups;
    int32_t lane_products;
} tkd_conv_2d_shape;

#endif
