/*
 * tlbwi.c - rewrites one wired TLB entry, alternating its frame, and reads
 * through it: the cost of a mapping change that must be visible at once.
 */
#include "sys.h"
#define VA 0x01000000ul
BENCH("tlbwi", 1500000)
{
    *(volatile uint64_t *)0xffffffff81000000 = 1;
    *(volatile uint64_t *)0xffffffff81002000 = 5;
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        uint64_t pfn = 0x1000 + ((r & 1) << 1);
        uint64_t lo = pfn << 6 | PTE_CACHED | PTE_D | PTE_V | PTE_G;
        __asm__ volatile(
            "mtc0 $0, $0\n\tdmtc0 %0, $10\n\tdmtc0 %1, $2\n\tdmtc0 %2, $3\n\t"
            "nop\n\ttlbwi\n\tnop\n\tnop\n\tnop"
            :
            : "r"(VA), "r"(lo), "r"(lo + (1 << 6))
            : "memory");
        h += *(volatile uint64_t *)VA;
    }
    return mix64(0, h);
}
