/*
 * except.c - exceptions, interrupts and the way back.
 *
 * r10000.md's priorities are kept by the callers: whoever finds a cause raises
 * it at once.  Vectors are those of the R4400 (User's Manual, ch. 17).
 */
#include "mips/cpu.h"

uint32_t mips_pending(const struct mips_cpu *cpu)
{
    uint32_t ip = cpu->cause & CAUSE_IP_SOFT;

    ip |= __atomic_load_n(&cpu->lines, __ATOMIC_RELAXED);
    if (cpu->timer_ip || cpu->perf_ip)
        ip |= CAUSE_IP7;
    return ip;
}

static void count_exception(struct mips_cpu *cpu, enum mips_exc exc)
{
    unsigned cause = DISCO_TRAP_EXCEPTION;

    cpu->stats.exceptions[exc & 31]++;
    if (exc == EXC_INT) {
        cpu->stats.interrupts++;
        cause = DISCO_TRAP_INTERRUPT;
    } else if (exc == EXC_TLBL || exc == EXC_TLBS || exc == EXC_MOD) {
        cause = DISCO_TRAP_TLB_MISS;
    }
    if (cpu->disco)
        cpu->stats.traps[cause]++;
}

/* EPC, Cause and the jump to the vector. */
static void enter(struct mips_cpu *cpu, enum mips_exc exc, unsigned ce,
                  uint64_t offset)
{
    uint64_t base = cpu->status & ST_BEV ? UINT64_C(0xffffffffbfc00200)
                                         : UINT64_C(0xffffffff80000000);

    count_exception(cpu, exc);
    cpu->cause &= CAUSE_IP_SOFT | CAUSE_BD;
    if (!(cpu->status & ST_EXL)) {
        cpu->epc = cpu->cur_bd ? cpu->cur_pc - 4 : cpu->cur_pc;
        cpu->cause = (cpu->cause & ~CAUSE_BD) | (cpu->cur_bd ? CAUSE_BD : 0);
    } else {
        offset = 0x180;
    }
    cpu->cause |= (uint32_t)exc << 2 | ce << CAUSE_CE_SHIFT;
    cpu->ll_valid = false;
    cpu->mmio_done = false; /* its instruction did not get that far */
    cpu->pc = base + offset;
    cpu->delay = false;
    mips_status_set(cpu, cpu->status | ST_EXL);
}

void mips_raise(struct mips_cpu *cpu, enum mips_exc exc)
{
    enter(cpu, exc, 0, 0x180);
}

void mips_raise_cpu(struct mips_cpu *cpu, unsigned coprocessor)
{
    enter(cpu, EXC_CPU, coprocessor, 0x180);
}

/* Which refill vector: by the region of the address, not by the mode. */
uint64_t mips_refill_offset(const struct mips_cpu *cpu, uint64_t va)
{
    uint32_t bit;

    switch (va >> 62) {
    case 0:
        bit = ST_UX;
        break;
    case 1:
        bit = ST_SX;
        break;
    default:
        bit = va >= UINT64_C(0xffffffffc0000000) &&
                      va < UINT64_C(0xffffffffe0000000)
                  ? ST_SX
                  : ST_KX;
        break;
    }
    return cpu->status & bit ? 0x080 : 0x000;
}

void mips_raise_address(struct mips_cpu *cpu, enum mips_exc exc, uint64_t va,
                        bool refill)
{
    uint64_t offset = 0x180;

    cpu->badvaddr = va;
    if (exc != EXC_ADEL && exc != EXC_ADES) {
        uint64_t asid = cpu->entryhi & 0xff;

        cpu->badvpn = va;
        cpu->entryhi = (va & UINT64_C(0xc0000fffffffe000)) | asid;
        if (refill)
            offset = mips_refill_offset(cpu, va);
    }
    if (refill && !(cpu->status & ST_EXL))
        cpu->stats.tlb_refills++;
    enter(cpu, exc, 0, offset);
}

void mips_eret(struct mips_cpu *cpu)
{
    cpu->ll_valid = false;
    cpu->delay = false;
    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_ERET]++;
    if (cpu->status & ST_ERL) {
        cpu->pc = cpu->errorepc;
        mips_status_set(cpu, cpu->status & ~ST_ERL);
    } else {
        cpu->pc = cpu->epc;
        mips_status_set(cpu, cpu->status & ~ST_EXL);
    }
}
