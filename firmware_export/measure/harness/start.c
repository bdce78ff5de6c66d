/* Start of a bare-metal Cortex-M program: vectors, memory, FPU, main, exit through semihosting. */
#include <stdint.h>

#define SYS_EXIT_EXTENDED 0x20u
#define STOPPED_APPLICATION_EXIT 0x20026u

extern uint32_t tkd_stack_top[];
extern uint32_t tkd_data_load[], tkd_data_start[], tkd_data_end[];
extern uint32_t tkd_bss_start[], tkd_bss_end[];

int main(void);
uint32_t tkd_semihosting_call(uint32_t operation, const uint32_t *arguments);
void tkd_reset(void);
void tkd_fault(void);

static void leave(uint32_t status)
{
    const uint32_t arguments[2] = {STOPPED_APPLICATION_EXIT, status};
    (void)tkd_semihosting_call(SYS_EXIT_EXTENDED, arguments);
    for (;;)
    {
    }
}

void tkd_fault(void)
{
    leave(255u);
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
    /* volatile: a compiler would otherwise call memcpy and memset, and their size would be counted
     * as the model's. */
    volatile uint32_t *to = tkd_data_start;
    const volatile uint32_t *from = tkd_data_load;
    while (to < tkd_data_end)
    {
        *to++ = *from++;
    }
    for (to = tkd_bss_start; to < tkd_bss_end; to++)
    {
        *to = 0u;
    }
    enable_fpu();
    leave((uint32_t)main());
}

/* Initial stack pointer, reset, and the 14 system exceptions; no interrupt is ever enabled. */
typedef void (*handler)(void);
extern const struct
{
    uint32_t *stack_top;
    handler reset;
    handler faults[14];
} tkd_vectors;

const __typeof__(tkd_vectors) tkd_vectors __attribute__((section(".vectors"), used)) = {
    tkd_stack_top,
    tkd_reset,
    {tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault,
     tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault, tkd_fault},
};
