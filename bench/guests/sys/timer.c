/*
 * timer.c - takes `reps` Count/Compare interrupts, rearmed 2000 ticks ahead
 * each time, while spinning.
 */
#include "sys.h"
BENCH("timer", 3000)
{
    uint64_t spins = 0;
    timer_period = 2000;
    uint32_t t0 = rd_count(), st;
    __asm__ volatile("mtc0 %0, $11"
                     :
                     : "r"(t0 + 1000000)); /* room for the first pass */
    __asm__ volatile("mfc0 %0, $12" : "=r"(st));
    st |= ST_IM7 | ST_IE;
    __asm__ volatile("mtc0 %0, $12\n\tnop\n\tnop\n\tnop" : : "r"(st));
    while (timer_ticks < reps)
        spins++;
    st &= ~(uint32_t)(ST_IM7 | ST_IE);
    __asm__ volatile("mtc0 %0, $12\n\tnop\n\tnop\n\tnop" : : "r"(st));
    plat_info("spins", spins);
    plat_info("count_ticks", (uint32_t)(rd_count() - t0));
    return 1;
}
