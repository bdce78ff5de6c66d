#ifndef TKD_MUL_S8_H
#define TKD_MUL_S8_H

#include "tkd_broadcast_s8.h"
#include "tkd_clamp.h"
#include "tkd_requantize_literal.h"

/* Zero points of the two operands, then of the result. The right shift is in [-14, 31]. */
typedef struct {
    int32_t zero_points[3];
    int32_t multiplier;
    int32_t right_shift;
    int32_t activation_min;
    int32_t activation_max;
} tkd_mul_params;

TKD_INLINE int8_t tkd_mul_pair(const void *of_layer, int8_t a, int8_t b)
{
    const tkd_mul_params *const params = (const tkd_mul_params *)of_layer;
    const int32_t product = (a - params->zero_points[0]) * (b - params->zero_points[1]);
    const int32_t value = tkd_requantize_literal(product, params->multiplier,
                                                 params->right_shift, params->zero_points[2]);
    return tkd_clamp(value, params->activation_min, params->activation_max);
}

/* output[...] = clamp(requantize((a[...] - zero_point_a) * (b[...] - zero_point_b)) + zero_point)
 * a, b    int8, broadcast to shape
 * output  [shape] int8; may be the memory of an operand that is not repeated
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/mul.h. */
TKD_INLINE void tkd_mul_s8(const tkd_broadcast *broadcast, const tkd_mul_params *params,
                           const int8_t *a, const int8_t *b, int8_t *output)
{
    tkd_broadcast_s8(broadcast, tkd_mul_pair, params, a, b, output);
}

#endif
