/*
 * mtlb.c - the machine's TLB under a monitor, for the accounting of disco mode.
 *
 * On hardware everything a deprivileged guest touches, its kernel's unmapped
 * segments too, competes for the 64 entries of the machine's TLB, and a miss
 * traps into the monitor.  This models those entries: 4 KiB page pairs,
 * replaced first in first out.  It translates nothing.
 *
 * Invariant (disco mode): the access tables are a subset of it, so every miss
 * comes here and is counted exactly.
 */
#include "mips/cpu.h"

#define PAIR_MASK   (~UINT64_C(0x1fff))
#define ANY_ADDRESS UINT64_C(0x100) /* unmapped: the same in every space */

void mips_mtlb_flush(struct mips_cpu *cpu)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        cpu->mtlb[i] = NO_TAG;
    cpu->mtlb_next = 0;
}

void mips_mtlb_touch(struct mips_cpu *cpu, uint64_t va, bool mapped)
{
    uint64_t space = mapped ? cpu->entryhi & 0xff : ANY_ADDRESS;
    uint64_t pair = (va & PAIR_MASK) | space, *victim;

    if (cpu->mtlb[cpu->mtlb_last] == pair)
        return;
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        if (cpu->mtlb[i] == pair) {
            cpu->mtlb_last = i;
            return;
        }
    cpu->stats.traps[mapped ? DISCO_TRAP_L2TLB_HIT : DISCO_TRAP_KERNEL_TLB]++;
    victim = &cpu->mtlb[cpu->mtlb_next];
    if (*victim != NO_TAG)
        mips_tables_drop_va(cpu, *victim & PAIR_MASK, 0x2000,
                            *victim & ANY_ADDRESS ? ASIDS
                                                  : (unsigned)(*victim & 0xff));
    *victim = pair;
    cpu->mtlb_last = cpu->mtlb_next;
    cpu->mtlb_next = (cpu->mtlb_next + 1) % TLB_ENTRIES;
}
