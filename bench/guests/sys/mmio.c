/*
 * mmio.c - polls a device register: the cost of leaving translated code for
 * a device.
 */
#include "sys.h"
BENCH("mmio", 3000000)
{
    volatile uint8_t *reg =
        (volatile uint8_t *)(0xffffffffa0000000ul + MMIO_PHYS);
    uint64_t n = 0;
    for (unsigned long r = 0; r < reps; r++)
        n += *reg != 0xee;
    return mix64(0, n);
}
