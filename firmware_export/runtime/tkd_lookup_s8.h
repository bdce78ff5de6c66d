#ifndef TKD_LOOKUP_S8_H
#define TKD_LOOKUP_S8_H

#include "tkd_base.h"

/* output[i] = table[input[i] + 128]
 * table   [256] int8, in the order of the input's values
 * input   [size] int8
 * output  [size] int8, may be the same memory */
TKD_INLINE void tkd_lookup_s8(int32_t size, const int8_t *table, const int8_t *input,
                              int8_t *output)
{
    for (int32_t i = 0; i < size; ++i) {
        output[i] = table[input[i] + 128];
    }
}

#endif
