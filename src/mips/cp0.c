/*
 * cp0.c - the system control coprocessor's registers, and what a change of
 * Status means for the rest.  Hazards are interlocked on the R10000: everything
 * takes effect on the next instruction.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/cpu.h"
#include "mips/insn.h"

#define SX32(v)       ((uint64_t)(int64_t)(int32_t)(uint32_t)(v))
#define HI_WRITABLE   UINT64_C(0xc0000fffffffe0ff)
#define CONTEXT_BASE  (~UINT64_C(0x7fffff))
#define XCONTEXT_BASE (~UINT64_C(0x1fffffffff))

/*
 * CPU models as data (User's Manual 14.13; perf counters by generation): PRId,
 * FIR, Config, performance counters, highest ISA level.
 */
static const struct mips_model models[] = {
    { "R10000", 0x00000934, 0x00000900, 0x6c01a000, 2, INSN_ISA_R10K },
    { "R12000", 0x00000e23, 0x00000900, 0x6c01a000, 4, INSN_ISA_R10K },
    { "R14000", 0x00000f12, 0x00000900, 0x6c01a000, 4, INSN_ISA_R10K },
};

const struct mips_model *mips_model_find(const char *name)
{
    for (unsigned i = 0; i < sizeof(models) / sizeof(models[0]); i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}

bool mips_cp0_usable(const struct mips_cpu *cpu)
{
    if (cpu->mode == MODE_KERNEL || cpu->status & ST_CU0)
        return true;
    /* The monitor emulates what a deprivileged kernel does. */
    return cpu->disco && cpu->mode == MODE_SUPER;
}

/* Counts down with every instruction, from 63 to Wired. */
uint32_t mips_random(const struct mips_cpu *cpu)
{
    uint32_t wired = cpu->wired;

    if (wired >= TLB_ENTRIES)
        return TLB_ENTRIES - 1;
    return TLB_ENTRIES - 1 -
           (uint32_t)((mips_insns(cpu) - cpu->random_base) %
                      (TLB_ENTRIES - wired));
}

/* --- Modes --- */

static uint32_t config_of(const struct mips_cpu *cpu, enum mips_mode mode,
                          bool *addr64)
{
    uint32_t st = cpu->status;
    uint32_t wide = mode == MODE_USER    ? st & ST_UX
                    : mode == MODE_SUPER ? st & ST_SX
                                         : st & ST_KX;
    bool big = cpu->big_config;
    uint32_t config = 0;

    if (mode == MODE_USER && st & ST_RE)
        big = !big;
    *addr64 = wide;
    if (mode == MODE_KERNEL || wide)
        config |= CFG_KEY_OP64;
    if (mode != MODE_USER || st & ST_XX)
        config |= CFG_KEY_MIPS4;
    if (st & ST_FR)
        config |= CFG_KEY_FR;
    if (big)
        config |= CFG_KEY_BIG;
    if (cpu->disco && mode != MODE_USER)
        config |= CFG_KEY_DISCO;
    if (!fpu_is_plain(&cpu->fpu))
        config |= CFG_KEY_SOFT_FP;
    if (mode == MODE_KERNEL)
        config |= (st & ST_KX ? CFG_KX : 0) | (st & ST_SX ? CFG_SX : 0) |
                  (st & ST_UX ? CFG_UX : 0) | (st & ST_ERL ? CFG_ERL : 0);
    else
        config |= wide ? CFG_KX : 0;
    return config;
}

/* The same from what was found last time: exceptions go to and fro. */
static uint32_t view_of(struct mips_cpu *cpu, enum mips_mode mode)
{
    struct mode_view *view = &cpu->view[mode];
    uint32_t status =
        cpu->status & (ST_RE | ST_UX | ST_SX | ST_KX | ST_XX | ST_FR | ST_ERL);
    uint32_t rest = (cpu->fpu.fcsr & (FCSR_RM | FCSR_ENABLES | FCSR_FS)) |
                    (uint32_t)cpu->fpu.exact_denormals << 28 |
                    (uint32_t)cpu->disco << 29 |
                    (uint32_t)cpu->big_config << 30 | UINT32_C(1) << 31;

    if (unlikely(view->status != status || view->rest != rest)) {
        view->config = config_of(cpu, mode, &view->addr64);
        view->status = status;
        view->rest = rest;
    }
    cpu->addr64 = view->addr64;
    return view->config;
}

/* Whose instructions are they? */
static void count_user(struct mips_cpu *cpu, enum mips_mode next)
{
    if (cpu->mode == MODE_USER)
        cpu->user_insns += mips_insns(cpu) - cpu->user_since;
    else if (next == MODE_USER)
        cpu->user_since = mips_insns(cpu);
}

void mips_mode_update(struct mips_cpu *cpu)
{
    uint32_t st = cpu->status;
    enum mips_mode mode = MODE_KERNEL;
    uint32_t config;
    bool big;

    if (!(st & (ST_EXL | ST_ERL))) {
        unsigned ksu = (st & ST_KSU) >> 3;

        mode = ksu == 0 ? MODE_KERNEL : ksu == 1 ? MODE_SUPER : MODE_USER;
    }
    if (mode != cpu->mode)
        count_user(cpu, mode);
    cpu->mode = (uint8_t)mode;
    config = view_of(cpu, mode);
    mips_table_select(cpu, config);
    cpu->config_key = config & CFG_KEY;
    fpu_set_usable(&cpu->fpu, st & ST_CU1);
    big = config & CFG_KEY_BIG;
    if (big != cpu->big) {
        cpu->big = big;
        cpu->resync = true; /* the other interpreter goes on */
    }
}

void mips_status_set(struct mips_cpu *cpu, uint32_t value)
{
    if (cpu->perf_event[0] | cpu->perf_event[1] | cpu->perf_event[2] |
        cpu->perf_event[3]) {
        mips_perf_bring(cpu);
        cpu->resync = true; /* the slice was cut for what counted before */
    }
    cpu->status = value;
    if (cpu->watch_waits)
        cpu->resync = true;
    mips_mode_update(cpu);
}

static void status_write(struct mips_cpu *cpu, uint32_t value)
{
    uint32_t old = cpu->status, key = cpu->config_key, mode = cpu->mode;
    uint32_t kept = old & ST_TS; /* written 0 clears it, 1 leaves it */

    mips_status_set(cpu, (value & ST_WRITABLE) | (value & kept));
    /* Code of another kind or place follows, or an interrupt. */
    if (cpu->config_key != key || cpu->mode != mode ||
        (old ^ cpu->status) & (ST_KX | ST_SX | ST_UX | ST_ERL) ||
        mips_interrupt_due(cpu))
        cpu->resync = true;
}

/* --- Registers --- */

static void count_privileged(struct mips_cpu *cpu)
{
    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_PRIVILEGED]++;
}

uint64_t mips_cp0_read(struct mips_cpu *cpu, unsigned reg)
{
    count_privileged(cpu);
    switch (reg) {
    case C0_INDEX:
        return SX32(cpu->index);
    case C0_RANDOM:
        return mips_random(cpu);
    case C0_ENTRYLO0:
    case C0_ENTRYLO1:
        return cpu->entrylo[reg - C0_ENTRYLO0];
    case C0_CONTEXT:
        return cpu->context | (cpu->badvpn >> 13 & 0x7ffff) << 4;
    case C0_PAGEMASK:
        return cpu->pagemask;
    case C0_WIRED:
        return cpu->wired;
    case C0_BADVADDR:
        return cpu->badvaddr;
    case C0_COUNT:
        return SX32(mips_count_read(cpu));
    case C0_ENTRYHI:
        return cpu->entryhi;
    case C0_COMPARE:
        return SX32(cpu->compare);
    case C0_STATUS:
        return SX32(cpu->status);
    case C0_CAUSE:
        mips_timer_check(cpu);
        return SX32(cpu->cause | mips_pending(cpu));
    case C0_EPC:
        return cpu->epc;
    case C0_PRID:
        return cpu->prid;
    case C0_CONFIG:
        return SX32(cpu->config);
    case C0_LLADDR:
        return SX32(cpu->lladdr);
    case C0_WATCHLO:
        return SX32(cpu->watchlo);
    case C0_WATCHHI:
        return cpu->watchhi;
    case C0_XCONTEXT:
        return cpu->xcontext_base | (cpu->badvpn >> 62) << 35 |
               (cpu->badvpn >> 13 & 0x7fffffff) << 4;
    case C0_FRAMEMASK:
        return cpu->framemask;
    case C0_DIAG:
        return cpu->diag;
    case C0_ECC:
        return cpu->ecc;
    case C0_TAGLO:
        return SX32(cpu->taglo);
    case C0_TAGHI:
        return SX32(cpu->taghi);
    case C0_ERROREPC:
        return cpu->errorepc;
    default:
        return 0; /* reserved, CacheErr */
    }
}

static void entryhi_write(struct mips_cpu *cpu, uint64_t value)
{
    uint64_t old = cpu->entryhi;

    cpu->entryhi = value & HI_WRITABLE;
    if ((old ^ cpu->entryhi) & 0xff) {
        mips_table_select(cpu, cpu->table->config);
        /* Only mapped code could be another one now. */
        if (cpu->cur_pc - UINT64_C(0xffffffff80000000) >= 0x40000000)
            cpu->resync = true;
    }
}

static void watch_write(struct mips_cpu *cpu, unsigned reg, uint32_t value)
{
    if (reg == C0_WATCHLO)
        cpu->watchlo = value & ~4u;
    else
        cpu->watchhi = value & 0xff;
    cpu->watch_waits = false;
    mips_tables_flush(cpu); /* watched pages take the slow path */
    cpu->resync = true;
}

void mips_cp0_write(struct mips_cpu *cpu, unsigned reg, uint64_t value)
{
    uint32_t v32 = (uint32_t)value;

    count_privileged(cpu);
    switch (reg) {
    case C0_INDEX:
        cpu->index = (cpu->index & 0x80000000u) | (v32 & 63);
        break;
    case C0_ENTRYLO0:
    case C0_ENTRYLO1:
        cpu->entrylo[reg - C0_ENTRYLO0] = value & CP0_LO_WRITABLE;
        break;
    case C0_CONTEXT:
        cpu->context = value & CONTEXT_BASE;
        break;
    case C0_PAGEMASK:
        cpu->pagemask = v32 & 0x01ffe000;
        break;
    case C0_WIRED:
        cpu->wired = v32 & 63;
        cpu->random_base = mips_insns(cpu);
        break;
    case C0_COUNT:
        mips_count_write(cpu, v32);
        break;
    case C0_ENTRYHI:
        entryhi_write(cpu, value);
        break;
    case C0_COMPARE:
        mips_compare_write(cpu, v32);
        break;
    case C0_STATUS:
        status_write(cpu, v32);
        break;
    case C0_CAUSE:
        cpu->cause = (cpu->cause & ~CAUSE_IP_SOFT) | (v32 & CAUSE_IP_SOFT);
        if (mips_interrupt_due(cpu))
            cpu->resync = true;
        break;
    case C0_EPC:
        cpu->epc = value;
        break;
    case C0_CONFIG:
        cpu->config = (cpu->config & ~7u) | (v32 & 7);
        break;
    case C0_LLADDR:
        cpu->lladdr = v32;
        break;
    case C0_WATCHLO:
    case C0_WATCHHI:
        watch_write(cpu, reg, v32);
        break;
    case C0_XCONTEXT:
        cpu->xcontext_base = value & XCONTEXT_BASE;
        break;
    case C0_FRAMEMASK:
        cpu->framemask = v32 & 0xffff;
        break;
    case C0_DIAG:
        cpu->diag = value;
        break;
    case C0_ECC:
        cpu->ecc = v32 & 0x3ff;
        break;
    case C0_TAGLO:
        cpu->taglo = v32;
        break;
    case C0_TAGHI:
        cpu->taghi = v32;
        break;
    case C0_ERROREPC:
        cpu->errorepc = value;
        break;
    default:
        break; /* read-only and reserved registers */
    }
}

/* Cold reset (User's Manual ch. 17). */
void mips_cp0_reset(struct mips_cpu *cpu)
{
    mips_tlb_reset(cpu);
    mips_mtlb_flush(cpu);
    mips_tables_flush(cpu);
    cpu->cause = 0;
    cpu->timer_ip = cpu->perf_ip = false;
    cpu->index = cpu->wired = cpu->pagemask = cpu->framemask = 0;
    cpu->random_base = mips_insns(cpu);
    cpu->prid = cpu->model->prid;
    cpu->config = cpu->model->config | 2 | (cpu->big_config ? 0x8000 : 0) |
                  (cpu->host->vcpu_index & 3) << 3;
    if (!cpu->big_config)
        cpu->config &= ~0x8000u;
    cpu->watchlo = cpu->watchhi = 0;
    cpu->watch_waits = false;
    cpu->entrylo[0] = cpu->entrylo[1] = cpu->entryhi = 0;
    cpu->context = cpu->xcontext_base = cpu->badvaddr = cpu->badvpn = 0;
    cpu->epc = 0;
    cpu->errorepc = UINT64_C(0xffffffffbfc00000);
    cpu->diag = 0;
    cpu->ecc = cpu->taglo = cpu->taghi = cpu->lladdr = 0;
    memset(cpu->perf_event, 0, sizeof(cpu->perf_event));
    memset(cpu->perf_count, 0, sizeof(cpu->perf_count));
    cpu->compare = 0;
    cpu->ll_valid = false;
    cpu->delay = false;
    mips_status_set(cpu, ST_ERL | ST_BEV);
    mips_compare_write(cpu, 0);
}
