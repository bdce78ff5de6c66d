/* Reset, traps and semihosting of a RISC-V core in machine mode. */
#include "tkd_start.h"

void tkd_trap(void);

/* Source: "RISC-V Semihosting", version 0.4: three instructions that are never compressed and lie
 * in one page tell the debugger from any other ebreak. */
uint32_t tkd_semihosting_call(uint32_t operation, const uint32_t *arguments)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const uint32_t *a1 __asm__("a1") = arguments;
    __asm__ volatile(".option push\n\t"
                     ".option norvc\n\t"
                     ".balign 16\n\t"
                     "slli x0, x0, 0x1f\n\t"
                     "ebreak\n\t"
                     "srai x0, x0, 7\n\t"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

/* mtvec drops the lowest bits of its address. */
__attribute__((aligned(4))) void tkd_trap(void)
{
    tkd_fault();
}

/* 0x305 is mtvec: by number, since its name needs an extension that compilers switch off. */
__attribute__((naked, section(".first"), used)) void tkd_reset(void)
{
    __asm__(".option push\n\t"
            ".option arch, +zicsr\n\t"
            "la sp, tkd_stack_top\n\t"
            "la t0, tkd_trap\n\t"
            "csrw 0x305, t0\n\t"
            ".option pop\n\t"
            "j tkd_start");
}
