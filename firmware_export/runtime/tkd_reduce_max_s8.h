#ifndef TKD_REDUCE_MAX_S8_H
#define TKD_REDUCE_MAX_S8_H

#include "tkd_reduction.h"

/* The largest of what is reduced to one output value. */
TKD_INLINE int8_t tkd_max_of(const tkd_reduction *reduction, const int8_t *input)
{
    const int32_t *const strides = reduction->reduced_strides;
    int8_t largest = INT8_MIN;
    for (int32_t i = 0; i < reduction->reduced[0]; ++i) {
        for (int32_t j = 0; j < reduction->reduced[1]; ++j) {
            for (int32_t k = 0; k < reduction->reduced[2]; ++k) {
                const int8_t value = input[i * strides[0] + j * strides[1] + k * strides[2]];
                largest = value > largest ? value : largest;
            }
        }
    }
    return largest;
}

/* output[kept] = max over reduced of input; both sides have the same quantization
 * input   int8
 * output  [kept] int8, must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/reduce.h, ReduceGeneric. */
TKD_INLINE void tkd_reduce_max_s8(const tkd_reduction *reduction, const int8_t *input,
                                  int8_t *restrict output)
{
    const int32_t *const strides = reduction->kept_strides;
    for (int32_t i = 0; i < reduction->kept[0]; ++i) {
        for (int32_t j = 0; j < reduction->kept[1]; ++j) {
            for (int32_t k = 0; k < reduction->kept[2]; ++k) {
                *output = tkd_max_of(reduction,
                                     input + (i * strides[0] + j * strides[1] + k * strides[2]));
                ++output;
            }
        }
    }
}

#endif
