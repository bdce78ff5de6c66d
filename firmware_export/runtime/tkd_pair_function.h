#ifndef TKD_PAIR_FUNCTION_H
#define TKD_PAIR_FUNCTION_H

#include "tkd_base.h"

#include <stddef.h>

/* One value of a result, from one value of each operand; always inlined, because the kernels that
 * take one are, and those who call them name it. */
typedef int8_t (*tkd_pair_function)(const void *params, int8_t a, int8_t b);

#endif
