#ifndef TKD_BROADCAST_S8_H
#define TKD_BROADCAST_S8_H

#include "tkd_pair_function.h"

/* How far apart the values of each operand lie along each dimension of the result: 0 where the
 * operand is repeated. */
typedef struct {
    int32_t shape[4];
    int32_t strides_a[4];
    int32_t strides_b[4];
} tkd_broadcast;

TKD_INLINE int32_t tkd_broadcast_index(const int32_t *strides, int32_t i, int32_t j, int32_t k)
{
    return i * strides[0] + j * strides[1] + k * strides[2];
}

/* One row of the result, four values at a time.
 * step_a, step_b  from one value of an operand to the next */
TKD_INLINE void tkd_broadcast_row(int32_t length, int32_t step_a, int32_t step_b,
                                  tkd_pair_function function, const void *params, const int8_t *a,
                                  const int8_t *b, int8_t *output)
{
    int32_t i = 0;
    for (; i + 4 <= length; i += 4) {
        output[i] = function(params, a[i * step_a], b[i * step_b]);
        output[i + 1] = function(params, a[(i + 1) * step_a], b[(i + 1) * step_b]);
        output[i + 2] = function(params, a[(i + 2) * step_a], b[(i + 2) * step_b]);
        output[i + 3] = function(params, a[(i + 3) * step_a], b[(i + 3) * step_b]);
    }
    for (; i < length; ++i) {
        output[i] = function(params, a[i * step_a], b[i * step_b]);
    }
}

/* output[...] = function(params, a[...], b[...])
 * function  always inlined: callers name it, and never hand on a pointer of their own
 * a, b      int8, broadcast to shape
 * output    [shape] int8; may be the memory of an operand that is not repeated */
TKD_INLINE void tkd_broadcast_s8(const tkd_broadcast *broadcast, tkd_pair_function function,
                                 const void *params, const int8_t *a, const int8_t *b,
                                 int8_t *output)
{
    const int32_t length = broadcast->shape[3];
    for (int32_t i = 0; i < broadcast->shape[0]; ++i) {
        for (int32_t j = 0; j < broadcast->shape[1]; ++j) {
            for (int32_t k = 0; k < broadcast->shape[2]; ++k) {
                tkd_broadcast_row(length, broadcast->strides_a[3], broadcast->strides_b[3],
                                  function, params,
                                  a + tkd_broadcast_index(broadcast->strides_a, i, j, k),
                                  b + tkd_broadcast_index(broadcast->strides_b, i, j, k), output);
                output += length;
            }
        }
    }
}

#endif
