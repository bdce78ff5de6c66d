#ifndef TKD_MAXIMUM_S8_H
#define TKD_MAXIMUM_S8_H

#include "tkd_broadcast_s8.h"

TKD_INLINE int8_t tkd_maximum_pair(const void *params, int8_t a, int8_t b)
{
    (void)params;
    return a > b ? a : b;
}

TKD_INLINE int8_t tkd_minimum_pair(const void *params, int8_t a, int8_t b)
{
    (void)params;
    return a < b ? a : b;
}

/* output[...] = max(a[...], b[...]), or min; all on the same scale
 * a, b    int8, broadcast to shape
 * output  [shape] int8; may be the memory of an operand that is not repeated
 * Source: tensorflow/lite/kernels/internal/reference/maximum_minimum.h. */
TKD_INLINE void tkd_maximum_s8(const tkd_broadcast *broadcast, int32_t take_min, const int8_t *a,
                               const int8_t *b, int8_t *output)
{
    if (take_min) {
        tkd_broadcast_s8(broadcast, tkd_minimum_pair, broadcast, a, b, output);
    } else {
        tkd_broadcast_s8(broadcast, tkd_maximum_pair, broadcast, a, b, output);
    }
}

#endif
