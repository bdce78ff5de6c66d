#ifndef TKD_SOFTMAX_S8_H
#define TKD_SOFTMAX_S8_H

#include "tkd_clamp.h"
#include "tkd_multiply_high.h"
#include "tkd_requantize.h"
#include "tkd_rounding_shift_right.h"

/* A value of format Qm.n has m integer bits, n = 31 - m fraction bits and a sign.
 * multiplier, left_shift  beta * input_scale, so that differences come out as Q5.26
 * lowest_difference       differences below this have an exponential of 0 */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t left_shift;
    int32_t lowest_difference;
} tkd_softmax_params;

/* exp(x) as Q0.31, for x in [-1/4, 0) as Q0.31: four terms of the Taylor series about -1/8.
 * Source: gemmlowp exp_on_interval_between_negative_one_quarter_and_0_excl,
 *         fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_exp_of_quarter(int32_t x)
{
    const int32_t exp_of_minus_eighth = 1895147668;
    const int32_t third = 715827883;
    const int32_t d = x + ((int32_t)1 << 28);
    const int32_t d2 = tkd_multiply_high(d, d);
    const int32_t d3 = tkd_multiply_high(d2, d);
    const int32_t d4 = tkd_multiply_high(d2, d2);
    const int32_t cubic = tkd_multiply_high(tkd_rounding_shift_right(d4, 2) + d3, third);
    const int32_t terms = d + tkd_rounding_shift_right(cubic + d2, 1);
    return exp_of_minus_eighth + tkd_multiply_high(exp_of_minus_eighth, terms);
}

/* exp(x) as Q0.31, for x <= 0 as Q5.26: the part of x below a quarter by the series, each bit
 * above by one multiplication with a constant exp(-2^k), k = -2..4.
 * Source: gemmlowp exp_on_negative_values, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_exp_of_negative(int32_t x)
{
    static const int32_t exp_of_minus_power[7] = {1672461947, 1302514674, 790015084, 290630308,
                                                  39332535,   720401,     242};
    const int32_t quarter = (int32_t)1 << 24;
    const int32_t below = (x & (quarter - 1)) - quarter;
    const int32_t above = below - x;
    int32_t result = tkd_exp_of_quarter(below * ((int32_t)1 << 5));
    for (int32_t bit = 0; bit < 7; ++bit) {
        if (above & (quarter << bit)) {
            result = tkd_multiply_high(result, exp_of_minus_power[bit]);
        }
    }
    return x == 0 ? INT32_MAX : result;
}

/* 1 / (1 + x) as Q0.31, for x in [0, 1) as Q0.31: Newton's division, three steps, in Q2.29.
 * Source: gemmlowp one_over_one_plus_x_for_x_in_0_1, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_reciprocal_of_one_plus(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t estimate = 1515870810 + tkd_multiply_high(half, -1010580540); /* 48/17 - 32/17 half */
    for (int32_t step = 0; step < 3; ++step) {
        const int32_t error = ((int32_t)1 << 29) - tkd_multiply_high(half, estimate);
        estimate += tkd_multiply_high(estimate, error) * 4;
    }
    return estimate > ((int32_t)1 << 30) - 1 ? INT32_MAX : estimate * 2;
}

TKD_INLINE int32_t tkd_leading_zeros(uint32_t value)
{
    int32_t zeros = 0;
    while (zeros < 32 && !(value & ((uint32_t)1 << (31 - zeros)))) {
        ++zeros;
    }
    return zeros;
}

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
                sum += tkd_rounding_shift_right(tkd_softmax_exp(params, x[i] - largest), 12);
            }
        }
        /* sum = 2^(12 - headroom) * (1 + fraction) */
        const int32_t headroom = tkd_leading_zeros((uint32_t)sum);
        const int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - ((uint32_t)1 << 31));
        const int32_t scale = tkd_reciprocal_of_one_plus(fraction);
        for (int32_t i = 0; i < params->depth; ++i) {
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
