#ifndef TKD_ADD_PAIR_H
#define TKD_ADD_PAIR_H

#include "tkd_clamp.h"
#include "tkd_requantize_literal.h"

/* Of the two operands, then of the result. Right shifts are in [0, 30]. */
typedef struct {
    int32_t zero_points[3];
    int32_t multipliers[3];
    int32_t right_shifts[3];
    int32_t subtract;
    int32_t activation_min;
    int32_t activation_max;
} tkd_add_params;

/* An operand's value on the common scale, with 20 bits of fraction: below 2^28. */
TKD_INLINE int32_t tkd_add_scaled(const tkd_add_params *params, int32_t operand, int8_t value)
{
    const int32_t centred = (value - params->zero_points[operand]) * ((int32_t)1 << 20);
    return tkd_requantize_literal(centred, params->multipliers[operand],
                                  params->right_shifts[operand], 0);
}

TKD_INLINE int8_t tkd_add_pair(const void *of_layer, int8_t a, int8_t b)
{
    const tkd_add_params *const params = (const tkd_add_params *)of_layer;
    const int32_t left = tkd_add_scaled(params, 0, a);
    const int32_t right = tkd_add_scaled(params, 1, b);
    const int32_t value =
        tkd_requantize_literal(params->subtract ? left - right : left + right,
                               params->multipliers[2], params->right_shifts[2],
                               params->zero_points[2]);
    return tkd_clamp(value, params->activation_min, params->activation_max);
}

#endif
