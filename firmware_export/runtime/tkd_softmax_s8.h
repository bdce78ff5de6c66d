#ifndef TKD_SOFTMAX_S8_H
#define TKD_SOFTMAX_S8_H

#include "tkd_clamp.h"
#include "tkd_fixed_point.h"
#include "tkd_requantize.h"

/* multiplier, left_shift  beta * input_scale, so that differences come out as Q5.26
 * lowest_difference       differences below this have an exponential of 0 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t left_shift;
    int32_t lowest_difference;
} tkd_softmax_params;

/* exp(difference * beta * input_scale) as Q0.31, for an int8 difference <= 0 */
TKD_INLINE int32_t tkd_softmax_exp(const tkd_softmax_params *params, int32_t difference)
{
    return tkd_exp_of_negative(
        tkd_requantize(difference, params->multiplier, -params->left_shift));
}

/* output[n][i] = exp(input[n][i] - max) / sum_j exp(input[n][j] - max), scale 1/256, zero point -128
 * input   [rows, depth] int8
 * output  [rows, depth] int8, may be the same memory
 * Source: tensorflow/lite/kernels/internal/reference/softmax.h. */
TKD_INLINE void tkd_softmax_s8(const tkd_softmax_params *params, const int8_t *input,
                               int8_t *output)
{
    const int32_t depth = tkd_loop_count(params->depth);
    for (int32_t row = 0; row < params->rows; ++row) {
        const int8_t *const x = input + row * params->depth;
        int8_t *const y = output + row * params->depth;
        int32_t largest = INT8_MIN;
        for (int32_t i = 0; i < depth; ++i) {
            largest = x[i] > largest ? x[i] : largest;
        }
        int32_t sum = 0; /* Q12.19 */
        for (int32_t i = 0; i < depth; ++i) {
            if (x[i] - largest >= params->lowest_difference) {
                sum += tkd_rounding_shift_right(tkd_softmax_exp(params, x[i] - largest), 12);
            }
        }
        /* sum = 2^(12 - headroom) * (1 + fraction) */
        const int32_t headroom = tkd_leading_zeros((uint32_t)sum);
        const int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - ((uint32_t)1 << 31));
        const int32_t scale = tkd_reciprocal_of_one_plus(fraction);
        for (int32_t i = 0; i < depth; ++i) {
            int32_t quotient = 0;
            if (x[i] - largest >= params->lowest_difference) {
                quotient = tkd_rounding_shift_right(
                    tkd_multiply_high(scale, tkd_softmax_exp(params, x[i] - largest)),
                    12 - headroom + 31 - 8);
            }
            y[i] = tkd_clamp(quotient + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
