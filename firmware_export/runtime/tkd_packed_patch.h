#ifndef TKD_PACKED_PATCH_H
#define TKD_PACKED_PATCH_H

#include "tkd_base.h"

#if !TKD_DSP
/* The patches of two pixels, packed: one word holds the sum of the first pixel's value and 2^16
 * times the second's, and so does its product with a weight. [depth, 2] lanes, used as words. */
#define TKD_PIXELS 2

/* The patch of a pixel, which is that of both. */
TKD_INLINE tkd_lane *tkd_patch_of(tkd_lane *patches, int32_t pixel)
{
    (void)pixel;
    return patches;
}

/* Where the word of value at of the patches lies, in lanes. */
TKD_INLINE int32_t tkd_lane_index(int32_t at)
{
    return TKD_PIXELS * at;
}

/* A word becomes the value of pixel 0, or gains that of pixel 1. */
TKD_INLINE void tkd_pack(tkd_word *word, int32_t value, int32_t pixel)
{
    *word = pixel == 0 ? (uint32_t)value : *word + ((uint32_t)value << 16);
}

/* Four words, the middle two exchanged. */
TKD_INLINE void tkd_pack_four(tkd_word *words, const int8_t *values, int32_t pixel,
                              int32_t aligned)
{
#if TKD_THUMB_1
    if (aligned) {
        /* Loading and extending a byte takes two instructions; so does a byte of a word. */
        const uint32_t bytes = *(const tkd_word *)(const void *)values;
        tkd_pack(words, (int32_t)(bytes << 24) >> 24, pixel);
        tkd_pack(words + 1, (int32_t)(bytes << 8) >> 24, pixel);
        tkd_pack(words + 2, (int32_t)(bytes << 16) >> 24, pixel);
        tkd_pack(words + 3, (int32_t)bytes >> 24, pixel);
        return;
    }
#else
    (void)aligned;
#endif
    tkd_pack(words, values[0], pixel);
    tkd_pack(words + 1, values[2], pixel);
    tkd_pack(words + 2, values[1], pixel);
    tkd_pack(words + 3, values[3], pixel);
}

/* count words become values, or gain them above; a loop, because unrolled it costs 4 KiB a network.
 * pixel  0, which comes first, or 1; always a literal */
TKD_INLINE void tkd_pack_values(tkd_word *words, const int8_t *values, int32_t count,
                                int32_t pixel, int32_t aligned)
{
    const int32_t end = count < 4 ? 0 : tkd_loop_count(count - count % 4);
    int32_t i = 0;
    for (; i < end; i += 4) {
        tkd_pack_four(words + i, values + i, pixel, aligned);
    }
    for (i = count - count % 4; i < count; ++i) {
        tkd_pack(words + i, values[i], pixel);
    }
}

/* Words at, at + 1, ... of the patches become count values, or gain them above, in the order of
 * tkd_patches.h.
 * aligned  1 when values start at a word; always a literal */
TKD_INLINE void tkd_widen_values(tkd_lane *patch, int32_t at, const int8_t *values, int32_t count,
                                 int32_t pixel, int32_t aligned)
{
    tkd_word *const words = (tkd_word *)(void *)patch + at;
    if (pixel == 0) {
        tkd_pack_values(words, values, count, 0, aligned);
    } else {
        tkd_pack_values(words, values, count, 1, aligned);
    }
}

/* Words at to at + count become value, or gain it above. */
TKD_INLINE void tkd_fill_lanes(tkd_lane *patch, int32_t at, int32_t value, int32_t count,
                               int32_t pixel)
{
    tkd_word *const words = (tkd_word *)(void *)patch + at;
    const uint32_t kept = pixel == 0 ? 0u : UINT32_MAX;
    const uint32_t lane = (uint32_t)value << (16 * pixel);
    for (int32_t i = 0; i < count; ++i) {
        words[i] = (words[i] & kept) + lane;
    }
}
#endif

#endif
