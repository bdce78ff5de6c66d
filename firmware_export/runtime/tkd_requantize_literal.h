#ifndef TKD_REQUANTIZE_LITERAL_H
#define TKD_REQUANTIZE_LITERAL_H

#include "tkd_requantize.h"
#include "tkd_requantize_narrow.h"

/* What tkd_requantize gives, for |value| < 2^30 and a scale that the compiler knows: it keeps the
 * shortest of the four. */
TKD_INLINE int32_t tkd_requantize_literal(int32_t value, int32_t multiplier, int32_t right)
{
    const int32_t half = (int32_t)1 << 30;
    if (multiplier == half && right == 0) {
        return (value + 1) >> 1;
    }
    if (multiplier < half || right < 0 || right > 30) {
        return tkd_requantize(value, multiplier, right);
    }
    return right == 0 ? tkd_multiply_high_narrow(value, multiplier)
                      : tkd_requantize_narrow(value, multiplier, right,
                                              tkd_narrow_rounding(right, 0));
}

#endif
