/*
 * trap.c - what happens on an exception in a guest that is no kernel of its
 * own: catch() for code that is expected to trap, a hook, last words.
 */
#include "lib.h"

uint64_t catch_call(uint64_t entry, uint64_t a, uint64_t b, uint64_t *sp);
uint64_t enter_mode(uint64_t pc, uint64_t a, uint64_t b, uint64_t status);

int (*volatile trap_hook)(struct trap_frame *frame);
uint32_t guest_status = ST_FR | ST_KX | ST_SX | ST_UX | GUEST_MODE;

static struct {
    struct caught *now;
    uint64_t sp;
    uint64_t status;
} catching;

void trap_fatal(const struct trap_frame *f)
{
    static const char *const names[32] = { "interrupt",
                                           "modified",
                                           "TLB load",
                                           "TLB store",
                                           "address load",
                                           "address store",
                                           "bus fetch",
                                           "bus data",
                                           "syscall",
                                           "break",
                                           "reserved instruction",
                                           "coprocessor",
                                           "overflow",
                                           "trap",
                                           "?",
                                           "floating point" };
    uint32_t code = CAUSE_CODE((uint32_t)f->cause);

    print("TRAP %s: cause %08x status %08x vector %03x\n",
          code < 32 && names[code] ? names[code] : "?", (uint32_t)f->cause,
          (uint32_t)f->status, (uint32_t)f->vector);
    print("TRAP pc %016lx address %016lx ra %016lx sp %016lx\n", f->epc,
          f->badvaddr, f->reg[31], f->reg[29]);
    guest_exit(99);
}

int io_probe_trap(struct trap_frame *f)
{
    extern char io_probe_load[];

    if (f->epc != (uint64_t)(uintptr_t)io_probe_load ||
        CAUSE_CODE((uint32_t)f->cause) != EXC_DBE)
        return 0;
    f->epc += 4;
    return 1;
}

/* A supervisor guest on a machine without a monitor: take CP0 for ourselves. */
static int take_cp0(struct trap_frame *f)
{
    if (!(GUEST_MODE & ST_SUP) || (f->status & ST_KSU) != ST_SUP ||
        CAUSE_CODE((uint32_t)f->cause) != EXC_CPU ||
        CAUSE_CE((uint32_t)f->cause) != 0)
        return 0;
    guest_status |= ST_CU0;
    f->status |= ST_CU0;
    return 1;
}

__attribute__((weak)) void guest_trap(struct trap_frame *f)
{
    struct caught *c = catching.now;

    if (c) {
        catching.now = NULL;
        c->taken = 1;
        c->f = *f;
        c->context = rd_context();
        c->xcontext = rd_xcontext();
        f->epc = (uint64_t)(uintptr_t)catch_return;
        f->reg[29] = catching.sp;
        f->reg[2] = 0;
        f->status = catching.status;
        return;
    }
    if (trap_hook && trap_hook(f))
        return;
    if (take_cp0(f) || io_probe_trap(f))
        return;
    trap_fatal(f);
}

void catch_trap(struct caught *c, uint64_t (*fn)(uint64_t, uint64_t),
                uint64_t a, uint64_t b)
{
    uint64_t value;

    memset(c, 0, sizeof *c);
    catching.status = rd_status();
    catching.now = c;
    value = catch_call((uint64_t)(uintptr_t)fn, a, b, &catching.sp);
    catching.now = NULL;
    c->value = value;
}

/* Arguments of enter_mode() that catch_call() has no room for. */
static uint64_t mode_pc, mode_status;

static uint64_t call_mode(uint64_t a, uint64_t b)
{
    return enter_mode(mode_pc, a, b, mode_status);
}

void catch_in_mode(struct caught *c, uint64_t pc, uint64_t a, uint64_t b,
                   uint32_t status)
{
    mode_pc = pc;
    mode_status = status;
    catch_trap(c, call_mode, a, b);
}
