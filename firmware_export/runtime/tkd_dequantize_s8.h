#ifndef TKD_DEQUANTIZE_S8_H
#define TKD_DEQUANTIZE_S8_H

#include "tkd_base.h"

typedef struct {
    int32_t size;
    float scale;
    int32_t zero_point;
} tkd_dequantize_params;

/* output[i] = scale * (input[i] - zero_point)
 * input   [size] int8
 * output  [size] float
 * Source: tensorflow/lite/kernels/internal/reference/dequantize.h; its product of doubles is
 *         exact before it is rounded to a float, as this one is. */
TKD_INLINE void tkd_dequantize_s8(const tkd_dequantize_params *params, const int8_t *input,
                                  float *output)
{
    for (int32_t i = 0; i < params->size; ++i) {
        output[i] = params->scale * (float)(input[i] - params->zero_point);
    }
}

#endif
