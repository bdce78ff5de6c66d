#ifndef TKD_ADD_S8_H
#define TKD_ADD_S8_H

#include "tkd_clamp.h"
#include "tkd_requantize_narrow.h"

/* One operand: how its values are brought to the common scale, and how far apart its values lie
 * along each dimension of the output (0 where it is repeated). Right shifts are in [0, 30]. */
typedef struct {
    int32_t zero_point;
    int32_t multiplier;
    int32_t right_shift;
    int32_t strides[4];
} tkd_add_operand;

typedef struct {
    int32_t shape[4];
    int32_t zero_point;
    int32_t multiplier;
    int32_t right_shift;
    int32_t activation_min;
    int32_t activation_max;
} tkd_add_result;

/* tkd_requantize for |value| < 2^29, which no addition exceeds, and a literal shift. */
TKD_INLINE int32_t tkd_add_requantize(int32_t value, int32_t multiplier, int32_t right)
{
    return right == 0 ? tkd_multiply_high_narrow(value, multiplier)
                      : tkd_requantize_narrow(value, multiplier, right, 0);
}

/* An operand's value on the common scale, with 20 bits of fraction. */
TKD_INLINE int32_t tkd_add_scaled(const tkd_add_operand *operand, int8_t value)
{
    const int32_t centred = (value - operand->zero_point) * ((int32_t)1 << 20);
    return tkd_add_requantize(centred, operand->multiplier, operand->right_shift);
}

/* output[...] = clamp(requantize(scaled(a[...]) + scaled(b[...])) + zero_point)
 * a, b    int8, broadcast to shape
 * output  [shape] int8; may be the memory of an operand that is not repeated
 * Source: tensorflow/lite/kernels/internal/reference/integer_ops/add.h. */
TKD_INLINE void tkd_add_s8(const tkd_add_operand *left, const tkd_add_operand *right,
                           const tkd_add_result *result, const int8_t *a, const int8_t *b,
                           int8_t *output)
{
    for (int32_t i = 0; i < result->shape[0]; ++i) {
        for (int32_t j = 0; j < result->shape[1]; ++j) {
            for (int32_t k = 0; k < result->shape[2]; ++k) {
                for (int32_t m = 0; m < result->shape[3]; ++m) {
                    const int32_t at_a = i * left->strides[0] + j * left->strides[1] +
                                         k * left->strides[2] + m * left->strides[3];
                    const int32_t at_b = i * right->strides[0] + j * right->strides[1] +
                                         k * right->strides[2] + m * right->strides[3];
                    const int32_t sum =
                        tkd_add_scaled(left, a[at_a]) + tkd_add_scaled(right, b[at_b]);
                    const int32_t scaled =
                        tkd_add_requantize(sum, result->multiplier, result->right_shift);
                    *output = tkd_clamp(scaled + result->zero_point, result->activation_min,
                                        result->activation_max);
                    ++output;
                }
            }
        }
    }
}

#endif
