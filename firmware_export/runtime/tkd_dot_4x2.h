#ifndef TKD_DOT_4X2_H
#define TKD_DOT_4X2_H

#include "tkd_dsp.h"

#if TKD_DSP
/* sums[k][p] += sum_i patch_p[i] * filter_k[i], for two output channels and one pixel of four.
 * patch    of the pixel, its pairs of lanes four pairs apart
 * weights  [depth, 2]: the byte extension makes of two lanes a pair of each channel
 * depth    even */
TKD_INLINE void tkd_dot_1x2(const tkd_lane *patch, const int8_t *weights, int32_t depth,
                            int32_t sums[2])
{
    for (int32_t i = 0; i < depth; i += 2) {
        const uint32_t x = *(const tkd_word *)(const void *)(patch + 4 * i);
        const uint32_t w = tkd_load_word(weights + 2 * i);
        sums[0] = tkd_multiply_pairs(x, tkd_widen_even(w), sums[0]);
        sums[1] = tkd_multiply_pairs(x, tkd_widen_odd(w), sums[1]);
    }
}

/* The same for all four pixels, whose patches lie side by side: [depth / 2, 4, 2] lanes. */
TKD_INLINE void tkd_dot_4x2(const tkd_lane *patches, const int8_t *weights, int32_t depth,
                            int32_t sums[2][4])
{
    /* A pair of lanes: 16 multiplications in 13 instructions. They take all fourteen registers, for
     * eight sums, a pair of each channel and of two pixels, and two addresses. r7 may be a frame
     * pointer: it and the end of the loop lie on the stack meanwhile. No compiler finds this
     * without spilling sums. */
    register const int8_t *w __asm__("r0") = weights;
    register const tkd_lane *x __asm__("r1") = patches;
    register int32_t s00 __asm__("r2") = sums[0][0];
    register int32_t s01 __asm__("r3") = sums[0][1];
    register int32_t s02 __asm__("r4") = sums[0][2];
    register int32_t s03 __asm__("r5") = sums[0][3];
    register int32_t s10 __asm__("r6") = sums[1][0];
    register int32_t s11 __asm__("r8") = sums[1][1];
    register int32_t s12 __asm__("r9") = sums[1][2];
    register int32_t s13 __asm__("r10") = sums[1][3];
    register uint32_t x0 __asm__("r11");
    register uint32_t w0 __asm__("r12");
    register const tkd_lane *w1 __asm__("lr") = patches + 4 * depth;
#define TKD_PAIR                                                                                   \
    "ldr %[w1], [%[w]], #4\n\t"                                                                    \
    "ldrd %[x0], r7, [%[x]], #8\n\t"                                                              \
    "sxtb16 %[w0], %[w1]\n\t"                                                                      \
    "sxtb16 %[w1], %[w1], ror #8\n\t"                                                              \
    "smlad %[s00], %[x0], %[w0], %[s00]\n\t"                                                       \
    "smlad %[s10], %[x0], %[w1], %[s10]\n\t"                                                       \
    "smlad %[s01], r7, %[w0], %[s01]\n\t"                                                         \
    "smlad %[s11], r7, %[w1], %[s11]\n\t"                                                         \
    "ldrd %[x0], r7, [%[x]], #8\n\t"                                                              \
    "smlad %[s02], %[x0], %[w0], %[s02]\n\t"                                                       \
    "smlad %[s12], %[x0], %[w1], %[s12]\n\t"                                                       \
    "smlad %[s03], r7, %[w0], %[s03]\n\t"                                                         \
    "smlad %[s13], r7, %[w1], %[s13]\n\t"
#define TKD_RUN(first, repeated)                                                                   \
    __asm__ volatile("push {r7, %[w1]}\n\t" first "1:\n\t" repeated                                \
                     "ldr %[w0], [sp, #4]\n\tcmp %[x], %[w0]\n\tbne 1b\n\tldr r7, [sp], #8"         \
                     : [s00] "+r"(s00), [s01] "+r"(s01), [s02] "+r"(s02), [s03] "+r"(s03),         \
                       [s10] "+r"(s10), [s11] "+r"(s11), [s12] "+r"(s12), [s13] "+r"(s13),         \
                       [w] "+r"(w), [x] "+r"(x), [w1] "+r"(w1), [w0] "=&r"(w0), [x0] "=&r"(x0)     \
                     :                                                                             \
                     : "cc", "memory")
    if (depth % 8 == 0) {
        TKD_RUN("", TKD_PAIR TKD_PAIR TKD_PAIR TKD_PAIR);
    } else if (depth % 4 == 0) {
        TKD_RUN("", TKD_PAIR TKD_PAIR);
    } else if (depth > 2) {
        TKD_RUN(TKD_PAIR, TKD_PAIR TKD_PAIR);
    } else {
        TKD_RUN("", TKD_PAIR);
    }
#undef TKD_RUN
#undef TKD_PAIR
    sums[0][0] = s00, sums[0][1] = s01, sums[0][2] = s02, sums[0][3] = s03;
    sums[1][0] = s10, sums[1][1] = s11, sums[1][2] = s12, sums[1][3] = s13;
}

/* sums[k][p] = bias[k] + sum_i patch_p[i] * filter_k[i], for two channels and up to four pixels.
 * lane_products  of no use here */
TKD_INLINE void tkd_dot_pixels(const tkd_lane *patches, const int8_t *weights, int32_t depth,
                               int32_t pixels, int32_t lane_products, const int32_t bias[2],
                               int32_t sums[2][4])
{
    (void)lane_products;
    for (int32_t k = 0; k < 2; ++k) {
        sums[k][0] = sums[k][1] = sums[k][2] = sums[k][3] = bias[k];
    }
    if (pixels == 4) {
        tkd_dot_4x2(patches, weights, depth, sums);
        return;
    }
    for (int32_t pixel = 0; pixel < pixels; ++pixel) {
        int32_t pair[2] = {bias[0], bias[1]};
        tkd_dot_1x2(patches + 2 * pixel, weights, depth, pair);
        sums[0][pixel] = pair[0];
        sums[1][pixel] = pair[1];
    }
}
#endif

#endif
