/* tkd_io.h on the host: standard input and output. */
#include <stdio.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

#include "tkd_io.h"

void tkd_io_open(void)
{
#ifdef _WIN32
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
#endif
}

int tkd_io_read(int8_t *buffer, uint32_t bytes)
{
    return fread(buffer, 1, bytes, stdin) == bytes;
}

int tkd_io_write(const int8_t *buffer, uint32_t bytes)
{
    return fwrite(buffer, 1, bytes, stdout) == bytes;
}
