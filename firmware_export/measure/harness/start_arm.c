/* Reset, vectors, FPU and semihosting of a Cortex-M. */
#include "tkd_start.h"

uint32_t tkd_semihosting_call(uint32_t operation, const uint32_t *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void enable_fpu(void)
{
#ifdef __ARM_FP
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20; /* full access to coprocessors 10 and 11 */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
}

void tkd_reset(void)
{
    enable_fpu();
    tkd_start();
}

/* Initial stack pointer, reset, and the 14 system exceptions; no interrupt is ever enabled. */
typedef void (*handler)(void);
extern const struct
{
    uint32_t *stack_top;
    handler reset;
    handler faults[14];
} tkd_vectors;

const __typeof__(tkd_vectors) tkd_vectors __attribute__((section(".first"), used)) = {
    tkd_stack_top,
    tkd_reset,
    {tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault,
     tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault},
};
