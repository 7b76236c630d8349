/*
 * cp0.c - coprocessor 0 traffic as in a kernel's critical sections.
 */
#include "sys.h"
BENCH("cp0", 1500000)
{
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        uint64_t st, epc, hi, cnt;
        __asm__ volatile(
            "mfc0 %0, $12\n\t" /* Status: save, clear IE, restore */
            "mtc0 %0, $12\n\tnop\n\tnop\n\tnop\n\t"
            "mtc0 %0, $12\n\tnop\n\tnop\n\tnop\n\t"
            "dmtc0 %4, $14\n\tdmfc0 %1, $14\n\t"
            "dmtc0 %5, $10\n\tnop\n\tnop\n\tdmfc0 %2, $10\n\t"
            "mfc0 %3, $9"
            : "=&r"(st), "=&r"(epc), "=&r"(hi), "=&r"(cnt)
            : "r"(r * 4), "r"(((r & 0xff) << 13) | 1));
        h += epc + hi;
    }
    return mix64(0, h);
}
