#ifndef TKD_DESTINATION_H
#define TKD_DESTINATION_H

#include "tkd_pair_function.h"

/* Where the results of a layer go.
 * output    the tensor
 * function  what becomes of each result together with the value of another tensor at its place; NULL
 *           where the result itself is written
 * params    of the function
 * other     of the shape of output; may be the same memory */
typedef struct {
    int8_t *output;
    tkd_pair_function function;
    const void *params;
    const int8_t *other;
} tkd_destination;

/* Go on so many values further. */
TKD_INLINE void tkd_advance(tkd_destination *to, int32_t values)
{
    to->output += values;
    if (to->function) {
        to->other += values;
    }
}

/* at  index into the tensor */
TKD_INLINE void tkd_put(const tkd_destination *to, int32_t at, int8_t value)
{
    to->output[at] = to->function ? to->function(to->params, value, to->other[at]) : value;
}

#endif
