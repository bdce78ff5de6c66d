#ifndef TKD_TANH_S16_H
#define TKD_TANH_S16_H

#include "tkd_sigmoid_table.h"

/* tanh(x) = 2 / (1 + exp(-2 x)) - 1 as Q0.15: a straight line between two values of the table.
 * One step of the table is 1/48 of x, or 256 units of the argument, which may leave the int16
 * range; the result is found for |x| with 23 bits of fraction, given its sign, and rounded to 15.
 * scaled_x  3 * x, for x of format Q3.12
 * Source: Tanh for int16, tensorflow/lite/kernels/internal/reference/integer_ops/tanh.h. */
TKD_INLINE int32_t tkd_tanh_s16(int32_t scaled_x)
{
    const int32_t magnitude = scaled_x < 0 ? -scaled_x : scaled_x;
    const int32_t step = magnitude >> 8;
    int32_t result = UINT16_MAX * ((int32_t)1 << 8);
    if (step < 255) {
        const int32_t start = tkd_sigmoid_table[step];
        const int32_t rise = tkd_sigmoid_table[step + 1] - start;
        result = start * ((int32_t)1 << 8) + (magnitude & 255) * rise;
    }
    result -= (int32_t)1 << 23;
    result = scaled_x < 0 ? -result - 1 : result;
    return (result + ((int32_t)1 << 7)) >> 8;
}

#endif
