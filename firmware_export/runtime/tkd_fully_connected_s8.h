#ifndef TKD_FULLY_CONNECTED_S8_H
#define TKD_FULLY_CONNECTED_S8_H

#include "tkd_dsp.h"
#include "tkd_fully_connected_plain.h"
#include "tkd_output_stage.h"

typedef struct {
    int32_t rows;
    int32_t in_features;
    int32_t out_features;
} tkd_fully_connected_shape;

/* sums[k] += sum_i input[i] * weights[k][i], for four output channels */
TKD_INLINE void tkd_dot_1x4(const int8_t *input, const int8_t *const weights[4], int32_t length,
                            int32_t sums[4])
{
#if TKD_THUMB_1
    tkd_two_dots(input, weights, length, sums);
    /* Where there are fewer than three channels, the first stands in for the others. */
    if (weights[2] != weights[0]) {
        tkd_two_dots(input, weights + 2, length, sums + 2);
    }
#else
    int32_t i = 0;
#if TKD_DSP
    for (; i + 4 <= length; i += 4) {
        const uint32_t x = tkd_load_word(input + i);
        const uint32_t x_even = tkd_widen_even(x);
        const uint32_t x_odd = tkd_widen_odd(x);
        for (int32_t k = 0; k < 4; ++k) {
            const uint32_t w = tkd_load_word(weights[k] + i);
            sums[k] = tkd_multiply_pairs(x_even, tkd_widen_even(w), sums[k]);
            sums[k] = tkd_multiply_pairs(x_odd, tkd_widen_odd(w), sums[k]);
        }
    }
#endif
    for (; i < length; ++i) {
        const int32_t x = input[i];
        for (int32_t k = 0; k < 4; ++k) {
            sums[k] += x * weights[k][i];
        }
    }
#endif
}

/* output[n][o] = finish(bias[o] + sum_i input[n][i] * weights[o][i])
 * input    [rows, in_features]         int8
 * weights  [out_features, in_features] int8, zero point 0
 * output   [rows, out_features]        int8, must not overlap input
 * Source: TFLite int8 quantization specification, FULLY_CONNECTED;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h. */
TKD_INLINE void tkd_fully_connected_s8(const tkd_fully_connected_shape *shape,
                                       const tkd_output_stage *stage, const int8_t *weights,
                                       const int8_t *input, int8_t *restrict output)
{
    const int32_t length = shape->in_features;
    const int32_t channels = shape->out_features;
    const int32_t group = channels < 4 ? channels : 4;
    for (int32_t row = 0; row < shape->rows; ++row) {
        for (int32_t next = 0; next < channels; next += 4) {
            /* The last group starts earlier where it would reach beyond the last channel, and
             * computes some outputs again. */
            const int32_t first = next + group <= channels ? next : channels - group;
            const int8_t *filters[4];
            int32_t sums[4];
            for (int32_t k = 0; k < 4; ++k) {
                const int32_t channel = first + (k < group ? k : 0);
                filters[k] = weights + channel * length;
                sums[k] = stage->channels[channel].bias;
            }
            tkd_dot_1x4(input + row * length, filters, length, sums);
            for (int32_t k = 0; k < group; ++k) {
                output[row * channels + first + k] =
                    tkd_finish(stage, &stage->channels[first + k], sums[k]);
            }
        }
    }
}

#endif
