/*
 * asid.c - address-space switches: change the ASID, then touch four mapped
 * pages. The pages are private to their ASID, so entries of all four spaces
 * share the TLB.
 */
#include "sys.h"
#define SPACES 4
#define VA     0x01000000ul
BENCH("asid", 100000)
{
    uint64_t h = 0;
    for (uint64_t i = 0; i < 4; i++) {
        map_page(VA + (i << 12), 0x01000000 + (i << 12));
        ((uint64_t *)PT_BASE)[(VA >> 12) + i] &= ~PTE_G;
        *(volatile uint64_t *)(0xffffffff81000000 + (i << 12)) = i + 1;
    }
    for (unsigned long r = 0; r < reps; r++) {
        __asm__ volatile("dmtc0 %0, $10\n\tnop\n\tnop\n\tnop"
                         :
                         : "r"(1 + r % SPACES));
        for (uint64_t i = 0; i < 4; i++)
            h += *(volatile uint64_t *)(VA + (i << 12));
    }
    plat_info("refills", tlb_refills);
    return mix64(0, h);
}
