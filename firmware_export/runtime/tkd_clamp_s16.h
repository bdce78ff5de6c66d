#ifndef TKD_CLAMP_S16_H
#define TKD_CLAMP_S16_H

#include "tkd_base.h"

/* The nearest int16. Twin: numerics.saturate. */
TKD_INLINE int32_t tkd_clamp_s16(int32_t value)
{
    const int32_t raised = value < INT16_MIN ? INT16_MIN : value;
    return raised > INT16_MAX ? INT16_MAX : raised;
}

#endif
