#ifndef TKD_TRANSPOSE_CONV_S8_H
#define TKD_TRANSPOSE_CONV_S8_H

#include "tkd_base.h"
#include "tkd_output_stage.h"

/* pad_top, pad_left  rows and columns of what the input spreads over that the output leaves out */
typedef struct {
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
} tkd_transpose_conv_shape;

/* Rows, or columns, of the input. */
typedef struct {
    int32_t first;
    int32_t end;
} tkd_span;

/* Where in the input an output at position gets its sum from: those rows r that have a tap
 * position - r * stride in [0, kernel). */
TKD_INLINE tkd_span tkd_rows_that_reach(int32_t position, int32_t stride, int32_t kernel,
                                        int32_t extent)
{
    const int32_t end = position / stride + 1;
    tkd_span rows;
    rows.first = position < kernel ? 0 : (position - kernel) / stride + 1;
    rows.end = end < extent ? end : extent;
    return rows;
}

/* sum_c (pixel[c] - zero_point) * weights[c] */
TKD_INLINE int32_t tkd_centred_dot(const int8_t *pixel, int32_t zero_point, const int8_t *weights,
                                   int32_t channels)
{
    int32_t sum = 0;
    for (int32_t c = 0; c < channels; ++c) {
        sum += (pixel[c] - zero_point) * weights[c];
    }
    return sum;
}

/* The sum of one output channel at one position.
 * y, x     position in the output, with the padding
 * filter   [kernel_height, kernel_width, input_channels] */
TKD_INLINE int32_t tkd_transposed_sum(const tkd_transpose_conv_shape *shape, const int8_t *image,
                                      const int8_t *filter, int32_t y, int32_t x)
{
    const int32_t channels = shape->input_channels;
    const tkd_span rows =
        tkd_rows_that_reach(y, shape->stride_height, shape->kernel_height, shape->input_height);
    const tkd_span columns =
        tkd_rows_that_reach(x, shape->stride_width, shape->kernel_width, shape->input_width);
    int32_t sum = 0;
    for (int32_t row = rows.first; row < rows.end; ++row) {
        const int32_t i = y - row * shape->stride_height;
        for (int32_t column = columns.first; column < columns.end; ++column) {
            const int32_t j = x - column * shape->stride_width;
            sum += tkd_centred_dot(image + (row * shape->input_width + column) * channels,
                                   shape->input_zero_point,
                                   filter + (i * shape->kernel_width + j) * channels, channels);
        }
    }
    return sum;
}

/* output[n][y][x][o] = finish(bias[o] + sum_c (input[n][r][q][c] - zero_point)
 *                                             * weights[o][i][j][c])
 * over all r, i with r * s + i == y + pad_top and all q, j with q * s + j == x + pad_left
 * input    [batches, input_height, input_width, input_channels]                   int8
 * weights  [output_channels, kernel_height, kernel_width, input_channels]         int8, zero point 0
 * output   [batches, output_height, output_width, output_channels]                int8, must not
 *          overlap input
 * The zero point is not folded into the bias: outputs have sums of different numbers of taps.
 * Source: TFLite int8 quantization specification, TRANSPOSE_CONV;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h, which scatters
 *         where this gathers, and so needs no int32 copy of the output. */
TKD_INLINE void tkd_transpose_conv_s8(const tkd_transpose_conv_shape *shape,
                                      const tkd_output_stage *stage, const int8_t *weights,
                                      const int8_t *input, int8_t *restrict output)
{
    const int32_t image_size = shape->input_height * shape->input_width * shape->input_channels;
    const int32_t filter_size = shape->kernel_height * shape->kernel_width * shape->input_channels;
    for (int32_t batch = 0; batch < shape->batches; ++batch) {
        for (int32_t y = 0; y < shape->output_height; ++y) {
            for (int32_t x = 0; x < shape->output_width; ++x) {
                for (int32_t o = 0; o < shape->output_channels; ++o) {
                    const tkd_channel *const scaling = &stage->channels[o];
                    const int32_t sum = tkd_transposed_sum(
                        shape, input + batch * image_size, weights + o * filter_size,
                        y + shape->pad_top, x + shape->pad_left);
                    *output = tkd_finish(stage, scaling, scaling->bias + sum);
                    ++output;
                }
            }
        }
    }
}

#endif
