#ifndef TKD_FULLY_CONNECTED_PLAIN_H
#define TKD_FULLY_CONNECTED_PLAIN_H

#include "tkd_base.h"

#if !TKD_DSP
/* What tkd_dot_fours gives, for cores that multiply one pair of values in an instruction. */
TKD_INLINE void tkd_dot_fours_plain(const int8_t *input, const int8_t *weights, int32_t fours,
                                    int32_t sums[4])
{
#if TKD_THUMB_1
    /* r0 input, r1 weights, r2 and r3 two inputs, r4 and r5 their weights, r8 to r11 the sums, r12
     * end of the input. */
    register const int8_t *from __asm__("r0") = input;
    register const int8_t *w __asm__("r1") = weights;
    register int32_t s0 __asm__("r2") = sums[0];
    register int32_t s1 __asm__("r3") = sums[1];
    register int32_t s2 __asm__("r4") = sums[2];
    register int32_t s3 __asm__("r5") = sums[3];
    register const int8_t *end __asm__("r6") = input + 4 * fours;
#define TKD_TWO_CHANNELS(weights, first, second)                                                   \
    "sxtb r6, " weights "\n\tmuls r6, r2, r6\n\tadd " first ", r6\n\t"                            \
    "lsls r6, " weights ", #8\n\tasrs r6, r6, #24\n\tmuls r6, r3, r6\n\tadd " first ", r6\n\t"    \
    "lsls r6, " weights ", #16\n\tasrs r6, r6, #24\n\tmuls r6, r2, r6\n\tadd " second ", r6\n\t"  \
    "asrs r6, " weights ", #24\n\tmuls r6, r3, r6\n\tadd " second ", r6\n\t"
#define TKD_TWO_INPUTS(first, second)                                                              \
    "movs r6, #" first "\n\tldrsb r2, [r0, r6]\n\t"                                              \
    "movs r6, #" second "\n\tldrsb r3, [r0, r6]\n\t"                                             \
    "ldmia r1!, {r4, r5}\n\t"                                                                     \
    TKD_TWO_CHANNELS("r4", "r8", "r9") TKD_TWO_CHANNELS("r5", "r10", "r11")
    __asm__ volatile(".syntax unified\n\t"
                     "mov r8, r2\n\tmov r9, r3\n\tmov r10, r4\n\tmov r11, r5\n\tmov r12, r6\n"
                     "1:\n\t" TKD_TWO_INPUTS("0", "2") TKD_TWO_INPUTS("1", "3")
                     "adds r0, #4\n\t"
                     "cmp r0, r12\n\t"
                     "bne 1b\n\t"
                     "mov r2, r8\n\tmov r3, r9\n\tmov r4, r10\n\tmov r5, r11"
                     : "+l"(from), "+l"(w), "+l"(s0), "+l"(s1), "+l"(s2), "+l"(s3), "+l"(end)
                     :
                     : "r8", "r9", "r10", "r11", "r12", "cc", "memory");
#undef TKD_TWO_INPUTS
#undef TKD_TWO_CHANNELS
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
#else
    for (int32_t i = 0; i < 2 * fours; ++i) {
        const int32_t x0 = input[i + i / 2 * 2];
        const int32_t x1 = input[i + i / 2 * 2 + 2];
        sums[0] += x0 * weights[0] + x1 * weights[2];
        sums[1] += x0 * weights[1] + x1 * weights[3];
        sums[2] += x0 * weights[4] + x1 * weights[6];
        sums[3] += x0 * weights[5] + x1 * weights[7];
        weights += 8;
    }
#endif
}
#endif

#endif
