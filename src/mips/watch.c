/*
 * watch.c - watchpoints: the guest's own (WatchLo, WatchHi) and the host's.
 * Watched pages stay out of the access table, so every access of them comes
 * here.
 */
#include "mips/access.h"

/* --- Watchpoint (WatchLo, WatchHi: a doubleword of physical memory) --- */

static bool guest_watch_page(const struct mips_cpu *cpu, uint64_t gpa,
                             uint32_t access)
{
    uint32_t bit = access == DISCO_WRITE ? 1 : 2;
    uint64_t watched = (uint64_t)cpu->watchhi << 32 | (cpu->watchlo & ~7u);

    return cpu->watchlo & bit && (watched ^ gpa) < PAGE_SIZE &&
           (watched & PAGE_MASK) == (gpa & PAGE_MASK);
}

/* With EXL or ERL the exception waits until both are gone. */
bool watch_guest_hit(struct mips_cpu *cpu, uint64_t gpa, uint32_t access)
{
    uint64_t watched = (uint64_t)cpu->watchhi << 32 | (cpu->watchlo & ~7u);

    if (!guest_watch_page(cpu, gpa, access) || (gpa & ~UINT64_C(7)) != watched)
        return false;
    cpu->watch_waits = cpu->status & (ST_EXL | ST_ERL);
    return !cpu->watch_waits;
}

/* --- Watchpoints of the host --- */

static bool host_watch_page(const struct mips_cpu *cpu, uint64_t gpa)
{
    uint64_t page = gpa & PAGE_MASK;

    for (unsigned i = 0; cpu->watching && i < DISCO_WATCHES; i++) {
        const struct host_watch *w = &cpu->watch[i];

        if (w->access && w->gpa < page + PAGE_SIZE && page < w->gpa + w->bytes)
            return true;
    }
    return false;
}

/* Leave before the access, once. */
bool watch_host_hit(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
                    uint32_t access)
{
    for (unsigned i = 0; i < DISCO_WATCHES; i++) {
        const struct host_watch *w = &cpu->watch[i];

        if (!(w->access & access) || gpa >= w->gpa + w->bytes ||
            w->gpa >= gpa + bytes)
            continue;
        /* The instruction that left run is run again: same number, same pc. */
        if (cpu->watch_insn == mips_insns(cpu) && cpu->watch_pc == cpu->cur_pc)
            return false;
        cpu->watch_insn = mips_insns(cpu);
        cpu->watch_pc = cpu->cur_pc;
        cpu->watch_gpa = gpa;
        cpu->watch_bytes = bytes;
        cpu->watch_access = access;
        return true;
    }
    return false;
}

bool watch_page(const struct mips_cpu *cpu, uint64_t gpa)
{
    return guest_watch_page(cpu, gpa, DISCO_READ) ||
           guest_watch_page(cpu, gpa, DISCO_WRITE) || host_watch_page(cpu, gpa);
}
