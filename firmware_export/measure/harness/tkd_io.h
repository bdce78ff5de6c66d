/* How the harness gets samples in and outputs out. One implementation for the host (stdio) and
 * one for an emulated core (semihosting). */
#ifndef TKD_IO_H
#define TKD_IO_H

#include <stdint.h>

void tkd_io_open(void);

/* Fills buffer; 0 when fewer bytes than asked for were left. */
int tkd_io_read(int8_t *buffer, uint32_t bytes);

/* 0 when not everything could be written. */
int tkd_io_write(const int8_t *buffer, uint32_t bytes);

#endif
