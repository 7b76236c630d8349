/*
 * backend.c - the R10000 as a backend: creation, the outer run loop, the
 * vtable.
 *
 * Between two slices of the interpreter everything slow is settled here:
 * requests of the monitor, timers, interrupts.  A slice is cut so that it ends
 * exactly where the next deadline is.
 */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "mips/interp.h"
#include "mips/jit/engine.h"
#include "mips/mips.h"
#include "mips/regs.h"
#include "mips/state.h"
#include "x64/features.h"

/* Decoded pages; translated code leaves the interpreter little to do. */
enum { CODE_PAGES_MAX = 2048, CODE_PAGES_JIT = 64 };

/* --- Life --- */

static disco_status fail(disco_error *err, disco_status status,
                         const char *text, const char *what)
{
    if (err) {
        err->status = status;
        snprintf(err->text, sizeof(err->text), "%s%s%s%s", text,
                 what ? " \"" : "", what ? what : "", what ? "\"" : "");
    }
    return status;
}

static disco_status check_config(const disco_vcpu_config *config,
                                 disco_error *err)
{
    uint32_t n = config->l2tlb_entries;

    if (config->mode > DISCO_MODE_DISCO)
        return fail(err, DISCO_E_INVAL, "vCPU config: unknown mode", NULL);
    if (config->l2tlb > DISCO_OFF)
        return fail(err, DISCO_E_INVAL,
                    "vCPU config: l2tlb is not default, on or off", NULL);
    if (n && (n < 64 || n > 65536 || n & (n - 1)))
        return fail(err, DISCO_E_INVAL,
                    "vCPU config: l2tlb_entries is not a power of two from 64 "
                    "to 65536",
                    NULL);
    if (config->order && config->order != DISCO_BIG &&
        config->order != DISCO_LITTLE)
        return fail(err, DISCO_E_INVAL,
                    "vCPU config: order is not big or "
                    "little",
                    NULL);
    if (config->fp > DISCO_FP_R10000)
        return fail(err, DISCO_E_INVAL, "vCPU config: unknown fp mode", NULL);
    return DISCO_OK;
}

static void mips_reset(void *state)
{
    struct mips_cpu *cpu = state;
    bool exact = cpu->fpu.exact_denormals;

    memset(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->hi = cpu->lo = 0;
    fpu_reset(&cpu->fpu, cpu->model->fir);
    fpu_set_exact(&cpu->fpu, exact);
    mips_cp0_reset(cpu);
    if (cpu->l2)
        mips_l2_flush(cpu);
    cpu->pc = UINT64_C(0xffffffffbfc00000);
    cpu->mmio_done = false;
    cpu->exit_reason = 0;
}

static void mips_destroy(void *state)
{
    struct mips_cpu *cpu = state;
    const disco_backend_host *host = cpu->host;

    for (unsigned i = 0; i < CODE_BUCKETS; i++) {
        while (cpu->buckets[i]) {
            struct code_page *page = cpu->buckets[i];

            cpu->buckets[i] = page->hash_next;
            host->free(host->ctx, page, sizeof(*page));
        }
    }
    mips_code_bury(cpu);
    jit_detach(cpu);
    if (cpu->transient)
        host->free(host->ctx, cpu->transient, sizeof(*cpu->transient));
    mips_l2_destroy(cpu);
    mips_line_destroy(cpu);
    mips_tables_destroy(cpu);
    host->free(host->ctx, cpu, sizeof(*cpu));
}

/* BEST is what is there. */
static disco_status set_engine(struct mips_cpu *cpu, uint32_t engine)
{
    bool want = engine != DISCO_ENGINE_INTERP;

    if (want && !cpu->jit.shared && !jit_attach(cpu)) {
        if (engine == DISCO_ENGINE_JIT)
            return DISCO_E_UNSUPPORTED;
        want = false;
    }
    cpu->jit.on = want;
    cpu->code_pages_max = want ? CODE_PAGES_JIT : CODE_PAGES_MAX;
    return 0;
}

static disco_status mips_create(const disco_backend_host *host,
                                const disco_vcpu_config *config, void **state,
                                disco_error *err)
{
    const char *model = config->model ? config->model : "R10000";
    disco_status status = check_config(config, err);
    struct mips_cpu *cpu;

    if (status)
        return status;
    if (!mips_model_find(model))
        return fail(err, DISCO_E_NOENT, "vCPU config: no CPU model", model);
    cpu = host->alloc(host->ctx, sizeof(*cpu));
    if (!cpu)
        return fail(err, DISCO_E_NOMEM, "no memory for a vCPU", NULL);
    cpu->host = host;
    cpu->model = mips_model_find(model);
    cpu->request = host->request;
    cpu->big_config = config->order != DISCO_LITTLE;
    cpu->big = cpu->big_config;
    cpu->disco = config->mode == DISCO_MODE_DISCO;
    cpu->break_exit = config->break_exit;
    cpu->code_pages_max = CODE_PAGES_MAX;
    cpu->mmio_page = UINT64_MAX;
    cpu->timer_cycles = UINT64_MAX;
    if (mips_tables_create(cpu))
        goto no_memory;
    if (config->l2tlb == DISCO_ON ||
        (config->l2tlb == DISCO_DEFAULT && cpu->disco))
        if (mips_l2_create(cpu, config->l2tlb_entries ? config->l2tlb_entries
                                                      : 1024))
            goto no_memory;
    mips_reset(cpu);
    fpu_set_exact(&cpu->fpu, config->fp == DISCO_FP_R10000);
    mips_mode_update(cpu);
    if (set_engine(cpu, config->engine)) {
        mips_destroy(cpu);
        return fail(err, DISCO_E_UNSUPPORTED,
                    "vCPU config: there is no JIT here", NULL);
    }
    *state = cpu;
    return DISCO_OK;

no_memory:
    mips_destroy(cpu);
    return fail(err, DISCO_E_NOMEM, "no memory for a vCPU's tables", NULL);
}

static void mips_set_pc(void *state, uint64_t pc)
{
    struct mips_cpu *cpu = state;

    cpu->pc = pc;
    cpu->delay = false;
    cpu->mmio_done = false;
}

/* --- Running --- */

/* Act on what poll says; returns a reason to leave, or 0. */
static uint32_t serve(struct mips_cpu *cpu)
{
    const disco_backend_host *host = cpu->host;
    uint32_t bits;

    fpu_leave(&cpu->fpu);
    bits = host->poll(host->ctx);
    fpu_enter(&cpu->fpu);
    cpu->mmio_page = UINT64_MAX;
    if (bits & DISCO_REQ_STOP)
        return DISCO_EXIT_SHUTDOWN;
    if (bits & DISCO_REQ_IDLE) {
        cpu->stats.idles++;
        if (cpu->disco)
            cpu->stats.traps[DISCO_TRAP_IDLE]++;
        mips_timer_check(cpu);
        if (!(mips_pending(cpu) & cpu->status & ST_IM))
            return DISCO_EXIT_IDLE;
    }
    if (bits & DISCO_REQ_KICK)
        return DISCO_EXIT_KICK;
    if (bits & DISCO_REQ_YIELD)
        return DISCO_EXIT_YIELD;
    if (bits & DISCO_REQ_TIMER)
        return DISCO_EXIT_BUDGET;
    return 0;
}

static bool watch_due(const struct mips_cpu *cpu)
{
    return cpu->watch_waits && !(cpu->status & (ST_EXL | ST_ERL));
}

static void take_interrupt(struct mips_cpu *cpu)
{
    bool watch = watch_due(cpu);

    cpu->cur_pc = cpu->pc;
    cpu->cur_bd = false;
    if (watch)
        cpu->watch_waits = false;
    mips_raise(cpu, watch ? EXC_WATCH : EXC_INT);
}

static void run_slice(struct mips_cpu *cpu, uint64_t insns)
{
    cpu->left = (int64_t)insns;
    cpu->slice_end = cpu->insns + insns;
    cpu->resync = false;
    if (unlikely(cpu->line)) {
        if (cpu->big)
            mips_exec_big_line(cpu);
        else
            mips_exec_little_line(cpu);
    } else if (cpu->jit.on) {
        mips_exec_jit(cpu);
    } else if (cpu->big) {
        mips_exec_big(cpu);
    } else {
        mips_exec_little(cpu);
    }
    cpu->insns = mips_insns(cpu);
    cpu->slice_end = cpu->insns;
    cpu->left = 0;
}

/*
 * A branch to itself is looked for when a run begins, and wherever the number
 * of instructions is a multiple of this: odd, for such a loop has two.  Whoever
 * wants fewer than LOOK_LEAST steps through the guest.
 */
enum { LOOK_INSNS = 65537, LOOK_LEAST = 64 };

static uint32_t run_until(struct mips_cpu *cpu, uint64_t end,
                          uint64_t until_cycles)
{
    bool may_look = end - cpu->insns >= LOOK_LEAST, looks = may_look;

    for (;; looks = may_look && cpu->insns % LOOK_INSNS == 0) {
        uint64_t slice, most = end - cpu->insns;

        if (unlikely(load_relaxed(cpu->request))) {
            uint32_t reason = serve(cpu);

            if (reason)
                return reason;
        }
        mips_code_bury(cpu);
        mips_timer_check(cpu);
        if (cpu->perf_event[0] | cpu->perf_event[1] | cpu->perf_event[2] |
            cpu->perf_event[3])
            mips_perf_bring(cpu);
        if (mips_interrupt_due(cpu) || watch_due(cpu)) {
            /* Never between a branch and its slot, nor before a completed
             * access has given its value: run that instruction first. */
            if (!cpu->delay && !cpu->mmio_done)
                take_interrupt(cpu);
            else if (most > 1)
                most = 1;
        } else if (looks && mips_spins(cpu)) {
            cpu->stats.idles++;
            return DISCO_EXIT_IDLE;
        }
        if (most > LOOK_INSNS - cpu->insns % LOOK_INSNS)
            most = LOOK_INSNS - cpu->insns % LOOK_INSNS;
        slice = mips_slice_limit(cpu, until_cycles);
        if (slice > most)
            slice = most;
        if (slice == 0)
            return DISCO_EXIT_BUDGET;
        if (slice > INT64_MAX)
            slice = INT64_MAX;
        run_slice(cpu, slice);
        if (cpu->exit_reason)
            return cpu->exit_reason;
    }
}

static void mips_run(void *state, disco_backend_run *run)
{
    struct mips_cpu *cpu = state;
    uint64_t end = cpu->insns + run->max_insns;

    if (end < cpu->insns)
        end = UINT64_MAX;
    if (cpu->shared != (load_relaxed(&cpu->host->vcpus_max) > 1)) {
        cpu->shared = !cpu->shared;
        mips_tables_flush(cpu);
    }
    cpu->fence = load_relaxed(&cpu->host->threads) > 1 &&
                 cpu->host->memory_order == 0 /* DISCO_ORDER_SC */;
    cpu->exit_reason = 0;
    cpu->mmio_page = UINT64_MAX;
    if (unlikely(cpu->line_epoch != cpu->host->line_epoch) &&
        mips_line_switch(cpu)) {
        run->reason = DISCO_EXIT_NO_MEMORY;
        return;
    }
    fpu_enter(&cpu->fpu);
    if (cpu->jit.shared)
        jit_enter_run(cpu);
    run->reason = run_until(cpu, end, run->until_cycles);
    if (cpu->jit.shared)
        jit_leave_run(cpu);
    fpu_leave(&cpu->fpu);
    run->status = cpu->exit_status;
    run->watch_gpa = cpu->watch_gpa;
    run->watch_bytes = cpu->watch_bytes;
    run->watch_access = cpu->watch_access;
    mips_code_bury(cpu);
}

static void mips_complete(void *state, disco_status status, uint64_t value)
{
    struct mips_cpu *cpu = state;

    cpu->mmio_done = true;
    cpu->mmio_status = status;
    cpu->mmio_value = value;
}

/* --- Interrupts and time --- */

static disco_status mips_set_irq(void *state, uint32_t line, int32_t level)
{
    struct mips_cpu *cpu = state;
    uint32_t bit;

    if (line > 4)
        return DISCO_E_INVAL;
    bit = UINT32_C(0x400) << line; /* IP2 and on */
    if (level)
        or_seq(&cpu->lines, bit);
    else
        and_seq(&cpu->lines, ~bit);
    return DISCO_OK;
}

static int32_t mips_is_pending(void *state)
{
    struct mips_cpu *cpu = state;
    uint32_t ip = mips_pending(cpu);

    if (mips_cycles(cpu) >= cpu->timer_cycles)
        ip |= CAUSE_IP7;
    return (ip & cpu->status & ST_IM) != 0;
}

static uint64_t mips_next_timer(void *state)
{
    struct mips_cpu *cpu = state;

    return cpu->status & CAUSE_IP7 ? cpu->timer_cycles : UINT64_MAX;
}

static uint64_t mips_own_cycles(void *state)
{
    return mips_cycles(state);
}

static void mips_set_cycles(void *state, uint64_t cycles)
{
    struct mips_cpu *cpu = state;
    uint64_t now = mips_cycles(cpu);

    if (cycles > now)
        cpu->skew += cycles - now;
}

/* --- The rest of the vtable --- */

static disco_status mips_reg_get(void *state, uint64_t id, uint64_t *value)
{
    return mips_get_reg(state, id, value);
}

static disco_status mips_reg_set(void *state, uint64_t id, uint64_t value)
{
    return mips_set_reg(state, id, value);
}

static disco_status mips_translate_va(void *state, uint64_t va, uint32_t access,
                                      uint64_t *gpa)
{
    struct mips_xlate xl;

    if (access == DISCO_EXEC && va & 3)
        return DISCO_E_FAULT;
    if (mips_translate(state, &va, access, true, &xl) != EXC_NONE)
        return DISCO_E_FAULT;
    *gpa = xl.gpa;
    return DISCO_OK;
}

static void mips_set_watch(void *state, uint32_t index, uint64_t gpa,
                           uint64_t bytes, uint32_t access)
{
    struct mips_cpu *cpu = state;

    cpu->watch[index] = (struct host_watch){ gpa, bytes, access };
    cpu->watching = false;
    for (unsigned i = 0; i < DISCO_WATCHES; i++)
        cpu->watching |= cpu->watch[i].access != 0;
    cpu->watch_insn = UINT64_MAX;
    mips_tables_flush(cpu); /* watched pages take the slow path */
}

static void mips_invalidate(void *state, uint32_t what, const uint8_t *host,
                            uint64_t frame)
{
    struct mips_cpu *cpu = state;

    cpu->resync = true;
    switch (what) {
    case DISCO_DROP_WRITE:
        mips_tables_drop_host(cpu, host, true);
        break;
    case DISCO_DROP_FRAME:
        mips_tables_drop_host(cpu, host, false);
        mips_code_drop_frame(cpu, frame);
        if (((uintptr_t)cpu->ll_host ^ (uintptr_t)host) < PAGE_SIZE)
            cpu->ll_valid = false;
        break;
    case DISCO_DROP_CODE:
        mips_code_drop_frame(cpu, frame);
        break;
    case DISCO_DROP_DATA:
        mips_tables_flush(cpu);
        cpu->ll_valid = false;
        break;
    default:
        mips_tables_flush(cpu);
        mips_code_drop_all(cpu);
        cpu->ll_valid = false;
        break;
    }
}

static void mips_stats(void *state, disco_vcpu_stats *out)
{
    struct mips_cpu *cpu = state;
    disco_vcpu_stats *s = &cpu->stats;

    out->insns = mips_insns(cpu);
    out->user_insns = cpu->user_insns;
    if (cpu->mode == MODE_USER)
        out->user_insns += out->insns - cpu->user_since;
    memcpy(out->exceptions, s->exceptions, sizeof(out->exceptions));
    out->tlb_refills = s->tlb_refills;
    out->l2tlb_hits = s->l2tlb_hits;
    out->interrupts = s->interrupts;
    out->mmio_reads = s->mmio_reads;
    out->mmio_writes = s->mmio_writes;
    out->moncalls = s->moncalls;
    out->idles = s->idles;
    memcpy(out->traps, s->traps, sizeof(out->traps));
}

static disco_status mips_set_engine(void *state, uint32_t engine)
{
    return set_engine(state, engine);
}

static uint32_t mips_engine(void *state)
{
    const struct mips_cpu *cpu = state;

    return cpu->jit.on ? DISCO_ENGINE_JIT : DISCO_ENGINE_INTERP;
}

const disco_backend_ops mips_backend_ops = {
    .size = sizeof(disco_backend_ops),
    .flags = DISCO_BACKEND_LINES,
    .name = "mips",
    .create = mips_create,
    .destroy = mips_destroy,
    .reset = mips_reset,
    .set_pc = mips_set_pc,
    .run = mips_run,
    .complete = mips_complete,
    .set_irq = mips_set_irq,
    .pending = mips_is_pending,
    .next_timer_cycles = mips_next_timer,
    .cycles = mips_own_cycles,
    .set_cycles = mips_set_cycles,
    .get_reg = mips_reg_get,
    .set_reg = mips_reg_set,
    .reg_name = mips_reg_name,
    .translate = mips_translate_va,
    .set_watch = mips_set_watch,
    .invalidate = mips_invalidate,
    .stats = mips_stats,
    .save = mips_save,
    .load = mips_load,
    .verify = mips_verify,
    .set_engine = mips_set_engine,
    .engine = mips_engine,
    .machine_begin = jit_machine_begin,
    .machine_end = jit_machine_end,
    .code_stats = jit_code_stats,
    .watch_code = jit_watch_code,
};

uint64_t mips_has_jit(void)
{
    return X64_IS_HOST;
}
