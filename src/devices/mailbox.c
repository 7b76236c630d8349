/*
 * mailbox.c - per-CPU mailboxes: interprocessor interrupts on IP3, and the
 * start of secondary CPUs.
 *
 * Every CPU has a window of 64-bit registers (guest.h) that all CPUs may write.
 * One mutex; vCPUs are told and started without it.
 */
#include <disco/board.h>

#include <stddef.h>
#include <disco/guest.h>

#include "devices/cpuirq.h"
#include "devices/dev.h"

enum { MAILBOX_CPU_LINE = 1 /* IP3 */, GPR_GP = 28, GPR_SP = 29 };

struct mailbox_cpu {
    uint64_t pending;
    uint64_t sp;
    uint64_t gp;
    uint64_t pc;
};

struct mailbox {
    struct lock lock;
    disco_machine *machine;
    struct cpuirq irq;
    uint32_t cpus;
    /*
     * CPUs that this mailbox started since the last reset, one bit each: their
     * registers are no longer ours to set.
     */
    uint64_t started;
    struct mailbox_cpu cpu[CPUIRQ_CPUS_MAX];
};

static disco_status mailbox_read(void *opaque, const disco_mmio_access *access,
                                 uint64_t *value)
{
    struct mailbox *box = opaque;
    uint64_t index = access->offset / DISCO_MAILBOX_STRIDE;
    struct mailbox_cpu *cpu;
    disco_status err = dev_reg64_check(access);

    if (err || index >= box->cpus)
        return DISCO_E_FAULT;
    cpu = &box->cpu[index];
    lock_take(&box->lock);
    switch (access->offset % DISCO_MAILBOX_STRIDE & ~UINT64_C(7)) {
    case DISCO_MAILBOX_SET:
    case DISCO_MAILBOX_CLEAR:
        *value = 0;
        break;
    case DISCO_MAILBOX_STATUS:
        *value = cpu->pending;
        break;
    case DISCO_MAILBOX_SP:
        *value = cpu->sp;
        break;
    case DISCO_MAILBOX_GP:
        *value = cpu->gp;
        break;
    case DISCO_MAILBOX_PC:
        *value = cpu->pc;
        break;
    default:
        err = DISCO_E_FAULT;
        break;
    }
    lock_give(&box->lock);
    return err;
}

/* Let a parked CPU run with what its window holds. */
static void mailbox_start_give(struct mailbox *box, uint32_t index)
{
    const uint64_t ids[2] = { DISCO_REG_GPR(GPR_SP), DISCO_REG_GPR(GPR_GP) };
    uint64_t values[2] = { box->cpu[index].sp, box->cpu[index].gp };
    uint64_t bit = UINT64_C(1) << index;
    uint64_t pc = box->cpu[index].pc;
    disco_vcpu *vcpu = disco_vm_vcpu(box->irq.vm, index);

    if (!vcpu || !disco_vcpu_is_parked(vcpu) || box->started & bit) {
        lock_give(&box->lock);
        return;
    }
    /* Two CPUs may start the same third: the first one wins. */
    box->started |= bit;
    lock_give(&box->lock);
    if (disco_vcpu_set_regs(vcpu, ids, values, 2) == 0)
        disco_vcpu_start(vcpu, pc);
}

static disco_status mailbox_write(void *opaque, const disco_mmio_access *access,
                                  uint64_t written)
{
    struct mailbox *box = opaque;
    uint64_t index = access->offset / DISCO_MAILBOX_STRIDE;
    uint64_t value = dev_reg64_written(access, written);
    uint64_t bit;
    struct mailbox_cpu *cpu;
    disco_status err = dev_reg64_check(access);

    if (err || index >= box->cpus)
        return DISCO_E_FAULT;
    cpu = &box->cpu[index];
    bit = UINT64_C(1) << index;
    lock_take(&box->lock);
    switch (access->offset % DISCO_MAILBOX_STRIDE & ~UINT64_C(7)) {
    case DISCO_MAILBOX_SET:
        cpu->pending |= value;
        break;
    case DISCO_MAILBOX_CLEAR:
        cpu->pending &= ~value;
        break;
    case DISCO_MAILBOX_STATUS: /* read-only */
        break;
    case DISCO_MAILBOX_SP:
        cpu->sp = value;
        break;
    case DISCO_MAILBOX_GP:
        cpu->gp = value;
        break;
    case DISCO_MAILBOX_PC:
        cpu->pc = value;
        mailbox_start_give(box, (uint32_t)index);
        return 0;
    default:
        err = DISCO_E_FAULT;
        break;
    }
    box->irq.want = (box->irq.want & ~bit) | (cpu->pending ? bit : 0);
    cpuirq_settle_give(&box->irq, &box->lock, bit);
    return err;
}

static void mailbox_reset(void *opaque)
{
    struct mailbox *box = opaque;
    uint32_t i;

    lock_take(&box->lock);
    for (i = 0; i < CPUIRQ_CPUS_MAX; i++)
        box->cpu[i] = (struct mailbox_cpu){ 0 };
    box->started = 0;
    box->irq.want = 0;
    cpuirq_settle_give(&box->irq, &box->lock, UINT64_MAX);
}

static disco_status mailbox_fork(void *opaque, disco_vm *child, void **out)
{
    struct mailbox *box = opaque, *copy;

    copy = dev_copy(box->machine, box, sizeof(*copy),
                    offsetof(struct mailbox, lock));
    if (!copy)
        return DISCO_E_NOMEM;
    lock_take(&copy->lock);
    cpuirq_forked_give(&copy->irq, &copy->lock, child);
    *out = copy;
    return 0;
}

static void mailbox_release(void *opaque)
{
    struct mailbox *box = opaque;

    lock_destroy(&box->lock);
    dev_free(box->machine, box, sizeof(*box));
}

disco_status disco_mailbox_create(disco_vm *vm, uint64_t gpa, uint32_t cpus)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .read = mailbox_read,
        .write = mailbox_write,
        .reset = mailbox_reset,
        .fork = mailbox_fork,
        .release = mailbox_release,
    };
    struct mailbox *box;
    disco_status err = cpuirq_check(vm, gpa, "mailbox", cpus);

    if (err)
        return err;
    box = dev_alloc(disco_vm_machine(vm), sizeof(*box));
    if (!box)
        return DISCO_E_NOMEM;
    box->machine = disco_vm_machine(vm);
    if (lock_init(&box->lock)) {
        dev_free(box->machine, box, sizeof(*box));
        return DISCO_E_NOMEM;
    }
    box->cpus = cpus;
    box->irq.vm = vm;
    box->irq.line = MAILBOX_CPU_LINE;
    err = dev_map(vm, gpa, (uint64_t)cpus * DISCO_MAILBOX_STRIDE, "mailbox",
                  &ops, box);
    if (err)
        mailbox_release(box);
    return err;
}
