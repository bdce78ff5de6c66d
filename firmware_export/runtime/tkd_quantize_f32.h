#ifndef TKD_QUANTIZE_F32_H
#define TKD_QUANTIZE_F32_H

#include "tkd_base.h"

typedef struct {
    int32_t size;
    float scale;
    int32_t zero_point;
} tkd_quantize_params;

/* output[i] = the int8 nearest to input[i] / scale + zero_point: ties away from zero, saturated;
 * not-a-number gives the lowest
 * input   [size] float
 * output  [size] int8
 * Source: tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize. */
TKD_INLINE void tkd_quantize_f32(const tkd_quantize_params *params, const float *input,
                                 int8_t *output)
{
    const int32_t lowest = INT8_MIN - params->zero_point;
    const int32_t highest = INT8_MAX - params->zero_point;
    for (int32_t i = 0; i < params->size; ++i) {
        const float steps = input[i] / params->scale;
        int32_t nearest = lowest;
        if (steps >= (float)highest) {
            nearest = highest;
        } else if (steps > (float)lowest) {
            nearest = (int32_t)steps;
            const float rest = steps - (float)nearest;
            nearest += (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
        }
        output[i] = (int8_t)(nearest + params->zero_point);
    }
}

#endif
