#ifndef TKD_DOT_PACKED_H
#define TKD_DOT_PACKED_H

#include "tkd_base.h"

#if !TKD_DSP
/* Sums of two 16-bit lanes, low and high, of words: the high ones on their own, and all of the
 * words. The low sum is what the high ones leave of the total. */
typedef struct {
    uint32_t total;
    int32_t high;
} tkd_lane_sums;

TKD_INLINE int32_t tkd_low_sum(const tkd_lane_sums *sums)
{
    return (int32_t)(sums->total - ((uint32_t)sums->high << 16));
}

/* The low lane is in [-2^15, 2^15), so that half of 2^16 added to it carries nothing. */
TKD_INLINE void tkd_add_lanes(tkd_lane_sums *sums, uint32_t lanes)
{
    sums->total += lanes;
    sums->high += (int32_t)(lanes + 0x8000u) >> 16;
}

#if TKD_THUMB_1
/* What tkd_dot_packed gives for two products, on registers named here because an LDM fills them in
 * their order: r0 patches, r1 and r2 weights of two words each, r3 and r4 two words of the patches,
 * r12 weights, r8 to r11 the sums, lr half of 2^16. */
#define TKD_ADD_LANES(total, high)                                                                 \
    "add " total ", r5\n\t"                                                                        \
    "add r5, lr\n\t"                                                                               \
    "asrs r5, r5, #16\n\t"                                                                         \
    "add " high ", r5\n\t"
#define TKD_PAIR(weights)                                                                          \
    "ldmia r0!, {r3, r4}\n\t"                                                                      \
    "sxtb r5, " weights "\n\t"                                                                     \
    "muls r5, r3, r5\n\t"                                                                          \
    "lsls r6, " weights ", #8\n\t"                                                                 \
    "asrs r6, r6, #24\n\t"                                                                         \
    "muls r6, r4, r6\n\t"                                                                          \
    "adds r5, r5, r6\n\t" TKD_ADD_LANES("r8", "r9")                                               \
    "lsls r5, " weights ", #16\n\t"                                                                \
    "asrs r5, r5, #24\n\t"                                                                         \
    "muls r5, r3, r5\n\t"                                                                          \
    "asrs " weights ", " weights ", #24\n\t"                                                       \
    "muls " weights ", r4, " weights "\n\t"                                                        \
    "adds r5, r5, " weights "\n\t" TKD_ADD_LANES("r10", "r11")
#define TKD_LOAD(registers) "mov r6, r12\n\tldmia r6!, {" registers "}\n\tmov r12, r6\n\t"
#define TKD_ONE_PAIR TKD_LOAD("r1") TKD_PAIR("r1")
#define TKD_PAIRS                                                                                  \
    "1:\n\t" TKD_LOAD("r1, r2") TKD_PAIR("r1") TKD_PAIR("r2")                                     \
    "ldr r5, [sp]\n\t"                                                                             \
    "cmp r0, r5\n\t"                                                                               \
    "bne 1b\n\t"
#define TKD_RUN(steps)                                                                             \
    __asm__ volatile(".syntax unified\n\t"                                                         \
                     "push {r2}\n\t"                                                               \
                     "mov r12, r1\n\t"                                                             \
                     "movs r5, #0\n\t"                                                             \
                     "mov r8, r5\n\t"                                                              \
                     "mov r9, r5\n\t"                                                              \
                     "mov r10, r5\n\t"                                                             \
                     "mov r11, r5\n\t"                                                             \
                     "movs r5, #128\n\t"                                                           \
                     "lsls r5, r5, #8\n\t"                                                         \
                     "mov lr, r5\n\t" steps                                                        \
                     "add sp, #4\n\t"                                                              \
                     "mov r1, r8\n\t"                                                              \
                     "mov r2, r9\n\t"                                                              \
                     "mov r3, r10\n\t"                                                             \
                     "mov r4, r11"                                                                 \
                     : "+l"(from), "+l"(total_a), "+l"(high_a), "=l"(total_b), "=l"(high_b)        \
                     :                                                                             \
                     : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory")

TKD_INLINE void tkd_dot_packed_pairs(const tkd_word *patches, const int8_t *weights, int32_t depth,
                                     tkd_lane_sums sums[2])
{
    register const tkd_word *from __asm__("r0") = patches;
    register uint32_t total_a __asm__("r1") = (uint32_t)weights;
    register uint32_t high_a __asm__("r2") = (uint32_t)(patches + depth);
    register uint32_t total_b __asm__("r3");
    register uint32_t high_b __asm__("r4");
    if (depth % 4 == 0) {
        TKD_RUN(TKD_PAIRS);
    } else if (depth > 2) {
        TKD_RUN(TKD_ONE_PAIR TKD_PAIRS);
    } else {
        TKD_RUN(TKD_ONE_PAIR);
    }
    sums[0].total = total_a;
    sums[0].high = (int32_t)high_a;
    sums[1].total = total_b;
    sums[1].high = (int32_t)high_b;
}

#undef TKD_ADD_LANES
#undef TKD_PAIR
#undef TKD_LOAD
#undef TKD_ONE_PAIR
#undef TKD_PAIRS
#undef TKD_RUN
#endif

/* The lanes of x0 * w0 + x1 * w1, to the sums. */
TKD_INLINE void tkd_add_products(tkd_lane_sums *sums, uint32_t x0, int32_t w0, uint32_t x1,
                                 int32_t w1, int32_t lane_products)
{
    const uint32_t first = x0 * (uint32_t)w0;
    const uint32_t second = x1 * (uint32_t)w1;
    if (lane_products == 2) {
        tkd_add_lanes(sums, first + second);
    } else {
        tkd_add_lanes(sums, first);
        tkd_add_lanes(sums, second);
    }
}

/* The lanes of two words of the patches times the weights of two filters, to the sums of either. */
TKD_INLINE void tkd_add_weighted(tkd_lane_sums *a, tkd_lane_sums *b, const tkd_word *patches,
                             const int8_t *weights, int32_t lane_products)
{
    const uint32_t x0 = patches[0];
    const uint32_t x1 = patches[1];
    tkd_add_products(a, x0, weights[0], x1, weights[2], lane_products);
    tkd_add_products(b, x0, weights[1], x1, weights[3], lane_products);
}

/* sums[k] of the lanes of sum_i patches[i] * filter_k[i], for two filters.
 * patches        [depth] words
 * weights        [depth, 2]
 * depth          even, at least 2
 * lane_products  how many products the sum of a lane may take in 16 bits, 1 or 2; always a literal.
 *                Products with weights 2 * i and 2 * i + 1 are added; their sum fits for any input
 *                unless all four factors may be -128 */
TKD_INLINE void tkd_dot_packed(const tkd_word *patches, const int8_t *weights, int32_t depth,
                               int32_t lane_products, tkd_lane_sums sums[2])
{
#if TKD_THUMB_1
    if (lane_products == 2) {
        tkd_dot_packed_pairs(patches, weights, depth, sums);
        return;
    }
#endif
    tkd_lane_sums a = {0, 0};
    tkd_lane_sums b = {0, 0};
    int32_t i = 0;
    for (; i + 4 <= depth; i += 4) {
        tkd_add_weighted(&a, &b, patches, weights, lane_products);
        tkd_add_weighted(&a, &b, patches + 2, weights + 4, lane_products);
        patches += 4;
        weights += 8;
    }
    if (i < depth) {
        tkd_add_weighted(&a, &b, patches, weights, lane_products);
    }
    sums[0] = a;
    sums[1] = b;
}

/* sums[k][p] = bias[k] + sum_i patch_p[i] * filter_k[i], for two channels and two pixels, of which
 * perhaps only the first is used. */
TKD_INLINE void tkd_dot_pixels(const tkd_lane *patches, const int8_t *weights, int32_t depth,
                               int32_t pixels, int32_t lane_products, const int32_t bias[2],
                               int32_t sums[2][2])
{
    tkd_lane_sums lanes[2];
    (void)pixels;
    tkd_dot_packed((const tkd_word *)(const void *)patches, weights, depth, lane_products, lanes);
    for (int32_t k = 0; k < 2; ++k) {
        sums[k][0] = bias[k] + tkd_low_sum(&lanes[k]);
        sums[k][1] = bias[k] + lanes[k].high;
    }
}
#endif

#endif
