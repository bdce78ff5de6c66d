#ifndef TKD_MULTIPLY_HIGH_SHORT_H
#define TKD_MULTIPLY_HIGH_SHORT_H

#include "tkd_base.h"

#if TKD_THUMB_1
/* What tkd_multiply_high gives, for |a| < 2^30 and b >= 0, on a core that would call a function for
 * a product of 64 bits. Twice a times b is
 *     (a_high * b_high << 32) + ((a_high * b_low + a_low * b_high) << 16) + a_low * b_low
 * in halfwords of which the low ones are unsigned. What is below 2^16 changes nothing, no sum
 * leaves 32 bits, and the last shift leaves the bit that rounds in the carry. */
TKD_INLINE int32_t tkd_multiply_high_short(int32_t a, int32_t b)
{
    uint32_t middle, cross, low;
    __asm__(".syntax unified\n\t"
            "lsls %[a], %[a], #1\n\t"
            "uxth %[middle], %[a]\n\t"
            "asrs %[a], %[a], #16\n\t"
            "uxth %[cross], %[b]\n\t"
            "lsrs %[b], %[b], #16\n\t"
            "movs %[low], %[middle]\n\t"
            "muls %[low], %[cross], %[low]\n\t"
            "muls %[cross], %[a], %[cross]\n\t"
            "lsrs %[low], %[low], #16\n\t"
            "adds %[cross], %[cross], %[low]\n\t"
            "muls %[middle], %[b], %[middle]\n\t"
            "muls %[a], %[b], %[a]\n\t"
            "uxth %[low], %[cross]\n\t"
            "adds %[middle], %[middle], %[low]\n\t"
            "asrs %[cross], %[cross], #16\n\t"
            "adds %[a], %[a], %[cross]\n\t"
            "lsrs %[middle], %[middle], #16\n\t"
            "adcs %[a], %[middle]"
            : [a] "+l"(a), [b] "+l"(b), [middle] "=&l"(middle), [cross] "=&l"(cross),
              [low] "=&l"(low)
            :
            : "cc");
    return a;
}
#endif

#endif
