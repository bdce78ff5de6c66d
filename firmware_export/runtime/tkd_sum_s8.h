#ifndef TKD_SUM_S8_H
#define TKD_SUM_S8_H

#include "tkd_clamp.h"
#include "tkd_reduction.h"
#include "tkd_requantize.h"

/* start                    -input_zero_point * number of values in a sum
 * multiplier, right_shift  input_scale / output_scale; over the number of values for a mean */
typedef struct {
    int32_t start;
    int32_t output_zero_point;
    int32_t multiplier;
    int32_t right_shift;
} tkd_sum_scale;

/* What is reduced to one output value, with start. */
TKD_INLINE int32_t tkd_sum_of(const tkd_reduction *reduction, int32_t start, const int8_t *input)
{
    const int32_t *const strides = reduction->reduced_strides;
    int32_t sum = start;
    for (int32_t i = 0; i < reduction->reduced[0]; ++i) {
        for (int32_t j = 0; j < reduction->reduced[1]; ++j) {
            for (int32_t k = 0; k < reduction->reduced[2]; ++k) {
                sum += input[i * strides[0] + j * strides[1] + k * strides[2]];
            }
        }
    }
    return sum;
}

/* output[kept] = clamp(requantize(sum over reduced of (input - input_zero_point)) +
 * output_zero_point)
 * input   int8
 * output  [kept] int8, must not overlap input
 * Source: tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum. */
TKD_INLINE void tkd_sum_s8(const tkd_reduction *reduction, const tkd_sum_scale *scale,
                           const int8_t *input, int8_t *restrict output)
{
    const int32_t *const strides = reduction->kept_strides;
    for (int32_t i = 0; i < reduction->kept[0]; ++i) {
        for (int32_t j = 0; j < reduction->kept[1]; ++j) {
            for (int32_t k = 0; k < reduction->kept[2]; ++k) {
                const int32_t sum =
                    tkd_sum_of(reduction, scale->start,
                               input + (i * strides[0] + j * strides[1] + k * strides[2]));
                const int32_t value = tkd_requantize(sum, scale->multiplier, scale->right_shift);
                *output = tkd_clamp(value + scale->output_zero_point, INT8_MIN, INT8_MAX);
                ++output;
            }
        }
    }
}

#endif
