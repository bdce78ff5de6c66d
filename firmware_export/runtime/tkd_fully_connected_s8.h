#ifndef TKD_FULLY_CONNECTED_S8_H
#define TKD_FULLY_CONNECTED_S8_H

#include "tkd_dsp.h"
#include "tkd_output_stage.h"

typedef struct {
    int32_t rows;
    int32_t in_features;
    int32_t out_features;
} tkd_fully_connected_shape;

/* sums[k] += sum_i input[i] * weights of output channel k, for four channels and whole fours of
 * inputs.
 * weights  [fours, 2, 2, 2, 2]: inputs 0 and 2, then 1 and 3; of each pair of channels a word, which
 *          the byte extension makes a pair of inputs of either; aligned to 4 bytes
 * fours    at least 1 */
TKD_INLINE void tkd_dot_fours(const int8_t *input, const int8_t *weights, int32_t fours,
                              int32_t sums[4])
{
#if TKD_DSP
    const int8_t *const end = input + 4 * fours;
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    uint32_t x, pair, a, b, w;
    /* 16 multiplications in 21 instructions, which compilers make 28 and more. */
#define TKD_HALF                                                                                   \
    "ldrd %[a], %[b], [%[weights]], #8\n\t"                                                        \
    "sxtb16 %[w], %[a]\n\tsmlad %[s0], %[pair], %[w], %[s0]\n\t"                                   \
    "sxtb16 %[w], %[a], ror #8\n\tsmlad %[s1], %[pair], %[w], %[s1]\n\t"                           \
    "sxtb16 %[w], %[b]\n\tsmlad %[s2], %[pair], %[w], %[s2]\n\t"                                   \
    "sxtb16 %[w], %[b], ror #8\n\tsmlad %[s3], %[pair], %[w], %[s3]\n\t"
    __asm__ volatile("1:\n\t"
                     "ldr %[x], [%[input]], #4\n\t"
                     "sxtb16 %[pair], %[x]\n\t" TKD_HALF
                     "sxtb16 %[pair], %[x], ror #8\n\t" TKD_HALF
                     "cmp %[input], %[end]\n\t"
                     "bne 1b"
                     : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3),
                       [input] "+r"(input), [weights] "+r"(weights), [x] "=&r"(x),
                       [pair] "=&r"(pair), [a] "=&r"(a), [b] "=&r"(b), [w] "=&r"(w)
                     : [end] "r"(end)
                     : "cc", "memory");
#undef TKD_HALF
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
#else
    for (int32_t i = 0; i < 2 * fours; ++i) {
        const int32_t x0 = input[i + i / 2 * 2];
        const int32_t x1 = input[i + i / 2 * 2 + 2];
        sums[0] += x0 * weights[0] + x1 * weights[2];
        sums[1] += x0 * weights[1] + x1 * weights[3];
        sums[2] += x0 * weights[4] + x1 * weights[6];
        sums[3] += x0 * weights[5] + x1 * weights[7];
        weights += 8;
    }
#endif
}

/* The same for a row of any length; inputs beyond the last four have their weights channel by
 * channel.
 * weights  [length / 4, 2, 2, 2, 2], then [length % 4, 4] */
TKD_INLINE void tkd_dot_1x4(const int8_t *input, const int8_t *weights, int32_t length,
                            int32_t sums[4])
{
    if (length >= 4) {
        tkd_dot_fours(input, weights, length / 4, sums);
    }
    for (int32_t i = length - length % 4; i < length; ++i) {
        for (int32_t k = 0; k < 4; ++k) {
            sums[k] += input[i] * weights[4 * i + k];
        }
    }
}

/* sum + sum_i input[i] * weights[i], for one output channel */
TKD_INLINE int32_t tkd_dot_1x1(const int8_t *input, const int8_t *weights, int32_t length,
                               int32_t sum)
{
    int32_t i = 0;
#if TKD_DSP
    const int32_t end = length < 4 ? 0 : tkd_loop_count(length - length % 4);
    for (; i < end; i += 4) {
        const uint32_t x = tkd_load_word(input + i);
        const uint32_t w = tkd_load_word(weights + i);
        sum = tkd_multiply_pairs(tkd_widen_even(x), tkd_widen_even(w), sum);
        sum = tkd_multiply_pairs(tkd_widen_odd(x), tkd_widen_odd(w), sum);
    }
#endif
    for (; i < length; ++i) {
        sum += input[i] * weights[i];
    }
    return sum;
}

/* output[n][o] = finish(bias[o] + sum_i input[n][i] * weights[o][i])
 * input    [rows, in_features]         int8
 * weights  of out_features / 4 fours of channels as in tkd_dot_1x4, then row by row those of the
 *          channels that are left; int8, zero point 0
 * output   [rows, out_features]        int8, must not overlap input
 * Source: TFLite int8 quantization specification, FULLY_CONNECTED;
 *         tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h. */
TKD_INLINE void tkd_fully_connected_s8(const tkd_fully_connected_shape *shape,
                                       const tkd_output_stage *stage, const int8_t *weights,
                                       const int8_t *input, int8_t *restrict output)
{
    const int32_t length = shape->in_features;
    const int32_t channels = shape->out_features;
    const int32_t in_fours = channels - channels % 4;
    for (int32_t row = 0; row < shape->rows; ++row) {
        const int32_t end = in_fours == 0 ? 0 : tkd_loop_count(in_fours);
        for (int32_t o = 0; o < end; o += 4) {
            const tkd_channel *const scaling = &stage->channels[o];
            int32_t sums[4] = {scaling[0].bias, scaling[1].bias, scaling[2].bias, scaling[3].bias};
            tkd_dot_1x4(input, weights + o * length, length, sums);
            for (int32_t k = 0; k < 4; ++k) {
                output[o + k] = tkd_finish(stage, &scaling[k], sums[k]);
            }
        }
        for (int32_t o = in_fours; o < channels; ++o) {
            const tkd_channel *const scaling = &stage->channels[o];
            const int32_t sum = tkd_dot_1x1(input, weights + o * length, length, scaling->bias);
            output[o] = tkd_finish(stage, scaling, sum);
        }
        input += length;
        output += channels;
    }
}

#endif
