#ifndef TKD_DOT_PACKED_H
#define TKD_DOT_PACKED_H

#include "tkd_base.h"

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
 * their order: r0 patch, r1 and r2 four weights of either filter in the order 0, 2, 1, 3, r3 and r4
 * two words of the patch, r12 weights, r8 to r11 the sums, lr half of 2^16. */
#define TKD_ADD_LANES(total, high)                                                                 \
    "add " total ", r5\n\t"                                                                        \
    "add r5, lr\n\t"                                                                               \
    "asrs r5, r5, #16\n\t"                                                                         \
    "add " high ", r5\n\t"
#define TKD_FIRST_PAIR(weights, total, high)                                                       \
    "sxtb r5, " weights "\n\t"                                                                     \
    "muls r5, r3, r5\n\t"                                                                          \
    "lsls r6, " weights ", #8\n\t"                                                                 \
    "asrs r6, r6, #24\n\t"                                                                         \
    "muls r6, r4, r6\n\t"                                                                          \
    "adds r5, r5, r6\n\t" TKD_ADD_LANES(total, high)
#define TKD_SECOND_PAIR(weights, total, high)                                                      \
    "lsls r5, " weights ", #16\n\t"                                                                \
    "asrs r5, r5, #24\n\t"                                                                         \
    "muls r5, r3, r5\n\t"                                                                          \
    "asrs " weights ", " weights ", #24\n\t"                                                       \
    "muls " weights ", r4, " weights "\n\t"                                                        \
    "adds r5, r5, " weights "\n\t" TKD_ADD_LANES(total, high)

TKD_INLINE void tkd_dot_packed_pairs(const tkd_word *patch, const int8_t *weights, int32_t depth,
                                     tkd_lane_sums sums[2])
{
    register const tkd_word *from __asm__("r0") = patch;
    register uint32_t total_a __asm__("r1") = (uint32_t)weights;
    register uint32_t high_a __asm__("r2") = (uint32_t)(patch + depth);
    register uint32_t total_b __asm__("r3");
    register uint32_t high_b __asm__("r4");
    __asm__ volatile(
        ".syntax unified\n\t"
        "push {r2}\n\t"
        "mov r12, r1\n\t"
        "movs r5, #0\n\t"
        "mov r8, r5\n\t"
        "mov r9, r5\n\t"
        "mov r10, r5\n\t"
        "mov r11, r5\n\t"
        "movs r5, #128\n\t"
        "lsls r5, r5, #8\n\t"
        "mov lr, r5\n\t"
        "1:\n\t"
        "mov r6, r12\n\t"
        "ldmia r6!, {r1, r2}\n\t"
        "mov r12, r6\n\t"
        "ldmia r0!, {r3, r4}\n\t"
        TKD_FIRST_PAIR("r1", "r8", "r9")
        TKD_FIRST_PAIR("r2", "r10", "r11")
        "ldmia r0!, {r3, r4}\n\t"
        TKD_SECOND_PAIR("r1", "r8", "r9")
        TKD_SECOND_PAIR("r2", "r10", "r11")
        "ldr r5, [sp]\n\t"
        "cmp r0, r5\n\t"
        "bne 1b\n\t"
        "add sp, #4\n\t"
        "mov r1, r8\n\t"
        "mov r2, r9\n\t"
        "mov r3, r10\n\t"
        "mov r4, r11"
        : "+l"(from), "+l"(total_a), "+l"(high_a), "=l"(total_b), "=l"(high_b)
        :
        : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    sums[0].total = total_a;
    sums[0].high = (int32_t)high_a;
    sums[1].total = total_b;
    sums[1].high = (int32_t)high_b;
}

#undef TKD_ADD_LANES
#undef TKD_FIRST_PAIR
#undef TKD_SECOND_PAIR
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

/* sums[k] of the lanes of sum_i patch[i] * filter_k[i], for two filters.
 * patch          [depth] words
 * weights        [depth / 4, 2, 4], in the order 0, 2, 1, 3
 * lane_products  1 or 2; always a literal */
TKD_INLINE void tkd_dot_packed(const tkd_word *patch, const int8_t *weights, int32_t depth,
                               int32_t lane_products, tkd_lane_sums sums[2])
{
#if TKD_THUMB_1
    if (lane_products == 2) {
        tkd_dot_packed_pairs(patch, weights, depth, sums);
        return;
    }
#endif
    tkd_lane_sums a = {0, 0};
    tkd_lane_sums b = {0, 0};
    for (int32_t i = 0; i < depth; i += 4) {
        const uint32_t x0 = patch[0];
        const uint32_t x1 = patch[1];
        const uint32_t x2 = patch[2];
        const uint32_t x3 = patch[3];
        tkd_add_products(&a, x0, weights[0], x1, weights[2], lane_products);
        tkd_add_products(&a, x2, weights[1], x3, weights[3], lane_products);
        tkd_add_products(&b, x0, weights[4], x1, weights[6], lane_products);
        tkd_add_products(&b, x2, weights[5], x3, weights[7], lane_products);
        patch += 4;
        weights += 8;
    }
    sums[0] = a;
    sums[1] = b;
}

#endif
