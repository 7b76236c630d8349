/*
 * regs.c - registers by id, for the host: debugger, loader, snapshot.
 *
 * Unlike the CPU's own moves these reach everything, raise nothing and count
 * nothing.
 */
#include "mips/regs.h"

#include "mips/cpu.h"

static disco_status get_special(struct mips_cpu *cpu, uint64_t id,
                                uint64_t *value)
{
    switch (id) {
    case DISCO_REG_PC:
        *value = cpu->pc;
        return DISCO_OK;
    case DISCO_REG_HI:
        *value = cpu->hi;
        return DISCO_OK;
    case DISCO_REG_LO:
        *value = cpu->lo;
        return DISCO_OK;
    case DISCO_REG_DELAY:
        *value = cpu->delay;
        return DISCO_OK;
    case DISCO_REG_DELAY_TARGET:
        *value = cpu->delay_target;
        return DISCO_OK;
    case DISCO_REG_LLBIT:
        *value = cpu->ll_valid;
        return DISCO_OK;
    case DISCO_REG_INSNS:
        *value = mips_insns(cpu);
        return DISCO_OK;
    default:
        return DISCO_E_INVAL;
    }
}

static disco_status get_tlb(const struct mips_cpu *cpu, unsigned index,
                            uint64_t *value)
{
    const struct tlb_entry *e = &cpu->tlb[index / 4];

    switch (index % 4) {
    case DISCO_TLB_ENTRYHI:
        *value = mips_tlb_hi(e);
        break;
    case DISCO_TLB_PAGEMASK:
        *value = e->mask;
        break;
    default:
        *value = e->lo[index % 4 - DISCO_TLB_ENTRYLO0];
        break;
    }
    return DISCO_OK;
}

/* 32-bit CP0 registers are zero-extended in the API. */
static bool is_wide(unsigned reg)
{
    switch (reg) {
    case C0_ENTRYLO0:
    case C0_ENTRYLO1:
    case C0_CONTEXT:
    case C0_BADVADDR:
    case C0_ENTRYHI:
    case C0_EPC:
    case C0_XCONTEXT:
    case C0_DIAG:
    case C0_ERROREPC:
        return true;
    default:
        return false;
    }
}

static uint64_t get_cp0(struct mips_cpu *cpu, unsigned reg)
{
    uint64_t traps = cpu->stats.traps[DISCO_TRAP_PRIVILEGED];
    uint64_t v = mips_cp0_read(cpu, reg);

    /* Not the guest's doing. */
    cpu->stats.traps[DISCO_TRAP_PRIVILEGED] = traps;
    return is_wide(reg) ? v : (uint32_t)v;
}

disco_status mips_get_reg(struct mips_cpu *cpu, uint64_t id, uint64_t *value)
{
    unsigned cls = (unsigned)(id >> 16), index = (unsigned)(id & 0xffff);

    if (id >> 32)
        return DISCO_E_INVAL;
    switch (cls) {
    case DISCO_REG_CLASS_GPR:
        if (index > 31)
            return DISCO_E_INVAL;
        *value = cpu->gpr[index];
        return DISCO_OK;
    case DISCO_REG_CLASS_SPEC:
        return get_special(cpu, id, value);
    case DISCO_REG_CLASS_FPR:
        if (index > 31)
            return DISCO_E_INVAL;
        *value = cpu->fpu.fpr[index];
        return DISCO_OK;
    case DISCO_REG_CLASS_FCR:
        if (index != 0 && index != 31)
            return DISCO_E_INVAL;
        *value = index ? fpu_fcsr_read(&cpu->fpu) : cpu->fpu.fir;
        return DISCO_OK;
    case DISCO_REG_CLASS_CP0:
        if (index > 31 || !mips_reg_name(id))
            return DISCO_E_INVAL;
        *value = get_cp0(cpu, index);
        return DISCO_OK;
    case DISCO_REG_CLASS_PERF:
        if (index >= 2 * PERF_COUNTERS_MAX)
            return DISCO_E_INVAL;
        *value = mips_perf_read(cpu, index / 2, index & 1);
        return DISCO_OK;
    case DISCO_REG_CLASS_TLB:
        if (index >= TLB_ENTRIES * 4)
            return DISCO_E_INVAL;
        return get_tlb(cpu, index, value);
    default:
        return DISCO_E_INVAL;
    }
}

static disco_status set_special(struct mips_cpu *cpu, uint64_t id,
                                uint64_t value)
{
    switch (id) {
    case DISCO_REG_PC:
        cpu->pc = value;
        cpu->delay = false;
        cpu->mmio_done = false;
        return DISCO_OK;
    case DISCO_REG_HI:
        cpu->hi = value;
        return DISCO_OK;
    case DISCO_REG_LO:
        cpu->lo = value;
        return DISCO_OK;
    case DISCO_REG_DELAY:
        cpu->delay = value & 1;
        return DISCO_OK;
    case DISCO_REG_DELAY_TARGET:
        cpu->delay_target = value;
        return DISCO_OK;
    case DISCO_REG_LLBIT:
        /* A reservation can be given up, not made up. */
        if (!(value & 1))
            cpu->ll_valid = false;
        return DISCO_OK;
    default:
        return DISCO_E_INVAL;
    }
}

static void set_tlb(struct mips_cpu *cpu, unsigned index, uint64_t value)
{
    struct tlb_entry e = cpu->tlb[index / 4], made;
    uint64_t part[4] = { mips_tlb_hi(&e), e.lo[0], e.lo[1], e.mask };

    part[index % 4] = value;
    mips_tlb_make(&made, part[DISCO_TLB_ENTRYHI], part[DISCO_TLB_ENTRYLO0],
                  part[DISCO_TLB_ENTRYLO1], (uint32_t)part[DISCO_TLB_PAGEMASK]);
    /* Parts come one by one: G of one half waits for the other. */
    made.lo[0] |= part[DISCO_TLB_ENTRYLO0] & 1;
    made.lo[1] |= part[DISCO_TLB_ENTRYLO1] & 1;
    if (cpu->l2)
        mips_l2_flush(cpu);
    mips_tlb_set_entry(cpu, index / 4, &made);
    mips_tables_flush(cpu);
}

static disco_status set_cp0(struct mips_cpu *cpu, unsigned reg, uint64_t value)
{
    uint64_t traps = cpu->stats.traps[DISCO_TRAP_PRIVILEGED];

    switch (reg) {
    case C0_INDEX:
        cpu->index = (uint32_t)value & 0x8000003fu;
        break;
    case C0_BADVADDR:
        cpu->badvaddr = value;
        break;
    case C0_CAUSE:
        cpu->cause = (uint32_t)value & ~(CAUSE_IP & ~CAUSE_IP_SOFT);
        break;
    case C0_PRID:
        cpu->prid = (uint32_t)value & 0xffff;
        break;
    case C0_CONFIG:
        cpu->config = (uint32_t)value;
        break;
    case C0_XCONTEXT:
        mips_cp0_write(cpu, reg, value);
        cpu->badvpn = (value >> 35 & 3) << 62 | (value >> 4 & 0x7fffffff) << 13;
        break;
    default:
        mips_cp0_write(cpu, reg, value);
        break;
    }
    cpu->stats.traps[DISCO_TRAP_PRIVILEGED] = traps;
    return DISCO_OK;
}

disco_status mips_set_reg(struct mips_cpu *cpu, uint64_t id, uint64_t value)
{
    unsigned cls = (unsigned)(id >> 16), index = (unsigned)(id & 0xffff);

    if (id >> 32)
        return DISCO_E_INVAL;
    switch (cls) {
    case DISCO_REG_CLASS_GPR:
        if (index > 31)
            return DISCO_E_INVAL;
        if (index)
            cpu->gpr[index] = value;
        return DISCO_OK;
    case DISCO_REG_CLASS_SPEC:
        return set_special(cpu, id, value);
    case DISCO_REG_CLASS_FPR:
        if (index > 31)
            return DISCO_E_INVAL;
        cpu->fpu.fpr[index] = value;
        return DISCO_OK;
    case DISCO_REG_CLASS_FCR:
        if (index != 31)
            return DISCO_E_INVAL;
        fpu_fcsr_write(&cpu->fpu, (uint32_t)value);
        mips_mode_update(cpu);
        return DISCO_OK;
    case DISCO_REG_CLASS_CP0:
        if (index > 31 || !mips_reg_name(id))
            return DISCO_E_INVAL;
        return set_cp0(cpu, index, value);
    case DISCO_REG_CLASS_PERF:
        if (index >= 2 * PERF_COUNTERS_MAX)
            return DISCO_E_INVAL;
        mips_perf_write(cpu, index / 2, index & 1, (uint32_t)value);
        return DISCO_OK;
    case DISCO_REG_CLASS_TLB:
        if (index >= TLB_ENTRIES * 4)
            return DISCO_E_INVAL;
        set_tlb(cpu, index, value);
        return DISCO_OK;
    default:
        return DISCO_E_INVAL;
    }
}
