#ifndef TKD_MEAN_S8_H
#define TKD_MEAN_S8_H

#include "tkd_clamp.h"
#include "tkd_requantize.h"

/* multiplier and right_shift hold input_scale / output_scale / positions. */
typedef struct {
    int32_t batches;
    int32_t positions;
    int32_t channels;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t right_shift;
} tkd_mean_params;

/* output[n][c] = clamp(requantize(sum_p (input[n][p][c] - input_zero_point)) + output_zero_point)
 * input   [batches, positions, channels]  int8
 * output  [batches, channels]             int8, must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum. */
TKD_INLINE void tkd_mean_s8(const tkd_mean_params *params, const int8_t *input,
                            int8_t *restrict output)
{
    for (int32_t batch = 0; batch < params->batches; ++batch) {
        const int8_t *const image = input + batch * params->positions * params->channels;
        for (int32_t channel = 0; channel < params->channels; ++channel) {
            int32_t sum = -params->input_zero_point * params->positions;
            for (int32_t position = 0; position < params->positions; ++position) {
                sum += image[position * params->channels + channel];
            }
            sum = tkd_requantize(sum, params->multiplier, params->right_shift);
            *output = tkd_clamp(sum + params->output_zero_point, INT8_MIN, INT8_MAX);
            ++output;
        }
    }
}

#endif
