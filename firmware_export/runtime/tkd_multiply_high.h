#ifndef TKD_MULTIPLY_HIGH_H
#define TKD_MULTIPLY_HIGH_H

#include "tkd_base.h"

/* round(a * b / 2^31), ties up. Only a = b = -2^31 overflows.
 * Source: gemmlowp SaturatingRoundingDoublingHighMul, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

#endif
