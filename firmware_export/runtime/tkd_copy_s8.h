#ifndef TKD_COPY_S8_H
#define TKD_COPY_S8_H

#include "tkd_copy_run.h"

/* A box of values in two tensors: where its first value lies in each, and how far apart its
 * values lie along each dimension. */
typedef struct {
    int32_t shape[5];
    int32_t input_start;
    int32_t input_strides[5];
    int32_t output_start;
    int32_t output_strides[5];
} tkd_box;

/* output[output_start + sum i_d * output_strides[d]] = input[input_start + sum i_d *
 * input_strides[d]] for all i in shape
 * input   int8
 * output  int8, must not overlap input */
TKD_INLINE void tkd_copy_s8(const tkd_box *box, const int8_t *input, int8_t *restrict output)
{
    const int32_t *const from = box->input_strides;
    const int32_t *const to = box->output_strides;
    for (int32_t i = 0; i < box->shape[0]; ++i) {
        for (int32_t j = 0; j < box->shape[1]; ++j) {
            for (int32_t k = 0; k < box->shape[2]; ++k) {
                for (int32_t m = 0; m < box->shape[3]; ++m) {
                    const int8_t *const source = input + (box->input_start + i * from[0] +
                                                          j * from[1] + k * from[2] + m * from[3]);
                    int8_t *const target = output + (box->output_start + i * to[0] + j * to[1] +
                                                     k * to[2] + m * to[3]);
                    if (from[4] == 1 && to[4] == 1) {
                        tkd_copy_run(box->shape[4], source, target);
                    } else {
                        for (int32_t n = 0; n < box->shape[4]; ++n) {
                            target[n * to[4]] = source[n * from[4]];
                        }
                    }
                }
            }
        }
    }
}

#endif
