#ifndef TKD_COPY_RUN_H
#define TKD_COPY_RUN_H

#include "tkd_base.h"

/* to[i] = from[i] for the next length values, four at a time; they must not overlap.
 * The four-byte copies become one load and one store where the core reads words anywhere. */
TKD_INLINE void tkd_copy_run(int32_t length, const int8_t *from, int8_t *restrict to)
{
    int32_t i = 0;
#if defined(__GNUC__)
    for (; i + 4 <= length; i += 4) {
        __builtin_memcpy(to + i, from + i, 4);
    }
#endif
    for (; i < length; ++i) {
        to[i] = from[i];
    }
}

#endif
