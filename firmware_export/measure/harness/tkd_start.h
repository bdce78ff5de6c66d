/* The seam between what every core shares (start.c, semihosting_io.c) and start_<architecture>.c. */
#ifndef TKD_START_H
#define TKD_START_H

#include <stdint.h>

/* Of the linker script: where the stack begins. */
extern uint32_t tkd_stack_top[];

/* start_<architecture>.c: the first instruction, with no stack and no memory prepared. */
void tkd_reset(void);

/* start_<architecture>.c: traps to the debugger, which is the emulator. */
uint32_t tkd_semihosting_call(uint32_t operation, const uint32_t *arguments);

/* start.c: prepares the memory, runs main and ends the program with its status. */
void tkd_start(void);

/* start.c: ends the program with status 255; what every exception leads to. */
void tkd_fault(void);

#endif
