/*
 * trap.c - where every exception of the kernel arrives.
 */
#include "kernel.h"

static void interrupt(struct trap_frame *f)
{
    struct cpu *c = this_cpu();
    uint32_t pending = (uint32_t)f->cause & (uint32_t)f->status;

    c->interrupts++;
    if (pending & CAUSE_IP3)
        mailbox_interrupt();
    if (pending & CAUSE_IP2) {
        disk_interrupt();
        net_interrupt();
    }
    if (pending & CAUSE_IP7) {
        clock_interrupt();
        if (f->status & ST_USER)
            process_slice(f);
    }
}

/* A fault on a user address, by the process or by the kernel for it. */
static int page_fault(const struct trap_frame *f, uint32_t code)
{
    struct process *p = this_cpu()->current;

    if (code != EXC_MOD && code != EXC_TLBL && code != EXC_TLBS)
        return -1;
    if (!p)
        return -1;
    return space_fault(&p->space, f->badvaddr, code != EXC_TLBL);
}

/* The kernel in supervisor mode and nobody beneath who emulates CP0: take it.
 */
static int take_cp0(struct trap_frame *f, uint32_t code)
{
    if (!(GUEST_MODE & ST_SUP) || (f->status & ST_KSU) != ST_SUP ||
        code != EXC_CPU || CAUSE_CE((uint32_t)f->cause) != 0)
        return 0;
    guest_status |= ST_CU0;
    f->status |= ST_CU0;
    return 1;
}

void guest_trap(struct trap_frame *f)
{
    uint32_t code = CAUSE_CODE((uint32_t)f->cause);

    if (take_cp0(f, code))
        return;
    if (code == EXC_INT) {
        interrupt(f);
    } else if (page_fault(f, code) == 0) {
        return;
    } else if (f->status & ST_USER) {
        process_trap(f, code);
    } else if (io_probe_trap(f)) {
        return;
    } else if (f->epc == (uint64_t)(uintptr_t)monitor_version_call) {
        f->epc += 4; /* no monitor: $v0 keeps its error */
    } else {
        trap_fatal(f);
    }
}
