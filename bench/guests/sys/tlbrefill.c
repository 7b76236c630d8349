/*
 * tlbrefill.c - cyclic touches of 2048 mapped pages: nearly every second
 * touch (one TLB entry maps two pages) needs the refill handler on any
 * R4000/R10000-size TLB.
 */
#include "sys.h"
#define PAGES 2048
#define VA    0x01000000ul
BENCH("tlbrefill", 500)
{
    for (uint64_t i = 0; i < PAGES; i++) {
        map_page(VA + (i << 12), 0x01000000 + (i << 12));
        *(volatile uint64_t *)(0xffffffff81000000 + (i << 12) +
                               ((i & 63) << 6)) = i * 3;
    }
    uint64_t h = 0, before = tlb_refills;
    for (unsigned long r = 0; r < reps; r++)
        for (uint64_t i = 0; i < PAGES; i++)
            h += *(volatile uint64_t *)(VA + (i << 12) + ((i & 63) << 6));
    plat_info("refills", tlb_refills - before);
    plat_info("touches", reps * PAGES);
    return mix64(0, h);
}
