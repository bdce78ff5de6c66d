#ifndef TKD_GATHER_S8_H
#define TKD_GATHER_S8_H

#include "tkd_copy_run.h"

typedef struct {
    int32_t batches;
    int32_t rows;
    int32_t extent;
    int32_t taken;
    int32_t run;
} tkd_gather_params;

/* output[batch][row][i] = input[batch][row][indices[batch][i]]
 * indices  [batches, taken]             each in [0, extent)
 * input    [batches, rows, extent, run] int8
 * output   [batches, rows, taken, run]  int8, must not overlap input
 * Source: tensorflow/lite/micro/kernels/gather.cc. */
TKD_INLINE void tkd_gather_s8(const tkd_gather_params *params, const int32_t *indices,
                              const int8_t *input, int8_t *restrict output)
{
    for (int32_t batch = 0; batch < params->batches; ++batch) {
        for (int32_t row = 0; row < params->rows; ++row) {
            for (int32_t i = 0; i < params->taken; ++i) {
                tkd_copy_run(params->run, input + indices[i] * params->run, output);
                output += params->run;
            }
            input += params->extent * params->run;
        }
        indices += params->taken;
    }
}

#endif
