#ifndef TKD_RESIZE_NEAREST_S8_H
#define TKD_RESIZE_NEAREST_S8_H

#include "tkd_copy_run.h"
#include "tkd_resize_shape.h"

/* output[n][y][x] = input[n][rows[y]][columns[x]]
 * rows     [output_height]  each in [0, input_height)
 * columns  [output_width]   each in [0, input_width)
 * input    [batches, input_height, input_width, channels]    int8
 * output   [batches, output_height, output_width, channels]  int8, must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h. */
TKD_INLINE void tkd_resize_nearest_s8(const tkd_resize_shape *shape, const int16_t *rows,
                                      const int16_t *columns, const int8_t *input,
                                      int8_t *restrict output)
{
    const int32_t row_size = shape->input_width * shape->channels;
    for (int32_t batch = 0; batch < shape->batches; ++batch) {
        for (int32_t y = 0; y < shape->output_height; ++y) {
            const int8_t *const row = input + rows[y] * row_size;
            for (int32_t x = 0; x < shape->output_width; ++x) {
                tkd_copy_run(shape->channels, row + columns[x] * shape->channels, output);
                output += shape->channels;
            }
        }
        input += shape->input_height * row_size;
    }
}

#endif
