#ifndef TKD_PAIRS_H
#define TKD_PAIRS_H

#include "tkd_base.h"

/* a + b, and a - b, of each of two int16. */
TKD_INLINE uint32_t tkd_add_pairs(uint32_t a, uint32_t b)
{
#if TKD_DSP
    uint32_t sum;
    __asm__("sadd16 %0, %1, %2" : "=r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return ((a + b) & 0xffffu) | (((a >> 16) + (b >> 16)) << 16);
#endif
}

TKD_INLINE uint32_t tkd_subtract_pairs(uint32_t a, uint32_t b)
{
#if TKD_DSP
    uint32_t difference;
    __asm__("ssub16 %0, %1, %2" : "=r"(difference) : "r"(a), "r"(b));
    return difference;
#else
    return ((a - b) & 0xffffu) | (((a >> 16) - (b >> 16)) << 16);
#endif
}

#endif
