#ifndef TKD_POOL_FOURS_H
#define TKD_POOL_FOURS_H

#include "tkd_dsp.h"
#include "tkd_window.h"

/* Taps whose sum of int8 values is sure to fit into 16 bits. */
#define TKD_POOL_TAPS 255

#if TKD_DSP
/* a + the bytes 0 and 2, sign-extended, in the two halfwords */
TKD_INLINE uint32_t tkd_add_even(uint32_t a, uint32_t bytes)
{
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2" : "=r"(sums) : "r"(a), "r"(bytes));
    return sums;
}

/* a + the bytes 1 and 3, sign-extended, in the two halfwords */
TKD_INLINE uint32_t tkd_add_odd(uint32_t a, uint32_t bytes)
{
    uint32_t sums;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sums) : "r"(a), "r"(bytes));
    return sums;
}

/* The larger of each pair of signed bytes. */
TKD_INLINE uint32_t tkd_larger_bytes(uint32_t a, uint32_t b)
{
    uint32_t larger;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b) : "cc");
    return larger;
}

/* The sums of four channels under one window of at most TKD_POOL_TAPS taps.
 * image  from the first of the channels */
TKD_INLINE void tkd_window_sums(const tkd_window *window, const tkd_taps *taps,
                                const int8_t *image, int32_t sums[4])
{
    const int32_t pixel = window->input_channels;
    uint32_t even = 0;
    uint32_t odd = 0;
    for (int32_t i = taps->origin_y + taps->first_y; i < taps->origin_y + taps->end_y; ++i) {
        const int8_t *const row = image + (i * window->input_width + taps->origin_x) * pixel;
        for (int32_t j = taps->first_x; j < taps->end_x; ++j) {
            const uint32_t bytes = tkd_load_word(row + j * pixel);
            even = tkd_add_even(even, bytes);
            odd = tkd_add_odd(odd, bytes);
        }
    }
    sums[0] = (int16_t)(even & 0xffffu);
    sums[1] = (int16_t)(odd & 0xffffu);
    sums[2] = (int32_t)even >> 16;
    sums[3] = (int32_t)odd >> 16;
}

/* The largest values of four channels under one window. */
TKD_INLINE void tkd_window_largest(const tkd_window *window, const tkd_taps *taps,
                                   const int8_t *image, int32_t largest[4])
{
    const int32_t pixel = window->input_channels;
    uint32_t four = 0x80808080u;
    for (int32_t i = taps->origin_y + taps->first_y; i < taps->origin_y + taps->end_y; ++i) {
        const int8_t *const row = image + (i * window->input_width + taps->origin_x) * pixel;
        for (int32_t j = taps->first_x; j < taps->end_x; ++j) {
            four = tkd_larger_bytes(four, tkd_load_word(row + j * pixel));
        }
    }
    for (int32_t k = 0; k < 4; ++k) {
        largest[k] = (int8_t)((four >> (8 * k)) & 0xffu);
    }
}
#endif

#endif
