#ifndef TKD_BASE_H
#define TKD_BASE_H

/* What every kernel stands on. Negative integers must shift right arithmetically, as they do in
 * gcc and clang; every length and index is int32_t, so that a 16-bit int does no harm. */
#include <stdint.h>

#if defined(__GNUC__)
#define TKD_INLINE static inline __attribute__((always_inline))
#else
#define TKD_INLINE static inline
#endif

/* One function per layer, never merged or cloned, so that a profiler can tell them apart. */
#if defined(__clang__)
#define TKD_LAYER static __attribute__((noinline))
#elif defined(__GNUC__)
#define TKD_LAYER static __attribute__((noinline, noclone))
#else
#define TKD_LAYER static
#endif

/* Cortex-M4, M7 and M33 multiply two pairs of 16-bit values in one instruction. The instructions
 * are written out because the compilers that Arduino cores ship lack the ACLE intrinsics. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define TKD_DSP 1
#else
#define TKD_DSP 0
#endif

#endif
