/* What every bare-metal program does between reset and main, on any core. */
#include "tkd_start.h"

#define SYS_EXIT_EXTENDED 0x20u
#define STOPPED_APPLICATION_EXIT 0x20026u

extern uint32_t tkd_data_load[], tkd_data_start[], tkd_data_end[];
extern uint32_t tkd_bss_start[], tkd_bss_end[];

int main(void);

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

void tkd_start(void)
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
    leave((uint32_t)main());
}
