#ifndef TKD_OUTPUT_STAGE_H
#define TKD_OUTPUT_STAGE_H

#include "tkd_clamp.h"
#include "tkd_requantize.h"
#include "tkd_requantize_narrow.h"

/* What one output channel adds and how it is scaled: the three are read together.
 * bias         with what the input's zero point contributes
 * multiplier   Q31
 * right_shift  in [-30, 31]; negative is left */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t right_shift;
} tkd_channel;

/* How the accumulators of a layer become int8.
 * channels  one for each output channel
 * narrow    1 when every |accumulator| < 2^30 and every right_shift is in [1, 22], so that no
 *           multiplier is 0 */
typedef struct {
    const tkd_channel *channels;
    int32_t zero_point;
    int32_t activation_min;
    int32_t activation_max;
    int32_t narrow;
} tkd_output_stage;

/* The scale of a channel, made ready for many sums.
 * rounding  where narrow, see tkd_narrow_rounding */
typedef struct {
    int32_t multiplier;
    int32_t right_shift;
    int32_t rounding;
} tkd_scale;

TKD_INLINE tkd_scale tkd_scale_of(const tkd_output_stage *stage, const tkd_channel *channel)
{
    tkd_scale scale;
    scale.multiplier = channel->multiplier;
    scale.right_shift = channel->right_shift;
    scale.rounding =
        stage->narrow ? tkd_narrow_rounding(channel->right_shift, stage->zero_point) : 0;
    return scale;
}

/* clamp(requantize(sum) + zero_point); sum includes the bias */
TKD_INLINE int8_t tkd_finish_scaled(const tkd_output_stage *stage, const tkd_scale *scale,
                                    int32_t sum)
{
    const int32_t value =
        stage->narrow
            ? tkd_requantize_narrow(sum, scale->multiplier, scale->right_shift, scale->rounding)
            : tkd_requantize(sum, scale->multiplier, scale->right_shift) + stage->zero_point;
    return tkd_clamp(value, stage->activation_min, stage->activation_max);
}

/* What tkd_finish_scaled gives, for one sum of a channel. */
TKD_INLINE int8_t tkd_finish(const tkd_output_stage *stage, const tkd_channel *channel,
                             int32_t sum)
{
    const tkd_scale scale = tkd_scale_of(stage, channel);
    return tkd_finish_scaled(stage, &scale, sum);
}

#endif
