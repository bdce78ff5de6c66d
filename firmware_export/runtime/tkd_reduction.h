#ifndef TKD_REDUCTION_H
#define TKD_REDUCTION_H

#include "tkd_base.h"

/* Which values of the input become one of the output: loops over what is kept, outermost first,
 * and over what is reduced, each with the distance of neighbours in the input. */
typedef struct {
    int32_t kept[3];
    int32_t kept_strides[3];
    int32_t reduced[3];
    int32_t reduced_strides[3];
} tkd_reduction;

#endif
