#ifndef TKD_CLAMP_H
#define TKD_CLAMP_H

#include "tkd_base.h"

/* The nearest value in [lowest, highest], both of them int8. */
TKD_INLINE int8_t tkd_clamp(int32_t value, int32_t lowest, int32_t highest)
{
#if TKD_DSP
    if (lowest == INT8_MIN && highest == INT8_MAX) {
        int32_t saturated;
        __asm__("ssat %0, #8, %1" : "=r"(saturated) : "r"(value));
        if (saturated < INT8_MIN || saturated > INT8_MAX) {
            __builtin_unreachable(); /* so that the compiler does not extend the sign once more */
        }
        return (int8_t)saturated;
    }
#endif
    const int32_t raised = value < lowest ? lowest : value;
    return (int8_t)(raised > highest ? highest : raised);
}

#endif
