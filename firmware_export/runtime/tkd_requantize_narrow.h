#ifndef TKD_REQUANTIZE_NARROW_H
#define TKD_REQUANTIZE_NARROW_H

#include "tkd_multiply_high.h"

/* What tkd_requantize gives, in the common case, in a third of the instructions.
 * value  |value| < 2^30
 * right  [1, 30]
 * Adding half and rounding down rounds ties up; taking one from negative values first makes
 * that ties away from zero. */
TKD_INLINE int32_t tkd_requantize_narrow(int32_t value, int32_t multiplier, int32_t right)
{
#if TKD_DSP
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(value * 2), "r"(multiplier));
#else
    const int32_t high = tkd_multiply_high(value, multiplier);
#endif
    return (high + (high >> 31) + ((int32_t)1 << (right - 1))) >> right;
}

#endif
