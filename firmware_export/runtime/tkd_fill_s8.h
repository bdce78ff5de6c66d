#ifndef TKD_FILL_S8_H
#define TKD_FILL_S8_H

#include "tkd_base.h"

/* output[i] = value
 * output  [size] int8 */
TKD_INLINE void tkd_fill_s8(int32_t size, int32_t value, int8_t *output)
{
    for (int32_t i = 0; i < size; ++i) {
        output[i] = (int8_t)value;
    }
}

#endif
