#ifndef TKD_ARG_MAX_S8_H
#define TKD_ARG_MAX_S8_H

#include "tkd_base.h"

/* outer, inner  sizes of the dimensions before and after the one that is searched */
typedef struct {
    int32_t outer;
    int32_t depth;
    int32_t inner;
} tkd_arg_max_params;

/* output[o][i] = the index of the largest of input[o][...][i], the first of equals
 * input   [outer, depth, inner] int8
 * output  [outer, inner] int32
 * Source: tensorflow/lite/kernels/internal/reference/arg_min_max.h. */
TKD_INLINE void tkd_arg_max_s8(const tkd_arg_max_params *params, const int8_t *input,
                               int32_t *output)
{
    for (int32_t o = 0; o < params->outer; ++o) {
        for (int32_t i = 0; i < params->inner; ++i) {
            const int8_t *const x = input + o * params->depth * params->inner + i;
            int32_t largest = 0;
            for (int32_t d = 1; d < params->depth; ++d) {
                largest = x[d * params->inner] > x[largest * params->inner] ? d : largest;
            }
            *output = largest;
            ++output;
        }
    }
}

#endif
