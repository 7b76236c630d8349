/*
 * intc.c - interrupt controller of the board: brcm,bcm7038-l1-intc with one
 * word, that is 32 level-triggered lines, and a mask of its own for every CPU.
 *
 * It is the VM's interrupt route: devices' lines come in through intc_route on
 * any thread, and IP2 of a vCPU is high while one of the lines that it does not
 * mask is high.  One mutex; vCPUs are told without it (cpuirq.h).
 */
#include <disco/board.h>

#include <stddef.h>
#include <disco/guest.h>

#include "devices/cpuirq.h"
#include "devices/dev.h"

enum { INTC_LINES = 32, INTC_CPU_LINE = 0 /* IP2 */ };

struct intc {
    struct lock lock;
    disco_machine *machine;
    struct cpuirq irq;
    uint32_t cpus;
    uint32_t levels;
    uint32_t mask[CPUIRQ_CPUS_MAX]; /* 1 = masked */
};

/* The vCPUs whose input is to be high. */
static uint64_t intc_want(const struct intc *intc)
{
    uint64_t want = 0;
    uint32_t i;

    for (i = 0; i < intc->cpus; i++) {
        if (intc->levels & ~intc->mask[i])
            want |= UINT64_C(1) << i;
    }
    return want;
}

/* Lines or masks changed for `cpus`. */
static void intc_update_give(struct intc *intc, uint64_t cpus)
{
    intc->irq.want = intc_want(intc);
    cpuirq_settle_give(&intc->irq, &intc->lock, cpus);
}

static void intc_route(void *opaque, uint32_t line, int32_t level)
{
    struct intc *intc = opaque;

    (void)level;
    if (line >= INTC_LINES)
        return;
    lock_take(&intc->lock);
    /* Two threads that raise and lower a line may come here in the other order:
     * what the line is now counts, and the last who comes sees it. */
    intc->levels = (uint32_t)disco_vm_irq_levels(intc->irq.vm);
    intc_update_give(intc, UINT64_MAX);
}

static disco_status intc_read(void *opaque, const disco_mmio_access *access,
                              uint64_t *value)
{
    struct intc *intc = opaque;
    uint64_t cpu = access->offset / DISCO_INTC_STRIDE;

    if (access->bytes != 4 || cpu >= intc->cpus)
        return DISCO_E_FAULT;
    lock_take(&intc->lock);
    switch (access->offset % DISCO_INTC_STRIDE) {
    case DISCO_INTC_STATUS:
        *value = intc->levels;
        break;
    case DISCO_INTC_MASK_STATUS:
        *value = intc->mask[cpu];
        break;
    default: /* the two write-only registers */
        *value = 0;
        break;
    }
    lock_give(&intc->lock);
    return 0;
}

static disco_status intc_write(void *opaque, const disco_mmio_access *access,
                               uint64_t value)
{
    struct intc *intc = opaque;
    uint64_t cpu = access->offset / DISCO_INTC_STRIDE;

    if (access->bytes != 4 || cpu >= intc->cpus)
        return DISCO_E_FAULT;
    lock_take(&intc->lock);
    switch (access->offset % DISCO_INTC_STRIDE) {
    case DISCO_INTC_MASK_SET:
        intc->mask[cpu] |= (uint32_t)value;
        break;
    case DISCO_INTC_MASK_CLEAR:
        intc->mask[cpu] &= ~(uint32_t)value;
        break;
    default: /* the two read-only registers */
        break;
    }
    intc_update_give(intc, UINT64_C(1) << cpu);
    return 0;
}

static void intc_reset(void *opaque)
{
    struct intc *intc = opaque;
    uint32_t i;

    lock_take(&intc->lock);
    for (i = 0; i < CPUIRQ_CPUS_MAX; i++)
        intc->mask[i] = UINT32_MAX;
    intc_update_give(intc, UINT64_MAX);
}

/*
 * Levels are those that the child's lines have, and its vCPUs hear them anew:
 * lines may have changed since memory and vCPUs were copied.
 */
static disco_status intc_fork(void *opaque, disco_vm *child, void **out)
{
    struct intc *intc = opaque, *copy;
    disco_status err;

    copy = dev_copy(intc->machine, intc, sizeof(*copy),
                    offsetof(struct intc, lock));
    if (!copy)
        return DISCO_E_NOMEM;
    err = disco_vm_set_irq_route(child, intc_route, copy);
    if (err) {
        dev_copy_free(intc->machine, copy, sizeof(*copy),
                      offsetof(struct intc, lock));
        return err;
    }
    lock_take(&copy->lock);
    copy->levels = (uint32_t)disco_vm_irq_levels(child);
    copy->irq.want = intc_want(copy);
    cpuirq_forked_give(&copy->irq, &copy->lock, child);
    *out = copy;
    return 0;
}

static void intc_free(struct intc *intc)
{
    lock_destroy(&intc->lock);
    dev_free(intc->machine, intc, sizeof(*intc));
}

/* The VM ends and has taken its route out: nobody calls intc_route any more. */
static void intc_release(void *opaque)
{
    intc_free(opaque);
}

disco_status disco_intc_create(disco_vm *vm, uint64_t gpa, uint32_t cpus)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .read = intc_read,
        .write = intc_write,
        .reset = intc_reset,
        .fork = intc_fork,
        .release = intc_release,
    };
    struct intc *intc;
    disco_status err = cpuirq_check(vm, gpa, "intc", cpus);

    if (err)
        return err;
    intc = dev_alloc(disco_vm_machine(vm), sizeof(*intc));
    if (!intc)
        return DISCO_E_NOMEM;
    intc->machine = disco_vm_machine(vm);
    if (lock_init(&intc->lock)) {
        dev_free(intc->machine, intc, sizeof(*intc));
        return DISCO_E_NOMEM;
    }
    intc->cpus = cpus;
    intc->irq.vm = vm;
    intc->irq.line = INTC_CPU_LINE;
    intc_reset(intc);
    err = disco_vm_set_irq_route(vm, intc_route, intc);
    if (err) {
        intc_free(intc);
        return err;
    }
    /* Lines that went up before there was a controller. */
    intc->levels = (uint32_t)disco_vm_irq_levels(vm);
    err = dev_map(vm, gpa, (uint64_t)cpus * DISCO_INTC_STRIDE, "intc", &ops,
                  intc);
    if (err) {
        disco_vm_set_irq_route(vm, NULL, NULL);
        intc_free(intc);
    }
    return err;
}
