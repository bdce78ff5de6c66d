#ifndef TKD_ADD_S8_H
#define TKD_ADD_S8_H

#include "tkd_add_pair.h"
#include "tkd_broadcast_s8.h"

/* output[...] = clamp(requantize(scaled(a[...]) + scaled(b[...])) + zero_point), or with a minus
 * a, b    int8, broadcast to shape
 * output  [shape] int8; may be the memory of an operand that is not repeated
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/add.h and ../sub.h. */
TKD_INLINE void tkd_add_s8(const tkd_broadcast *broadcast, const tkd_add_params *params,
                           const int8_t *a, const int8_t *b, int8_t *output)
{
    tkd_broadcast_s8(broadcast, tkd_add_pair, params, a, b, output);
}

#endif
