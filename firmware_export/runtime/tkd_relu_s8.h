#ifndef TKD_RELU_S8_H
#define TKD_RELU_S8_H

#include "tkd_clamp.h"
#include "tkd_requantize.h"

typedef struct {
    int32_t size;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t right_shift;
    int32_t activation_min;
    int32_t activation_max;
} tkd_relu_params;

/* output[i] = clamp(requantize(input[i] - input_zero_point) + output_zero_point)
 * input   [size] int8
 * output  [size] int8, may be the same memory
 * Source: tensorflow/lite/micro/kernels/activations_common.cc. */
TKD_INLINE void tkd_relu_s8(const tkd_relu_params *params, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < params->size; ++i) {
        const int32_t scaled = tkd_requantize(input[i] - params->input_zero_point,
                                              params->multiplier, params->right_shift);
        output[i] = tkd_clamp(scaled + params->output_zero_point, params->activation_min,
                              params->activation_max);
    }
}

#endif
