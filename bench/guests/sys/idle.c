/*
 * idle.c - says it is alive and then spins: for measuring a resident
 * machine.
 */
#include "sys.h"
BENCH("idle", 1)
{
    for (;;)
        __asm__ volatile("");
    return reps;
}
