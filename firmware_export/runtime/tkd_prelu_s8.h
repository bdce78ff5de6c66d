#ifndef TKD_PRELU_S8_H
#define TKD_PRELU_S8_H

#include "tkd_broadcast_s8.h"
#include "tkd_clamp.h"
#include "tkd_requantize_literal.h"

/* Zero points of input, alpha and output; scaling of what is positive, and of what alpha
 * multiplies. Right shifts are in [-22, 31] and [-14, 31]. */
typedef struct {
    int32_t zero_points[3];
    int32_t multipliers[2];
    int32_t right_shifts[2];
} tkd_prelu_params;

TKD_INLINE int8_t tkd_prelu_pair(const void *of_layer, int8_t x, int8_t alpha)
{
    const tkd_prelu_params *const params = (const tkd_prelu_params *)of_layer;
    const int32_t centred = x - params->zero_points[0];
    const int32_t value =
        centred >= 0
            ? tkd_requantize_literal(centred, params->multipliers[0], params->right_shifts[0],
                                     params->zero_points[2])
            : tkd_requantize_literal(centred * (alpha - params->zero_points[1]),
                                     params->multipliers[1], params->right_shifts[1],
                                     params->zero_points[2]);
    return tkd_clamp(value, INT8_MIN, INT8_MAX);
}

/* output[...] = x >= 0 ? x : alpha[...] * x, where x = input[...]
 * input   [shape] int8
 * alpha   int8, broadcast to shape
 * output  [shape] int8, may be the same memory as input
 * Source: tensorflow/lite/kernels/internal/reference/prelu.h. */
TKD_INLINE void tkd_prelu_s8(const tkd_broadcast *broadcast, const tkd_prelu_params *params,
                             const int8_t *input, const int8_t *alpha, int8_t *output)
{
    tkd_broadcast_s8(broadcast, tkd_prelu_pair, params, input, alpha, output);
}

#endif
