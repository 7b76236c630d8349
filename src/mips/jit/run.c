/*
 * run.c - the loop around translated code, and what that calls.
 *
 * Translated code knows the instruction it is at by its site.  Here the vCPU's
 * cur_pc, cur_bd and `left` are made from it, so that everything else of the
 * backend works as under the interpreter.  When an operation cannot simply go
 * on, the code first stores the guest's registers and then comes to
 * jit_do_resume.
 */
#include "base/compiler.h"
#include "mips/interp.h"
#include "mips/jit/engine.h"
#include "mips/jit/layout.h"
#include "mips/jit/unit.h"

/* --- Sites
 * ---------------------------------------------------------------------------
 */

static void begin_site(struct mips_cpu *cpu, const struct jit_site *site)
{
    cpu->left = (int64_t)cpu->jit.extra + cpu->jit.budget + site->adj;
    cpu->cur_pc = cpu->jit.vpage + 4u * site->index;
    cpu->cur_bd = site->slot != SLOT_NONE;
}

/* C has used the host's FPU for itself. */
static void fp_again(struct mips_cpu *cpu, const struct jit_site *site)
{
    if (site->is_fp && cpu->fpu.usable)
        fpu_host_acquire(&cpu->fpu);
}

/* Where the branch before the site's delay slot goes. */
static uint64_t after_slot(const struct mips_cpu *cpu,
                           const struct jit_site *site)
{
    uint64_t pc = cpu->cur_pc - 4;

    switch (site->slot) {
    case SLOT_TARGET:
        return cpu->jit.target;
    case SLOT_TAKEN:
        return mips_branch_target(site->branch, pc);
    case SLOT_COND:
        return cpu->jit.cond ? mips_branch_target(site->branch, pc) : pc + 8;
    default:
        return mips_branch_next(cpu, site->branch, pc);
    }
}

/*
 * The instructions charged after this one will not run.  Says what is left to
 * do; jit_do_resume does it.
 */
static uint32_t stop(struct mips_cpu *cpu, const struct jit_site *site,
                     enum mips_result result)
{
    cpu->jit.budget += site->adj;
    cpu->jit.site = site;
    if (result == RES_EXCEPTION) {
        cpu->jit.after = cpu->resync ? AFTER_RAISED : AFTER_NOTHING;
    } else if (result == RES_LEAVE) {
        cpu->jit.budget++; /* it will be run again */
        cpu->jit.after = AFTER_LEAVE;
    } else if (result == RES_DEVICE) {
        cpu->jit.after = AFTER_DEVICE;
    } else {
        cpu->jit.after = AFTER_DONE;
    }
    return 1;
}

/* May the code go on behind the site?  It may count on near entries that were
 * there (emit_group.c). */
static bool may_go_on(const struct mips_cpu *cpu, enum mips_result result,
                      const struct access_table *table, uint32_t drops)
{
    return result == RES_OK && !cpu->resync && cpu->table == table &&
           table->near.drops == drops;
}

/* --- Loads and stores
 * ------------------------------------------------------------------ */

uint32_t jit_do_load(struct mips_cpu *cpu, uint64_t va,
                     const struct jit_site *site, uint32_t bytes)
{
    const struct access_table *table = cpu->table;
    uint32_t drops = table->near.drops;
    enum mips_result result;

    begin_site(cpu, site);
    result = mips_load_memory(cpu, va, bytes, &cpu->jit.value, &cpu->jit.gpa);
    fp_again(cpu, site);
    if (likely(may_go_on(cpu, result, table, drops)))
        return 0;
    return stop(cpu, site, result);
}

uint32_t jit_do_store(struct mips_cpu *cpu, uint64_t va,
                      const struct jit_site *site, uint32_t bytes)
{
    const struct access_table *table = cpu->table;
    uint32_t drops = table->near.drops;
    enum mips_result result;

    begin_site(cpu, site);
    result = mips_store_memory(cpu, va, bytes, cpu->jit.value, &cpu->jit.gpa);
    fp_again(cpu, site);
    if (likely(may_go_on(cpu, result, table, drops)))
        return 0;
    return stop(cpu, site, result);
}

/* What a load that left the unit was to write. */
static void finish_load(struct mips_cpu *cpu, const struct slot *s)
{
    uint64_t v = cpu->jit.value;

    switch (s->op) {
    case OP_LB:
        v = (uint64_t)(int64_t)(int8_t)v;
        break;
    case OP_LH:
        v = (uint64_t)(int64_t)(int16_t)v;
        break;
    case OP_LW:
        v = (uint64_t)(int64_t)(int32_t)v;
        break;
    case OP_LBU:
        v = (uint8_t)v;
        break;
    case OP_LHU:
        v = (uint16_t)v;
        break;
    case OP_LWU:
        v = (uint32_t)v;
        break;
    case OP_LD:
        break;
    case OP_LWC1:
    case OP_LWXC1:
        fpu_set_w(&cpu->fpu, s->d, (uint32_t)v);
        return;
    case OP_LDC1:
    case OP_LDXC1:
        cpu->fpu.fpr[s->d] = v;
        return;
    default:
        return;
    }
    cpu->gpr[s->d] = v;
}

static unsigned bytes_of(unsigned op)
{
    if (jit_op_info[op].bytes)
        return jit_op_info[op].bytes;
    return jit_op_info[op].is_double ? 8 : 4; /* FP */
}

static bool is_store(unsigned op)
{
    return jit_op_info[op].kind == KIND_STORE || op == OP_SWC1 ||
           op == OP_SDC1 || op == OP_SWXC1 || op == OP_SDXC1;
}

/* Device registers: all of the guest's are in memory now.  What is left to do
 * after it. */
static unsigned access_device(struct mips_cpu *cpu, const struct jit_site *site)
{
    unsigned op = site->insn.op;
    enum mips_result result = mips_device_access(
        cpu, cpu->jit.gpa, bytes_of(op), is_store(op), &cpu->jit.value);

    if (result == RES_LEAVE) {
        cpu->jit.budget++;
        return AFTER_LEAVE;
    }
    return result == RES_OK ? AFTER_DONE : AFTER_RAISED;
}

uint32_t jit_do_resume(struct mips_cpu *cpu)
{
    const struct jit_site *site = cpu->jit.site;
    unsigned after = cpu->jit.after;
    bool looks = after != AFTER_DEVICE;

    cpu->jit.after = AFTER_NOTHING;
    if (after == AFTER_DEVICE)
        after = access_device(cpu, site);
    if (after == AFTER_DONE) {
        finish_load(cpu, &site->insn);
        cpu->pc = cpu->cur_bd ? after_slot(cpu, site) : cpu->cur_pc + 4;
    } else if (after == AFTER_LEAVE) {
        cpu->pc = cpu->cur_pc;
        cpu->delay = cpu->cur_bd;
        if (cpu->delay)
            cpu->delay_target = after_slot(cpu, site);
        looks = true;
    }
    return looks || cpu->resync ? JIT_OUT : JIT_DISPATCH;
}

/* --- Other operations
 * -------------------------------------------------------------------- */

/* An operation with everything stored, which goes on after it unless pc is set
 * or there is a reason to look. */
uint32_t jit_do_op(struct mips_cpu *cpu, const struct jit_site *site)
{
    const struct access_table *table = cpu->table;
    uint32_t drops = table->near.drops;
    enum mips_result result;

    begin_site(cpu, site);
    result = mips_do_op(cpu, &site->insn);
    fp_again(cpu, site);
    if (likely(may_go_on(cpu, result, table, drops)))
        return 0;
    return stop(cpu, site, result);
}

uint32_t jit_do_op_end(struct mips_cpu *cpu, const struct jit_site *site)
{
    enum mips_result result;

    begin_site(cpu, site);
    cpu->pc = 0;
    result = mips_do_op(cpu, &site->insn);
    if (result == RES_OK && site->insn.op == OP_ERET)
        cpu->jit.eret = cpu->pc;
    else if (result == RES_OK)
        cpu->pc = cpu->cur_bd ? after_slot(cpu, site) : cpu->cur_pc + 4;
    stop(cpu, site, result);
    if (result == RES_LEAVE)
        return jit_do_resume(cpu);
    cpu->jit.after = AFTER_NOTHING;
    if (unlikely(cpu->resync))
        return JIT_OUT;
    if (site->insn.op == OP_ERET &&
        (mips_interrupt_due(cpu) || load_relaxed(cpu->request)))
        return JIT_OUT;
    return JIT_DISPATCH;
}

uint32_t jit_do_raise(struct mips_cpu *cpu, const struct jit_site *site,
                      uint32_t exc)
{
    begin_site(cpu, site);
    cpu->jit.budget += site->adj;
    mips_raise(cpu, (enum mips_exc)exc);
    return cpu->resync ? JIT_OUT : JIT_DISPATCH;
}

/* FP instructions follow: CP1 must be usable, and the host's FPU made ours. */
uint32_t jit_do_fp_go(struct mips_cpu *cpu, const struct jit_site *site)
{
    if (unlikely(!cpu->fpu.usable)) {
        begin_site(cpu, site);
        mips_raise_cpu(cpu, 1);
        return stop(cpu, site, RES_EXCEPTION);
    }
    fpu_host_acquire(&cpu->fpu);
    return 0;
}

/* --- The loop
 * --------------------------------------------------------------------------------------
 */

/* The top of the loop: nothing of ours is in use now. */
static void pass_epoch(struct mips_cpu *cpu)
{
    uint64_t epoch = load_seq(&cpu->jit.shared->epoch);

    store_relaxed(&cpu->jit.kick, 0);
    if (likely(epoch == cpu->jit.seen))
        return;
    jit_refs_drop_dead(cpu);
    store_seq(&cpu->jit.seen, epoch);
}

void jit_enter_run(struct mips_cpu *cpu)
{
    store_seq(&cpu->jit.in_run, 1);
    pass_epoch(cpu);
}

void jit_leave_run(struct mips_cpu *cpu)
{
    store_seq(&cpu->jit.in_run, 0);
}

/* Into translated code: at cpu->pc, or at `code` of the page there. */
static enum jit_reason enter(struct mips_cpu *cpu, const uint8_t *code)
{
    const struct jit_routines *r = &cpu->jit.shared->routines;
    uint32_t (*go)(struct mips_cpu *, const uint8_t *) =
        (uint32_t(*)(struct mips_cpu *, const uint8_t *))(
            uintptr_t)(code ? r->enter_at : r->enter);
    uint32_t reason;

    cpu->jit.vpage = cpu->pc & PAGE_MASK;
    cpu->jit.budget = cpu->left < QUANTUM ? (int32_t)cpu->left : QUANTUM;
    cpu->jit.extra = (uint64_t)(cpu->left - cpu->jit.budget);
    reason = go(cpu, code);
    cpu->left = (int64_t)cpu->jit.extra + cpu->jit.budget;
    return (enum jit_reason)reason;
}

/* A block of what is left, for once. */
static enum jit_reason run_cut(struct mips_cpu *cpu)
{
    unsigned index = (unsigned)(cpu->pc & PAGE_OFFSET) / 4;
    struct jit *jit = cpu->jit.shared;
    const uint8_t *code;

    lock_take(&jit->lock);
    code = jit_compile_once(jit, jit_page_at_pc(cpu), index,
                            cpu->pc & PAGE_MASK, (unsigned)cpu->left);
    lock_give(&jit->lock);
    return code ? enter(cpu, code) : JIT_INTERPRET;
}

/* What translated code was left for; false: the outer loop looks. */
static bool act(struct mips_cpu *cpu, enum jit_reason reason)
{
    switch (reason) {
    case JIT_DISPATCH:
        return true;
    case JIT_TAIL: /* less is left than a block wants, or somebody asks */
        if (load_relaxed(cpu->request))
            return false;
        return load_relaxed(&cpu->jit.kick) || jit_interpret_block(cpu);
    case JIT_HOT:
        jit_heat_ended(cpu);
        return true;
    case JIT_INTERPRET:
        return jit_interpret_block(cpu);
    default:
        return false;
    }
}

static bool step(struct mips_cpu *cpu)
{
    enum jit_reason reason;

    if (cpu->delay) {
        cpu->jit.jumped = false;
        return jit_interpret(cpu, 1);
    }
    switch (jit_find(cpu)) {
    case FOUND:
        break;
    case FOUND_EXCEPTION:
        cpu->left--; /* so that a fetch fault without end comes to one */
        return true;
    case FOUND_LEAVE:
        return false;
    case FOUND_COLD:
        return jit_interpret_block(cpu);
    case FOUND_NOTHING:
        cpu->jit.jumped = false;
        return jit_interpret(cpu, 16);
    }
    if (cpu->resync)
        return false;
    reason = enter(cpu, NULL);
    if (unlikely(cpu->jit.exact) && reason == JIT_TAIL && cpu->left > 0 &&
        cpu->left <= BLOCK_INSNS_MAX + 2 && jit_find(cpu) == FOUND)
        reason = run_cut(cpu);
    cpu->jit.jumped = reason == JIT_DISPATCH;
    return act(cpu, reason);
}

void mips_exec_jit(struct mips_cpu *cpu)
{
    cpu->jit.jumped = false;
    do
        pass_epoch(cpu);
    while (!cpu->resync && cpu->left > 0 && !cpu->exit_reason && step(cpu));
}
