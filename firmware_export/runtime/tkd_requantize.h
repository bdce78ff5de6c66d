#ifndef TKD_REQUANTIZE_H
#define TKD_REQUANTIZE_H

#include "tkd_multiply_high.h"
#include "tkd_rounding_shift_right.h"

/* round(value * multiplier * 2^(-31 - right)), rounded twice. Twin: numerics.requantize.
 * value       any int32 with |value * 2^max(-right, 0)| < 2^31
 * multiplier  Q31 in [0, 2^31 - 1]
 * right       [-30, 31]; negative shifts left
 * Source: TFLite MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING off,
 *         tensorflow/lite/kernels/internal/common.cc. */
TKD_INLINE int32_t tkd_requantize(int32_t value, int32_t multiplier, int32_t right)
{
    const int32_t left = right < 0 ? -right : 0;
    const int32_t high = tkd_multiply_high(value * ((int32_t)1 << left), multiplier);
    return tkd_rounding_shift_right(high, right < 0 ? 0 : right);
}

#endif
