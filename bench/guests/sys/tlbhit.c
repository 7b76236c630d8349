/*
 * tlbhit.c - loads and stores through 32 mapped pages that stay in the TLB.
 */
#include "sys.h"
#define PAGES 32
#define VA    0x01000000ul
BENCH("tlbhit", 30000)
{
    for (uint64_t i = 0; i < PAGES; i++)
        map_page(VA + (i << 12), 0x01000000 + (i << 12));
    uint64_t h = 0;
    volatile uint64_t *v = (volatile uint64_t *)VA;
    for (uint64_t i = 0; i < PAGES * 512; i++)
        v[i] = i;
    for (unsigned long r = 0; r < reps; r++)
        for (uint64_t i = 0; i < PAGES * 512; i += 4) {
            h += v[i];
            v[i] = h;
        }
    return mix64(0, h);
}
