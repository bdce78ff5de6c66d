#ifndef TKD_REQUANTIZE_NARROW_H
#define TKD_REQUANTIZE_NARROW_H

#include "tkd_multiply_high_narrow.h"

/* The last argument of tkd_requantize_narrow: half, and an int8 offset, both before the shift.
 * right  [1, 22]; up to 30 where offset is 0 */
TKD_INLINE int32_t tkd_narrow_rounding(int32_t right, int32_t offset)
{
    return (2 * offset + 1) * ((int32_t)1 << (right - 1));
}

/* tkd_requantize(value, multiplier, right) + offset in the common case, in four instructions.
 * value       |value| < 2^30
 * multiplier  [2^30, 2^31)
 * right       as in tkd_narrow_rounding, which gives rounding
 * Adding half and rounding down rounds ties up; taking one from negative values first makes that
 * ties away from zero. */
TKD_INLINE int32_t tkd_requantize_narrow(int32_t value, int32_t multiplier, int32_t right,
                                         int32_t rounding)
{
    const int32_t high = tkd_multiply_high_narrow(value, multiplier);
    return (high + (high >> 31) + rounding) >> right;
}

#endif
