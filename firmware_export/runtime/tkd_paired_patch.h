#ifndef TKD_PAIRED_PATCH_H
#define TKD_PAIRED_PATCH_H

#include "tkd_dsp.h"

#if TKD_DSP
/* The patches of four pixels as halfwords, a pair of lanes of each in turn: [depth / 2, 4, 2]. */
#define TKD_PIXELS 4

/* The patch of a pixel, of those that lie side by side. */
TKD_INLINE tkd_lane *tkd_patch_of(tkd_lane *patches, int32_t pixel)
{
    return patches + 2 * pixel;
}

/* Where lane at of a patch lies, counted from the first lane of that patch. */
TKD_INLINE int32_t tkd_lane_index(int32_t at)
{
    return (at >> 1) * (2 * TKD_PIXELS) + (at & 1);
}

/* Lanes at, at + 1, ... of the patch of a pixel become count values, in the order of tkd_patches.h;
 * at is even.
 * pixel, aligned  of no use here */
TKD_INLINE void tkd_widen_values(tkd_lane *patch, int32_t at, const int8_t *values, int32_t count,
                                 int32_t pixel, int32_t aligned)
{
    tkd_lane *to = patch + tkd_lane_index(at);
    int32_t i = 0;
    (void)pixel;
    (void)aligned;
    for (; i + 4 <= count; i += 4) {
        const uint32_t bytes = tkd_load_word(values + i);
        *(tkd_word *)(void *)to = tkd_widen_even(bytes);
        *(tkd_word *)(void *)(to + 2 * TKD_PIXELS) = tkd_widen_odd(bytes);
        to += tkd_lane_index(4);
    }
    for (int32_t left = 0; i < count; ++i, ++left) {
        to[tkd_lane_index(left)] = values[i];
    }
}

/* Lanes at to at + count, both even, of the patch of a pixel become value. */
TKD_INLINE void tkd_fill_lanes(tkd_lane *patch, int32_t at, int32_t value, int32_t count,
                               int32_t pixel)
{
    const uint32_t pair = ((uint32_t)value & 0xffffu) | ((uint32_t)value << 16);
    tkd_lane *to = patch + tkd_lane_index(at);
    (void)pixel;
    for (int32_t i = 0; i < count; i += 2) {
        *(tkd_word *)(void *)to = pair;
        to += tkd_lane_index(2);
    }
}
#endif

#endif
