#ifndef TKD_REQUANTIZE_LITERAL_H
#define TKD_REQUANTIZE_LITERAL_H

#include "tkd_requantize.h"
#include "tkd_requantize_narrow.h"

/* What tkd_requantize gives, for |value| < 2^30 and a shift that the compiler knows: it keeps the
 * shortest of the three. */
TKD_INLINE int32_t tkd_requantize_literal(int32_t value, int32_t multiplier, int32_t right)
{
    if (right == 0) {
        return tkd_multiply_high_narrow(value, multiplier);
    }
    return right > 0 && right < 31 ? tkd_requantize_narrow(value, multiplier, right, 0)
                                   : tkd_requantize(value, multiplier, right);
}

#endif
