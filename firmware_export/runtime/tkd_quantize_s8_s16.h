#ifndef TKD_QUANTIZE_S8_S16_H
#define TKD_QUANTIZE_S8_S16_H

#include "tkd_clamp_s16.h"
#include "tkd_requantize.h"

typedef struct {
    int32_t size;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t right_shift;
} tkd_quantize_s8_s16_params;

/* output[i] = clamp(requantize(input[i] - input_zero_point) + output_zero_point)
 * input   [size] int8
 * output  [size] int16
 * Source: tensorflow/lite/kernels/internal/reference/requantize.h. */
TKD_INLINE void tkd_quantize_s8_s16(const tkd_quantize_s8_s16_params *params, const int8_t *input,
                                    int16_t *output)
{
    for (int32_t i = 0; i < params->size; ++i) {
        const int32_t scaled = tkd_requantize(input[i] - params->input_zero_point,
                                              params->multiplier, params->right_shift);
        output[i] = (int16_t)tkd_clamp_s16(scaled + params->output_zero_point);
    }
}

#endif
