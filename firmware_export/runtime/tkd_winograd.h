#ifndef TKD_WINOGRAD_H
#define TKD_WINOGRAD_H

#include "tkd_dsp.h"
#include "tkd_pairs.h"

/* Winograd's F(2x2, 3x3): 2x2 outputs of a 3x3 convolution from 4x4 inputs, called a tile, with 16
 * multiplications in place of 36. With
 *
 *     B^T = | 1  0 -1  0 |    G = | 2  0  0 |    A^T = | 1  1  1  0 |
 *           | 0  1  1  0 |        | 1  1  1 |          | 0  1 -1 -1 |
 *           | 0 -1  1  0 |        | 1 -1  1 |
 *           | 0  1  0 -1 |        | 0  0  2 |
 *
 * A^T [(G g G^T) * (B^T d B)] A is four times the convolution of the inputs d with the filter g:
 * G is twice that of the paper and holds integers, so the result is exact, and so is its division
 * by four. All that is transformed fits int16 (at most 9 * 128 and 4 * 128), two channels to a word.
 * Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015, section 4.1. */
enum { TKD_WINOGRAD_POSITIONS = 16 };

/* quads  input channels / 4
 * tiles  how many are transformed at once, an even number: fewer take less working memory, more
 *        transform the filters less often */
typedef struct {
    int32_t output_channels;
    int32_t quads;
    int32_t tile_rows;
    int32_t tile_columns;
    int32_t tiles;
    int32_t input_zero_point;
} tkd_winograd_shape;

/* A sum in working memory that elsewhere holds values of other types. */
#if defined(__GNUC__)
typedef int32_t __attribute__((may_alias)) tkd_sum;
#else
typedef int32_t tkd_sum;
#endif

/* One copy for all layers: its loops are long, and their bounds need not be known. */
#if defined(__clang__)
#define TKD_SHARED static __attribute__((noinline, unused))
#elif defined(__GNUC__)
#define TKD_SHARED static __attribute__((noinline, noclone, unused))
#else
#define TKD_SHARED static
#endif

/* Channels 0 and 2 of four, or with odd = 1 channels 1 and 3, as two int16 in a word.
 * odd  always a literal */
TKD_INLINE uint32_t tkd_channel_pair(const int8_t *quad, int32_t odd)
{
#if TKD_DSP
    const uint32_t bytes = tkd_load_word(quad);
    return odd ? tkd_widen_odd(bytes) : tkd_widen_even(bytes);
#else
    return ((uint32_t)quad[odd] & 0xffffu) | ((uint32_t)quad[odd + 2] << 16);
#endif
}

#endif
