#ifndef TKD_ROUNDING_SHIFT_RIGHT_H
#define TKD_ROUNDING_SHIFT_RIGHT_H

#include "tkd_base.h"

/* round(value / 2^right), ties away from zero. Twin: numerics.rounding_shift_right.
 * right  [0, 31]
 * Source: gemmlowp RoundingDivideByPOT, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_rounding_shift_right(int32_t value, int32_t right)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << right) - 1u);
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> right) + ((value & mask) > threshold ? 1 : 0);
}

#endif
