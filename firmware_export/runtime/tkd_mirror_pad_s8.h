#ifndef TKD_MIRROR_PAD_S8_H
#define TKD_MIRROR_PAD_S8_H

#include "tkd_base.h"

/* before  values in front along each dimension
 * edge    1 when the outermost value is not repeated (REFLECT), 0 when it is (SYMMETRIC) */
typedef struct {
    int32_t input_shape[5];
    int32_t output_shape[5];
    int32_t before[5];
    int32_t edge;
} tkd_mirror_pad_params;

/* Where the value at an output position comes from, along one dimension. */
TKD_INLINE int32_t tkd_mirrored(const tkd_mirror_pad_params *params, int32_t axis, int32_t position)
{
    const int32_t size = params->input_shape[axis];
    const int32_t inside = position - params->before[axis];
    if (inside < 0) {
        return params->edge - 1 - inside;
    }
    return inside < size ? inside : 2 * size - 1 - params->edge - inside;
}

/* output[i][j][k][m][n] = input[...] at the position mirrored at the borders of the input
 * input   [input_shape]   int8
 * output  [output_shape]  int8, must not overlap input
 * Source: tensorflow/lite/micro/kernels/mirror_pad.cc. */
TKD_INLINE void tkd_mirror_pad_s8(const tkd_mirror_pad_params *params, const int8_t *input,
                                  int8_t *restrict output)
{
    const int32_t *const from = params->input_shape;
    const int32_t *const to = params->output_shape;
    for (int32_t i = 0; i < to[0]; ++i) {
        const int32_t at_i = tkd_mirrored(params, 0, i);
        for (int32_t j = 0; j < to[1]; ++j) {
            const int32_t at_j = at_i * from[1] + tkd_mirrored(params, 1, j);
            for (int32_t k = 0; k < to[2]; ++k) {
                const int32_t at_k = at_j * from[2] + tkd_mirrored(params, 2, k);
                for (int32_t m = 0; m < to[3]; ++m) {
                    const int32_t at_m = at_k * from[3] + tkd_mirrored(params, 3, m);
                    for (int32_t n = 0; n < to[4]; ++n) {
                        *output = input[at_m * from[4] + tkd_mirrored(params, 4, n)];
                        ++output;
                    }
                }
            }
        }
    }
}

#endif
