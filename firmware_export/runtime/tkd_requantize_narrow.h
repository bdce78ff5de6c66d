#ifndef TKD_REQUANTIZE_NARROW_H
#define TKD_REQUANTIZE_NARROW_H

#include "tkd_multiply_high_narrow.h"

/* tkd_requantize(value, multiplier, right) + offset in the common case, in six instructions.
 * value   |value| < 2^30
 * right   [1, 30]
 * offset  an int8
 * Adding half and rounding down rounds ties up; taking one from negative values first makes
 * that ties away from zero. Half is added as 1 after all but the last bit of the shift, and the
 * offset with it. */
TKD_INLINE int32_t tkd_requantize_narrow(int32_t value, int32_t multiplier, int32_t right,
                                         int32_t offset)
{
    const int32_t high = tkd_multiply_high_narrow(value, multiplier);
    return (((high + (high >> 31)) >> (right - 1)) + (1 + 2 * offset)) >> 1;
}

#endif
