#ifndef TKD_OUTPUT_STAGE_H
#define TKD_OUTPUT_STAGE_H

#include "tkd_clamp.h"
#include "tkd_requantize.h"
#include "tkd_requantize_narrow.h"

/* How the accumulators of a layer become int8.
 * bias         [channels] int32, the input's zero point folded in
 * multiplier   [channels] Q31, or one for all
 * right_shift  [channels] in [-30, 31], or one for all; negative is left
 * per_channel  1 when there are as many multipliers as channels, 0 when there is one
 * narrow       1 when every |accumulator| < 2^30 and every right_shift is in [1, 30] */
typedef struct {
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *right_shift;
    int32_t zero_point;
    int32_t activation_min;
    int32_t activation_max;
    int32_t per_channel;
    int32_t narrow;
} tkd_output_stage;

/* clamp(requantize(sum) + zero_point), with the scale of the channel */
TKD_INLINE int8_t tkd_finish(const tkd_output_stage *stage, int32_t channel, int32_t sum)
{
    const int32_t multiplier = stage->multiplier[stage->per_channel ? channel : 0];
    const int32_t right = stage->right_shift[stage->per_channel ? channel : 0];
    const int32_t scaled = stage->narrow ? tkd_requantize_narrow(sum, multiplier, right)
                                         : tkd_requantize(sum, multiplier, right);
    return tkd_clamp(scaled + stage->zero_point, stage->activation_min, stage->activation_max);
}

#endif
