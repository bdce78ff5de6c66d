#ifndef TKD_LOG_SOFTMAX_S8_H
#define TKD_LOG_SOFTMAX_S8_H

#include "tkd_clamp.h"
#include "tkd_fixed_point.h"
#include "tkd_requantize.h"

/* multiplier, left_shift              input_scale, so that differences come out as Q5.26
 * lowest_difference                   differences below this have an exponential of 0
 * inverse_multiplier, inverse_right   from Q5.26 back to differences */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t left_shift;
    int32_t lowest_difference;
    int32_t inverse_multiplier;
    int32_t inverse_right_shift;
} tkd_log_softmax_params;

/* value * 2^left, saturated; value >= 0 */
TKD_INLINE int32_t tkd_saturated_shift_left(int32_t value, int32_t left)
{
    return value > (INT32_MAX >> left) ? INT32_MAX : value * ((int32_t)1 << left);
}

/* log(x) as Q5.26, for x >= 1 as Q12.19: the exponent of x times log(2), and a rational
 * approximation for the rest, r in [sqrt(1/2), 1), about r = 2^(-1/4).
 * Source: log_x_for_x_greater_than_or_equal_to_1_impl,
 *         tensorflow/lite/kernels/internal/common.h. */
TKD_INLINE int32_t tkd_log_of_sum(int32_t x)
{
    const int32_t log_2 = 1488522236;
    const int32_t root_half = 1518500250;        /* 2^(-1/2) */
    const int32_t fourth_root_half = 1805811301; /* 2^(-1/4) */
    const int32_t quarter = (int32_t)1 << 23;    /* Q6.25, as the exponents */

    /* Of two splits of x into an exponent and r, that with the smaller r is in range. */
    const int32_t zeros = tkd_leading_zeros((uint32_t)x);
    const int32_t scaled = tkd_multiply_high(x * ((int32_t)1 << (zeros - 1)), root_half);
    const int32_t low_zeros = tkd_leading_zeros((uint32_t)tkd_multiply_high(x, root_half)) - 1;
    const int32_t r_first = tkd_saturated_shift_left(scaled, 1);
    const int32_t r_second = tkd_saturated_shift_left(x, low_zeros);
    const int32_t e_first = (12 - zeros) * ((int32_t)1 << 25) + quarter;
    const int32_t e_second = (12 - low_zeros) * ((int32_t)1 << 25) - quarter;
    const int32_t r = r_first < r_second ? r_first : r_second;
    const int32_t exponent = e_first > e_second ? e_first : e_second;

    const int32_t p = (int32_t)(((int64_t)r + fourth_root_half + 1) / 2);
    const int32_t q = (r - fourth_root_half) * 2;
    const int32_t q2 = tkd_multiply_high(q, q);
    const int32_t numerator =
        tkd_multiply_high(q, r) + tkd_multiply_high(tkd_multiply_high(q, q2), 117049297);
    const int32_t denominator =
        tkd_multiply_high(p, 1057819769 + q + tkd_multiply_high(127690142, q2)) +
        tkd_multiply_high(638450708, q);
    const int32_t of_r = tkd_multiply_high(tkd_rounding_shift_right(numerator, 6),
                                           tkd_reciprocal_of_one_plus(denominator));
    return (tkd_multiply_high(exponent, log_2) + of_r) * 2;
}

/* output[n][i] = input[n][i] - log(sum_j exp(input[n][j])), scale 1/16, zero point 127
 * input   [rows, depth] int8
 * output  [rows, depth] int8, may be the same memory
 * Source: tensorflow/lite/kernels/internal/reference/log_softmax.h. */
TKD_INLINE void tkd_log_softmax_s8(const tkd_log_softmax_params *params, const int8_t *input,
                                   int8_t *output)
{
    for (int32_t row = 0; row < params->rows; ++row) {
        const int8_t *const x = input + row * params->depth;
        int8_t *const y = output + row * params->depth;
        int32_t largest = INT8_MIN;
        for (int32_t i = 0; i < params->depth; ++i) {
            largest = x[i] > largest ? x[i] : largest;
        }
        int32_t sum = 0; /* Q12.19 */
        for (int32_t i = 0; i < params->depth; ++i) {
            if (x[i] - largest >= params->lowest_difference) {
                const int32_t exponential = tkd_exp_of_negative(
                    tkd_requantize(x[i] - largest, params->multiplier, -params->left_shift));
                sum += tkd_rounding_shift_right(exponential, 12);
            }
        }
        const int32_t log_of_sum = tkd_log_of_sum(sum);
        /* What is not above this would leave Q5.26 when the logarithm is taken from it. */
        const int32_t below = tkd_requantize(log_of_sum + INT32_MIN, params->inverse_multiplier,
                                             params->inverse_right_shift);
        const int32_t lowest =
            below > params->lowest_difference - 1 ? below : params->lowest_difference - 1;
        for (int32_t i = 0; i < params->depth; ++i) {
            int32_t value = INT8_MIN;
            if (x[i] - largest > lowest) {
                const int32_t difference =
                    tkd_requantize(x[i] - largest, params->multiplier, -params->left_shift);
                value = tkd_rounding_shift_right(difference - log_of_sum, 22) + INT8_MAX;
            }
            y[i] = tkd_clamp(value, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
