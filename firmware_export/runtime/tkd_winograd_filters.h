#ifndef TKD_WINOGRAD_FILTERS_H
#define TKD_WINOGRAD_FILTERS_H

#include "tkd_winograd.h"

/* G g of one column, or of one row: three values become four, each a stride apart. */
TKD_INLINE void tkd_winograd_spread(const uint32_t *g, int32_t stride, uint32_t spread[4])
{
    const uint32_t outer = tkd_add_pairs(g[0], g[2 * stride]);
    spread[0] = tkd_add_pairs(g[0], g[0]);
    spread[1] = tkd_add_pairs(outer, g[stride]);
    spread[2] = tkd_subtract_pairs(outer, g[stride]);
    spread[3] = tkd_add_pairs(g[2 * stride], g[2 * stride]);
}

/* G g G^T of two input channels of one filter.
 * taps  [9, 4] int8: the filter, four channels side by side
 * to    the first of 16 words, stride apart */
TKD_INLINE void tkd_winograd_filter(const int8_t *taps, int32_t odd, tkd_word *to, int32_t stride)
{
    uint32_t columns[3][4];
    for (int32_t x = 0; x < 3; ++x) {
        uint32_t column[3];
        for (int32_t y = 0; y < 3; ++y) {
            column[y] = tkd_channel_pair(taps + 4 * (3 * y + x), odd);
        }
        tkd_winograd_spread(column, 1, columns[x]);
    }
    for (int32_t y = 0; y < 4; ++y) {
        uint32_t row[4];
        tkd_winograd_spread(&columns[0][y], 4, row);
        for (int32_t x = 0; x < 4; ++x) {
            to[(4 * y + x) * stride] = row[x];
        }
    }
}

/* The filters of two output channels.
 * weights  [quads, 2, 9, 4] int8, aligned to 4 bytes
 * to       [16, quads, 2, 2] words: for each position and two input channels, two outputs */
TKD_INLINE void tkd_winograd_filters(const tkd_winograd_shape *shape, const int8_t *weights,
                                     tkd_word *to)
{
    /* One loop over quads and outputs: with the outputs unrolled it would be twice as long. */
    for (int32_t i = 0; i < 2 * shape->quads; ++i) {
        tkd_word *const at = to + 4 * (i >> 1) + (i & 1);
        tkd_winograd_filter(weights, 0, at, 4 * shape->quads);
        tkd_winograd_filter(weights, 1, at + 2, 4 * shape->quads);
        weights += 36;
    }
}

#endif
