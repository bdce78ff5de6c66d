#ifndef TKD_RESIZE_BILINEAR_S8_H
#define TKD_RESIZE_BILINEAR_S8_H

#include "tkd_resize_shape.h"
#include "tkd_rounding_shift_right.h"

/* A position between two of the input, distance / 1024 of the way; distance is in [0, 1024). */
typedef struct {
    int16_t lower;
    int16_t upper;
    int16_t distance;
} tkd_between;

/* The value at a distance from one towards another, with ten more bits of fraction. */
TKD_INLINE int32_t tkd_blend(int32_t lower, int32_t upper, int32_t distance)
{
    return lower * 1024 + (upper - lower) * distance;
}

/* output[n][y][x] = the four values of input[n] around, weighted by nearness; ties away from zero
 * rows     [output_height]
 * columns  [output_width]
 * input    [batches, input_height, input_width, channels]    int8
 * output   [batches, output_height, output_width, channels]  int8, must not overlap input
 * Both sides have the same quantization; the weighted sum is at most 2^27.
 * Source: tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinearInteger. */
TKD_INLINE void tkd_resize_bilinear_s8(const tkd_resize_shape *shape, const tkd_between *rows,
                                       const tkd_between *columns, const int8_t *input,
                                       int8_t *restrict output)
{
    const int32_t channels = shape->channels;
    const int32_t row_size = shape->input_width * channels;
    for (int32_t batch = 0; batch < shape->batches; ++batch) {
        for (int32_t y = 0; y < shape->output_height; ++y) {
            const int8_t *const upper_row = input + rows[y].lower * row_size;
            const int8_t *const lower_row = input + rows[y].upper * row_size;
            for (int32_t x = 0; x < shape->output_width; ++x) {
                const int32_t left = columns[x].lower * channels;
                const int32_t right = columns[x].upper * channels;
                for (int32_t c = 0; c < channels; ++c) {
                    const int32_t above = tkd_blend(upper_row[left + c], upper_row[right + c],
                                                    columns[x].distance);
                    const int32_t below = tkd_blend(lower_row[left + c], lower_row[right + c],
                                                    columns[x].distance);
                    const int32_t sum = tkd_blend(above, below, rows[y].distance);
                    *output = (int8_t)tkd_rounding_shift_right(sum, 20);
                    ++output;
                }
            }
        }
        input += shape->input_height * row_size;
    }
}

#endif
