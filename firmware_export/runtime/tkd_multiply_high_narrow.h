#ifndef TKD_MULTIPLY_HIGH_NARROW_H
#define TKD_MULTIPLY_HIGH_NARROW_H

#include "tkd_multiply_high_short.h"

/* What tkd_multiply_high gives, for |a| < 2^30 and b in [2^30, 2^31), in one instruction where there
 * is SMMLAR: with m = 2 * b - 2^32, which is 2 * b as a signed word, it is
 * round(a + a * m / 2^32). Elsewhere the highest bit of the low word rounds. */
TKD_INLINE int32_t tkd_multiply_high_narrow(int32_t a, int32_t b)
{
#if TKD_DSP
    int32_t high;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(high) : "r"(a), "r"((uint32_t)b << 1));
    return high;
#elif TKD_THUMB_1
    return tkd_multiply_high_short(a, b);
#else
    const int64_t product = (int64_t)(a * 2) * b;
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
#endif
}

#endif
