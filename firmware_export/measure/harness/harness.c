/* A filter: reads the inputs of one sample after another, runs the model, writes its outputs.
 * The same file runs on the host and on an emulated core. tkd_model.h is generated: it names the
 * model's header, its inputs and outputs, its arena size, its entry points and how many samples
 * make a sequence: state, where the model has any, stays from one to the next within it. */
#include "tkd_io.h"
#include "tkd_model.h"

/* Not static: the emulator finds it by name and calls the model without this main. */
uint8_t tkd_harness_arena[TKD_ARENA_BYTES] __attribute__((aligned(16)));

static int read_sample(uint8_t *arena)
{
#define TKD_READ(port, bytes) && tkd_io_read((int8_t *)(port), bytes)
    return 1 TKD_INPUTS(TKD_READ);
}

static int write_outputs(uint8_t *arena)
{
#define TKD_WRITE(port, bytes) && tkd_io_write((const int8_t *)(port), bytes)
    return 1 TKD_OUTPUTS(TKD_WRITE);
}

int main(void)
{
    uint32_t left = 0;
    tkd_io_open();
    for (;;)
    {
        int status = 0;
        if (left == 0)
        {
            status = TKD_RESET(tkd_harness_arena);
            left = TKD_SEQUENCE_SAMPLES;
        }
        left -= 1;
        if (status == 0 && !read_sample(tkd_harness_arena))
        {
            return 0;
        }
        status = status == 0 ? TKD_INVOKE(tkd_harness_arena) : status;
        if (status != 0)
        {
            return status;
        }
        if (!write_outputs(tkd_harness_arena))
        {
            return 1;
        }
    }
}
