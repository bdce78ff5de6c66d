#ifndef TKD_CONV_2D_WINOGRAD_ADD_S8_H
#define TKD_CONV_2D_WINOGRAD_ADD_S8_H

#include "tkd_add_pair.h"
#include "tkd_conv_2d_winograd_s8.h"

/* What tkd_conv_2d_add_s8 gives, by way of Winograd's transforms.
 * addend  [batches, output_height, output_width, output_channels]  int8; may be the memory of the
 *         output, since each value is read before the one at its place is written */
TKD_INLINE void tkd_conv_2d_winograd_add_s8(const tkd_window *window,
                                            const tkd_winograd_shape *shape,
                                            const tkd_output_stage *stage,
                                            const tkd_add_params *params, const int8_t *weights,
                                            const int8_t *input, const int8_t *addend,
                                            tkd_word *scratch, int8_t *output)
{
    const tkd_destination to = {output, tkd_add_pair, params, addend};
    tkd_conv_2d_winograd_to(window, shape, stage, weights, input, scratch, &to);
}

#endif
