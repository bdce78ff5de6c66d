#ifndef TKD_REQUANTIZE_H
#define TKD_REQUANTIZE_H

#include "tkd_base.h"

/* round(value / 2^right), ties away from zero. Twin: numerics.rounding_shift_right.
 * right  [0, 31]
 * Source: gemmlowp RoundingDivideByPOT, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_rounding_shift_right(int32_t value, int32_t right)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << right) - 1u);
    const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> right) + ((value & mask) > threshold ? 1 : 0);
}

/* round(a * b / 2^31), ties up. Only a = b = -2^31 overflows.
 * Source: gemmlowp SaturatingRoundingDoublingHighMul, fixedpoint/fixedpoint.h. */
TKD_INLINE int32_t tkd_multiply_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* round(value * multiplier * 2^(-31 - right)), rounded twice. Twin: numerics.requantize.
 * value       any int32 with |value * 2^max(-right, 0)| < 2^31
 * multiplier  Q31 in [2^30, 2^31 - 1], or 0
 * right       [-30, 31]; negative shifts left
 * Source: TFLite MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING off,
 *         tensorflow/lite/kernels/internal/common.cc. */
TKD_INLINE int32_t tkd_requantize(int32_t value, int32_t multiplier, int32_t right)
{
    const int32_t left = right < 0 ? -right : 0;
    const int32_t high = tkd_multiply_high(value * ((int32_t)1 << left), multiplier);
    return tkd_rounding_shift_right(high, right < 0 ? 0 : right);
}

/* The same for the common case, in a third of the instructions.
 * value  |value| < 2^30
 * right  [1, 30]
 * Adding half and rounding down rounds ties up; taking one from negative values first makes
 * that ties away from zero. */
TKD_INLINE int32_t tkd_requantize_narrow(int32_t value, int32_t multiplier, int32_t right)
{
#if TKD_DSP
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(value * 2), "r"(multiplier));
#else
    const int32_t high = tkd_multiply_high(value, multiplier);
#endif
    return (high + (high >> 31) + ((int32_t)1 << (right - 1))) >> right;
}

TKD_INLINE int8_t tkd_clamp(int32_t value, int32_t lowest, int32_t highest)
{
    const int32_t raised = value < lowest ? lowest : value;
    return (int8_t)(raised > highest ? highest : raised);
}

#endif
