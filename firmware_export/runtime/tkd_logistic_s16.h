#ifndef TKD_LOGISTIC_S16_H
#define TKD_LOGISTIC_S16_H

#include "tkd_sigmoid_table.h"

/* 1 / (1 + exp(-x)) as Q0.15, for x of format Q3.12 in the int16 range: a straight line between
 * two values of the table. One step of the table is 1/24, or 512 units of 3 * x; the result is
 * found for |x| with 25 bits of fraction, turned around for a negative x, and rounded to 15.
 * Source: Logistic for int16, tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h. */
TKD_INLINE int32_t tkd_logistic_s16(int32_t x)
{
    const int32_t magnitude = 3 * (x < 0 ? -x : x);
    const int32_t step = magnitude >> 9;
    int32_t result = INT16_MAX * ((int32_t)1 << 10);
    if (step < 255) {
        const int32_t start = tkd_sigmoid_table[step];
        const int32_t rise = tkd_sigmoid_table[step + 1] - start;
        result = start * ((int32_t)1 << 9) + (magnitude & 511) * rise;
    }
    result = x < 0 ? ((int32_t)1 << 25) - result - 1 : result;
    return (result + ((int32_t)1 << 9)) >> 10;
}

#endif
