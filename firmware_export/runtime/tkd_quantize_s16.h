#ifndef TKD_QUANTIZE_S16_H
#define TKD_QUANTIZE_S16_H

#include "tkd_clamp.h"
#include "tkd_requantize.h"

typedef struct {
    int32_t size;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t right_shift;
} tkd_quantize_s16_params;

/* output[i] = clamp(requantize(input[i] - input_zero_point) + output_zero_point)
 * input   [size] int16
 * output  [size] int8
 * Source: tensorflow/lite/kernels/internal/reference/requantize.h. */
TKD_INLINE void tkd_quantize_s16(const tkd_quantize_s16_params *params, const int16_t *input,
                                 int8_t *output)
{
    for (int32_t i = 0; i < params->size; ++i) {
        const int32_t scaled = tkd_requantize(input[i] - params->input_zero_point,
                                              params->multiplier, params->right_shift);
        output[i] = tkd_clamp(scaled + params->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

#endif
