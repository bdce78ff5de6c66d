#ifndef TKD_BROADCAST_S8_H
#define TKD_BROADCAST_S8_H

#include "tkd_base.h"

/* How far apart the values of each operand lie along each dimension of the result: 0 where the
 * operand is repeated. */
typedef struct {
    int32_t shape[4];
    int32_t strides_a[4];
    int32_t strides_b[4];
} tkd_broadcast;

/* One value of the result, from one value of each operand. */
typedef int8_t (*tkd_pair_function)(const void *params, int8_t a, int8_t b);

TKD_INLINE int32_t tkd_broadcast_index(const int32_t *strides, int32_t i, int32_t j, int32_t k,
                                       int32_t m)
{
    return i * strides[0] + j * strides[1] + k * strides[2] + m * strides[3];
}

/* output[...] = function(params, a[...], b[...])
 * function  always inlined: callers name it, and never hand on a pointer of their own
 * a, b      int8, broadcast to shape
 * output    [shape] int8; may be the memory of an operand that is not repeated */
TKD_INLINE void tkd_broadcast_s8(const tkd_broadcast *broadcast, tkd_pair_function function,
                                 const void *params, const int8_t *a, const int8_t *b,
                                 int8_t *output)
{
    for (int32_t i = 0; i < broadcast->shape[0]; ++i) {
        for (int32_t j = 0; j < broadcast->shape[1]; ++j) {
            for (int32_t k = 0; k < broadcast->shape[2]; ++k) {
                for (int32_t m = 0; m < broadcast->shape[3]; ++m) {
                    const int32_t at_a = tkd_broadcast_index(broadcast->strides_a, i, j, k, m);
                    const int32_t at_b = tkd_broadcast_index(broadcast->strides_b, i, j, k, m);
                    *output = function(params, a[at_a], b[at_b]);
                    ++output;
                }
            }
        }
    }
}

#endif
