#ifndef TKD_BASE_H
#define TKD_BASE_H

/* What every kernel stands on. Negative integers must shift right arithmetically, as they do in
 * gcc and clang; every length and index is int32_t, so that a 16-bit int does no harm. */
#include <stdint.h>

/* Always inlined, so that literal arguments specialise it; what one core does not need, another
 * does. */
#if defined(__GNUC__)
#define TKD_INLINE static inline __attribute__((always_inline, unused))
#else
#define TKD_INLINE static inline
#endif

/* Long and rarely the place where time goes: one copy, called from where it is needed. */
#if defined(__GNUC__)
#define TKD_OUT_OF_LINE static __attribute__((noinline, unused))
#else
#define TKD_OUT_OF_LINE static
#endif

/* A word and a halfword in working memory that elsewhere holds values of other types. */
#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) tkd_word;
typedef int16_t __attribute__((may_alias)) tkd_lane;
#else
typedef uint32_t tkd_word;
typedef int16_t tkd_lane;
#endif

/* One function per layer, never merged or cloned, so that a profiler can tell them apart.
 * noipa, because gcc 12 at -Os drops the calls of layers whose writes it has lost sight of. */
#if defined(__clang__)
#define TKD_LAYER static __attribute__((noinline))
#elif defined(__GNUC__) && __GNUC__ >= 8
#define TKD_LAYER static __attribute__((noipa))
#elif defined(__GNUC__)
#define TKD_LAYER static __attribute__((noinline, noclone))
#else
#define TKD_LAYER static
#endif

/* Constants start at a word, so that they can be read by words. */
#if defined(__GNUC__)
#define TKD_ALIGNED __attribute__((aligned(4)))
#else
#define TKD_ALIGNED
#endif

/* The same address, of unknown origin: what lies near it is then reached by short offsets from it,
 * where a compiler would build each address from the start of the arena. */
TKD_INLINE int8_t *tkd_own_register(int8_t *address)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(address));
#endif
    return address;
}

/* The same number, unknown to the compiler: a loop of that many turns is then never unrolled. */
TKD_INLINE int32_t tkd_loop_count(int32_t count)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(count));
#endif
    return count;
}

/* Cortex-M4, M7 and M33 multiply two pairs of 16-bit values in one instruction. The instructions
 * are written out because the compilers that Arduino cores ship lack the ACLE intrinsics; some of
 * them need every register, which only an optimizing compiler without a frame pointer leaves.
 * Define TKD_DSP as 0 to do without. */
#ifndef TKD_DSP
#if defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__ARM_FEATURE_DSP) && \
    defined(__thumb2__) && !defined(__ARM_BIG_ENDIAN)
#define TKD_DSP 1
#else
#define TKD_DSP 0
#endif
#endif

/* Cortex-M0, M0+ and M23 multiply two words to the low word of the product only, and compute on
 * eight registers of sixteen. */
#if defined(__GNUC__) && defined(__thumb__) && defined(__ARM_ARCH_ISA_THUMB) && \
    !defined(__ARM_BIG_ENDIAN)
#if __ARM_ARCH_ISA_THUMB == 1
#define TKD_THUMB_1 1
#endif
#endif
#ifndef TKD_THUMB_1
#define TKD_THUMB_1 0
#endif

#endif
