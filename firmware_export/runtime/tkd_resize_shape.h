#ifndef TKD_RESIZE_SHAPE_H
#define TKD_RESIZE_SHAPE_H

#include "tkd_base.h"

typedef struct {
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t channels;
} tkd_resize_shape;

#endif
