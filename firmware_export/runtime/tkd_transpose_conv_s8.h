#ifndef TKD_TRANSPOSE_CONV_S8_H
#define TKD_TRANSPOSE_CONV_S8_H

#include "tkd_dsp.h"
#include "tkd_output_stage.h"
#include "tkd_pairs.h"

/* depth              input channels, rounded up to a multiple of 4
 * pad_top, pad_left  rows and columns of what the input spreads over that the output leaves out */
typedef struct {
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t depth;
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

/* What one row, or column, of the output is made of. Position p with the padding is reached by the
 * taps i with i % stride == p % stride, its phase, tap i from row (p - i) / stride of the input.
 * first   lowest of those rows, perhaps outside the input
 * taps    how many
 * before  taps of all lower phases */
typedef struct {
    int32_t first;
    int32_t taps;
    int32_t before;
} tkd_spread;

TKD_INLINE tkd_spread tkd_spread_at(int32_t position, int32_t stride, int32_t kernel)
{
    const int32_t phase = position % stride;
    const int32_t rest = kernel % stride;
    tkd_spread spread;
    spread.taps = (kernel - phase + stride - 1) / stride;
    spread.first = position / stride - spread.taps + 1;
    spread.before = kernel / stride * phase + (rest < phase ? rest : phase);
    return spread;
}

/* Where channel c of a pixel lies in a patch: as the extension of bytes to halfwords puts it. */
TKD_INLINE int32_t tkd_spread_lane(int32_t c)
{
#if TKD_DSP
    return (c & ~3) | ((c & 1) << 1) | ((c >> 1) & 1);
#else
    return c;
#endif
}

/* lanes[c] = pixel[c] - zero point, for channels of them; then 0 up to depth */
TKD_INLINE void tkd_centre_pixel(const tkd_transpose_conv_shape *shape, const int8_t *pixel,
                                 int32_t channels, tkd_lane *lanes)
{
    int32_t c = 0;
#if TKD_DSP
    const uint32_t zero_points = ((uint32_t)shape->input_zero_point & 0xffffu) * 0x10001u;
    tkd_word *const words = (tkd_word *)(void *)lanes;
    for (; c + 4 <= channels; c += 4) {
        const uint32_t bytes = tkd_load_word(pixel + c);
        words[c / 2] = tkd_subtract_pairs(tkd_widen_even(bytes), zero_points);
        words[c / 2 + 1] = tkd_subtract_pairs(tkd_widen_odd(bytes), zero_points);
    }
#endif
    for (; c < channels; ++c) {
        lanes[tkd_spread_lane(c)] = (tkd_lane)(pixel[c] - shape->input_zero_point);
    }
    for (; c < shape->depth; ++c) {
        lanes[tkd_spread_lane(c)] = 0;
    }
}

/* All pixels that reach one output, row by row; 0 where they are outside the input. */
TKD_INLINE void tkd_gather_spread(const tkd_transpose_conv_shape *shape, const int8_t *image,
                                  const tkd_spread *rows, const tkd_spread *columns,
                                  tkd_lane *patch)
{
    for (int32_t y = rows->first; y < rows->first + rows->taps; ++y) {
        const int32_t inside = y >= 0 && y < shape->input_height;
        for (int32_t x = columns->first; x < columns->first + columns->taps; ++x) {
            if (inside && x >= 0 && x < shape->input_width) {
                const int8_t *const pixel =
                    image + (y * shape->input_width + x) * shape->input_channels;
                tkd_centre_pixel(shape, pixel, shape->input_channels, patch);
            } else {
                tkd_centre_pixel(shape, image, 0, patch);
            }
            patch += shape->depth;
        }
    }
}

/* sums[p][k] += sum_i patch_p[i] * filter_k[i], for one or two pixels and two output channels.
 * patches  [pixels, depth] lanes
 * weights  [depth / 4, 2, 4]
 * depth    a multiple of 4 */
TKD_INLINE void tkd_spread_dot(const tkd_lane *patches, const int8_t *weights, int32_t depth,
                               int32_t pixels, int32_t sums[2][2])
{
#if TKD_DSP
    const tkd_word *one = (const tkd_word *)(const void *)patches;
    const tkd_word *other = (const tkd_word *)(const void *)(patches + (pixels - 1) * depth);
    const tkd_word *end = one + depth / 2;
    int32_t s00 = sums[0][0];
    int32_t s01 = sums[0][1];
    int32_t s10 = sums[1][0];
    int32_t s11 = sums[1][1];
    /* Compilers that know how often this loop runs unroll it, and then run out of registers. */
    __asm__("" : "+r"(end));
    for (; one != end; one += 2, other += 2, weights += 8) {
        const uint32_t w0 = tkd_load_word(weights);
        const uint32_t w1 = tkd_load_word(weights + 4);
        const uint32_t even0 = tkd_widen_even(w0);
        const uint32_t even1 = tkd_widen_even(w1);
        const uint32_t odd0 = tkd_widen_odd(w0);
        const uint32_t odd1 = tkd_widen_odd(w1);
        s00 = tkd_multiply_pairs(one[0], even0, s00);
        s01 = tkd_multiply_pairs(one[0], even1, s01);
        s10 = tkd_multiply_pairs(other[0], even0, s10);
        s11 = tkd_multiply_pairs(other[0], even1, s11);
        s00 = tkd_multiply_pairs(one[1], odd0, s00);
        s01 = tkd_multiply_pairs(one[1], odd1, s01);
        s10 = tkd_multiply_pairs(other[1], odd0, s10);
        s11 = tkd_multiply_pairs(other[1], odd1, s11);
    }
    sums[0][0] = s00;
    sums[0][1] = s01;
    sums[1][0] = s10;
    sums[1][1] = s11;
#else
    for (int32_t i = 0; i < depth; i += 4) {
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            const tkd_lane *const lanes = patches + pixel * depth + i;
            for (int32_t k = 0; k < 2; ++k) {
                const int8_t *const w = weights + 2 * i + 4 * k;
                sums[pixel][k] +=
                    lanes[0] * w[0] + lanes[1] * w[1] + lanes[2] * w[2] + lanes[3] * w[3];
            }
        }
    }
#endif
}

/* All output channels of one or two pixels of the same phase.
 * step  from the one to the other in the output */
TKD_INLINE void tkd_spread_pixels(const tkd_transpose_conv_shape *shape,
                                  const tkd_output_stage *stage, const int8_t *weights,
                                  const tkd_lane *patches, int32_t depth, int32_t pixels,
                                  int32_t step, int8_t *output)
{
    for (int32_t o = 0; o < shape->output_channels; o += 2) {
        /* Beside an odd last channel lies a filter of zeros, whose sums are not used. */
        const int32_t width = o + 1 < shape->output_channels ? 2 : 1;
        const tkd_channel *const scaling = &stage->channels[o];
        const int32_t bias[2] = {scaling[0].bias, scaling[width - 1].bias};
        int32_t sums[2][2] = {{bias[0], bias[1]}, {bias[0], bias[1]}};
        tkd_spread_dot(patches, weights + o * depth, depth, pixels, sums);
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            for (int32_t k = 0; k < width; ++k) {
                output[pixel * step + o + k] = tkd_finish(stage, &scaling[k], sums[pixel][k]);
            }
        }
    }
}

/* One row of the output, phase by phase, each two pixels at a time.
 * weights  of the phase of this row */
TKD_INLINE void tkd_spread_row(const tkd_transpose_conv_shape *shape,
                               const tkd_output_stage *stage, const int8_t *weights,
                               const int8_t *image, const tkd_spread *rows, tkd_lane *scratch,
                               int8_t *output)
{
    const int32_t filters = (shape->output_channels + 1) / 2 * 2;
    const int32_t stride = shape->stride_width;
    const int32_t step = stride * shape->output_channels;
    for (int32_t first = 0; first < stride && first < shape->output_width; ++first) {
        for (int32_t x = first; x < shape->output_width; x += 2 * stride) {
            const int32_t pixels = x + stride < shape->output_width ? 2 : 1;
            tkd_spread columns = tkd_spread_at(x + shape->pad_left, stride, shape->kernel_width);
            const int8_t *const phase =
                weights + rows->taps * columns.before * filters * shape->depth;
            const int32_t depth = rows->taps * columns.taps * shape->depth;
            for (int32_t pixel = 0; pixel < pixels; ++pixel) {
                tkd_gather_spread(shape, image, rows, &columns, scratch + pixel * depth);
                ++columns.first;
            }
            tkd_spread_pixels(shape, stage, phase, scratch, depth, pixels, step,
                              output + x * shape->output_channels);
        }
    }
}

/* output[n][y][x][o] = finish(bias[o] + sum_c (input[n][r][q][c] - zero_point)
 *                                             * weights[o][i][j][c])
 * over all r, i with r * s + i == y + pad_top and all q, j with q * s + j == x + pad_left
 * input    [batches, input_height, input_width, input_channels]    int8
 * weights  for each phase, by rows, [output_channels / 2, taps of the phase, depth / 4, 2, 4]
 *          int8, zero point 0, the taps of a phase from the last to the first
 * scratch  [2, most taps of a phase, depth] lanes, aligned to 4 bytes
 * output   [batches, output_height, output_width, output_channels] int8; may lie over the input
 *          where each of its rows ends below what this row and later ones read
 * The zero point is not folded into the bias: outputs have sums of different numbers of taps.
 * Source: TFLite int8 quantization specification, TRANSPOSE_CONV;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h, which scatters
 *         where this gathers, and so needs no int32 copy of the output. */
TKD_INLINE void tkd_transpose_conv_s8(const tkd_transpose_conv_shape *shape,
                                      const tkd_output_stage *stage, const int8_t *weights,
                                      const int8_t *input, tkd_lane *scratch, int8_t *output)
{
    const int32_t image_size = shape->input_height * shape->input_width * shape->input_channels;
    const int32_t filters = (shape->output_channels + 1) / 2 * 2;
    for (int32_t batch = 0; batch < shape->batches; ++batch) {
        for (int32_t y = 0; y < shape->output_height; ++y) {
            const tkd_spread rows =
                tkd_spread_at(y + shape->pad_top, shape->stride_height, shape->kernel_height);
            tkd_spread_row(shape, stage,
                           weights + rows.before * shape->kernel_width * filters * shape->depth,
                           input + batch * image_size, &rows, scratch, output);
            output += shape->output_width * shape->output_channels;
        }
    }
}

#endif
