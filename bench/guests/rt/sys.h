/*
 * sys.h - privileged helpers shared by the system benchmarks (bare metal only).
 */
#ifndef SYS_H
#define SYS_H

#include "bench.h"
#include "mips.h"
#include "plat.h"

extern volatile uint64_t tlb_refills, timer_ticks;
extern volatile uint32_t timer_period;
uint64_t enter_user(uint64_t entry, uint64_t a, uint64_t b);

#define PTE_G      1ul
#define PTE_V      2ul
#define PTE_D      4ul
#define PTE_CACHED (3ul << 3)

/* Map one 4 KiB page in the linear table the refill handler reads. */
static inline void map_page(uint64_t va, uint64_t pa)
{
    uint64_t *pt = (uint64_t *)PT_BASE;
    pt[va >> 12] = (pa >> 12) << 6 | PTE_CACHED | PTE_D | PTE_V | PTE_G;
}

static inline uint32_t rd_count(void)
{
    uint32_t v;
    __asm__ volatile("mfc0 %0, $9" : "=r"(v));
    return v;
}
#endif
