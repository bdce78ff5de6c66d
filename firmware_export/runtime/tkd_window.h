#ifndef TKD_WINDOW_H
#define TKD_WINDOW_H

#include "tkd_base.h"

/* A window sliding over an NHWC image: convolutions and pooling.
 * dilation  rows and columns from one tap to the next
 * padded    0 when no window reaches outside the image */
typedef struct {
    int32_t batches;
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels;
    int32_t output_height;
    int32_t output_width;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t pad_top;
    int32_t pad_left;
    int32_t padded;
} tkd_window;

/* The taps of one window that lie inside the image, and where tap 0 would be. */
typedef struct {
    int32_t origin_y;
    int32_t origin_x;
    int32_t first_y;
    int32_t end_y;
    int32_t first_x;
    int32_t end_x;
} tkd_taps;

/* How many steps lead over distance, the last perhaps beyond it; 0 where it is not above 0. */
TKD_INLINE int32_t tkd_steps_over(int32_t distance, int32_t step)
{
    return distance > 0 ? (distance + step - 1) / step : 0;
}

TKD_INLINE tkd_taps tkd_taps_inside(const tkd_window *window, int32_t out_y, int32_t out_x)
{
    tkd_taps taps;
    taps.origin_y = out_y * window->stride_height - window->pad_top;
    taps.origin_x = out_x * window->stride_width - window->pad_left;
    taps.first_y = 0;
    taps.first_x = 0;
    taps.end_y = window->kernel_height;
    taps.end_x = window->kernel_width;
    if (window->padded) {
        const int32_t below =
            tkd_steps_over(window->input_height - taps.origin_y, window->dilation_height);
        const int32_t right =
            tkd_steps_over(window->input_width - taps.origin_x, window->dilation_width);
        taps.first_y = tkd_steps_over(-taps.origin_y, window->dilation_height);
        taps.first_x = tkd_steps_over(-taps.origin_x, window->dilation_width);
        taps.end_y = below < taps.end_y ? below : taps.end_y;
        taps.end_x = right < taps.end_x ? right : taps.end_x;
    }
    return taps;
}

#endif
