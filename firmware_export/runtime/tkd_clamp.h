#ifndef TKD_CLAMP_H
#define TKD_CLAMP_H

#include "tkd_base.h"

/* The nearest value in [lowest, highest], both of them int8. */
TKD_INLINE int8_t tkd_clamp(int32_t value, int32_t lowest, int32_t highest)
{
    const int32_t raised = value < lowest ? lowest : value;
    return (int8_t)(raised > highest ? highest : raised);
}

#endif
