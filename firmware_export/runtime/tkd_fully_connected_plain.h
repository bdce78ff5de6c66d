#ifndef TKD_FULLY_CONNECTED_PLAIN_H
#define TKD_FULLY_CONNECTED_PLAIN_H

#include "tkd_base.h"

#if TKD_THUMB_1
/* sums[k] += sum_i input[i] * weights[k][i], for two output channels, with one index from
 * -length up to 0 for all three; length is at least 1. */
TKD_INLINE void tkd_two_dots(const int8_t *input, const int8_t *const weights[2], int32_t length,
                             int32_t sums[2])
{
    int32_t value = sums[0];
    int32_t weight = sums[1];
    int32_t index = -length;
    __asm__ volatile(".syntax unified\n\t"
                     "mov r8, %[value]\n\t"
                     "mov r9, %[weight]\n"
                     "1:\n\t"
                     "ldrsb %[value], [%[input], %[index]]\n\t"
                     "ldrsb %[weight], [%[a], %[index]]\n\t"
                     "muls %[weight], %[value], %[weight]\n\t"
                     "add r8, %[weight]\n\t"
                     "ldrsb %[weight], [%[b], %[index]]\n\t"
                     "muls %[weight], %[value], %[weight]\n\t"
                     "add r9, %[weight]\n\t"
                     "adds %[index], %[index], #1\n\t"
                     "bne 1b\n\t"
                     "mov %[value], r8\n\t"
                     "mov %[weight], r9"
                     : [value] "+l"(value), [weight] "+l"(weight), [index] "+l"(index)
                     : [input] "l"(input + length), [a] "l"(weights[0] + length),
                       [b] "l"(weights[1] + length)
                     : "r8", "r9", "cc", "memory");
    sums[0] = value;
    sums[1] = weight;
}
#endif

#endif
