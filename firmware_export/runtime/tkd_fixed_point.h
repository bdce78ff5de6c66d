#ifndef TKD_FIXED_POINT_H
#define TKD_FIXED_POINT_H

#include "tkd_multiply_high.h"
#include "tkd_rounding_shift_right.h"

/* A value of format Qm.n has m integer bits, n = 31 - m fraction bits and a sign. */

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
TKD_OUT_OF_LINE int32_t tkd_exp_of_negative(int32_t x)
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

#endif
