#ifndef TKD_REQUANTIZE_LITERAL_H
#define TKD_REQUANTIZE_LITERAL_H

#include "tkd_requantize.h"
#include "tkd_requantize_narrow.h"

/* tkd_requantize(value, multiplier, right) + offset, for |value| < 2^30 and a scale that the compiler
 * knows: it keeps the shortest of the five.
 * offset  int8 */
TKD_INLINE int32_t tkd_requantize_literal(int32_t value, int32_t multiplier, int32_t right,
                                          int32_t offset)
{
    const int32_t half = (int32_t)1 << 30;
    if (multiplier == half && right == 0) {
        return ((value + 1) >> 1) + offset;
    }
    if (multiplier < half || right < 0 || right > 30) {
        return tkd_requantize(value, multiplier, right) + offset;
    }
    if (right == 0) {
        return tkd_multiply_high_narrow(value, multiplier) + offset;
    }
    if (right > 22) {
        return tkd_requantize_narrow(value, multiplier, right, tkd_narrow_rounding(right, 0)) +
               offset;
    }
    return tkd_requantize_narrow(value, multiplier, right, tkd_narrow_rounding(right, offset));
}

#endif
