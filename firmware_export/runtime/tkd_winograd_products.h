#ifndef TKD_WINOGRAD_PRODUCTS_H
#define TKD_WINOGRAD_PRODUCTS_H

#include "tkd_winograd.h"

/* For each of 16 positions the sums over all input channels, of two tiles by two outputs.
 * inputs   [16, quads, 2, 2] words, see tkd_winograd_inputs
 * filters  [16, quads, 2, 2] words, see tkd_winograd_filters
 * to       [16, 2, 2] sums: output, tile */
TKD_SHARED void tkd_winograd_products(int32_t quads, const tkd_word *inputs,
                                      const tkd_word *filters, tkd_sum *to)
{
#if TKD_DSP
    const tkd_sum *const end = to + 4 * TKD_WINOGRAD_POSITIONS;
    while (to != end) {
        const tkd_word *const last = inputs + 4 * quads;
        int32_t s00 = 0;
        int32_t s10 = 0;
        int32_t s01 = 0;
        int32_t s11 = 0;
        uint32_t f0, f1;
        /* One LDM brings two tiles of four channels, which a compiler makes two LDRD of. */
#define TKD_STEP                                                                                   \
    "ldmia %[v]!, {r4, r5, r6, r8}\n\t"                                                            \
    "ldrd %[f0], %[f1], [%[u]], #8\n\t"                                                            \
    "smlad %[s00], r4, %[f0], %[s00]\n\t"                                                          \
    "smlad %[s10], r5, %[f0], %[s10]\n\t"                                                          \
    "smlad %[s01], r4, %[f1], %[s01]\n\t"                                                          \
    "smlad %[s11], r5, %[f1], %[s11]\n\t"                                                          \
    "ldrd %[f0], %[f1], [%[u]], #8\n\t"                                                            \
    "smlad %[s00], r6, %[f0], %[s00]\n\t"                                                          \
    "smlad %[s10], r8, %[f0], %[s10]\n\t"                                                          \
    "smlad %[s01], r6, %[f1], %[s01]\n\t"                                                          \
    "smlad %[s11], r8, %[f1], %[s11]\n\t"
#define TKD_OPERANDS                                                                               \
    [s00] "+r"(s00), [s10] "+r"(s10), [s01] "+r"(s01), [s11] "+r"(s11), [v] "+r"(inputs),          \
        [u] "+r"(filters), [f0] "=&r"(f0), [f1] "=&r"(f1)
        if (quads % 2 != 0) {
            __asm__ volatile(TKD_STEP : TKD_OPERANDS : : "r4", "r5", "r6", "r8", "memory");
        }
        if (quads >= 2) {
            __asm__ volatile("1:\n\t" TKD_STEP TKD_STEP "cmp %[v], %[last]\n\tbne 1b"
                             : TKD_OPERANDS
                             : [last] "r"(last)
                             : "r4", "r5", "r6", "r8", "cc", "memory");
        }
#undef TKD_OPERANDS
#undef TKD_STEP
        to[0] = s00;
        to[1] = s10;
        to[2] = s01;
        to[3] = s11;
        to += 4;
    }
#else
    for (int32_t position = 0; position < TKD_WINOGRAD_POSITIONS; ++position) {
        for (int32_t i = 0; i < 4; ++i) {
            int32_t sum = 0;
            for (int32_t pair = 0; pair < 2 * quads; ++pair) {
                const uint32_t v = inputs[2 * pair + (i & 1)];
                const uint32_t u = filters[2 * pair + (i >> 1)];
                sum += (int16_t)(v & 0xffffu) * (int16_t)(u & 0xffffu) +
                       (int16_t)(v >> 16) * (int16_t)(u >> 16);
            }
            *to++ = sum;
        }
        inputs += 4 * quads;
        filters += 4 * quads;
    }
#endif
}

#endif
