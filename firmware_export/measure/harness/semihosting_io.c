/* tkd_io.h on an emulated core: files of the host, through semihosting.
 * Source: Arm "Semihosting for AArch32 and AArch64", operations SYS_OPEN, SYS_WRITE, SYS_READ;
 * RISC-V has the same operations. */
#include "tkd_io.h"
#include "tkd_start.h"

#define SYS_OPEN 0x01u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define OPEN_READ_BINARY 1u
#define OPEN_WRITE_BINARY 5u

static uint32_t input_file;
static uint32_t output_file;

static uint32_t open_file(const char *name, uint32_t name_bytes, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)(uintptr_t)name, mode, name_bytes};
    return tkd_semihosting_call(SYS_OPEN, arguments);
}

void tkd_io_open(void)
{
    input_file = open_file("inputs.bin", 10u, OPEN_READ_BINARY);
    output_file = open_file("outputs.bin", 11u, OPEN_WRITE_BINARY);
}

int tkd_io_read(int8_t *buffer, uint32_t bytes)
{
    const uint32_t arguments[3] = {input_file, (uint32_t)(uintptr_t)buffer, bytes};
    return tkd_semihosting_call(SYS_READ, arguments) == 0u;
}

int tkd_io_write(const int8_t *buffer, uint32_t bytes)
{
    const uint32_t arguments[3] = {output_file, (uint32_t)(uintptr_t)buffer, bytes};
    return tkd_semihosting_call(SYS_WRITE, arguments) == 0u;
}
