/*
 * dev.c - small services for the device models.  See dev.h.
 *
 * No state of its own; callable from any thread.
 */
#include "devices/dev.h"

#include <inttypes.h>
#include <stdio.h>
#include <disco/physmap.h>

#include "base/bits.h"

disco_status dev_fail(disco_vm *vm, disco_status status, const char *name,
                      uint64_t gpa, const char *why)
{
    return context_fail(context_of(disco_vm_machine(vm)), status, gpa,
                        "%s at 0x%" PRIx64 ": %s", name, gpa, why);
}

disco_status dev_check(disco_vm *vm, uint64_t gpa, const char *name,
                       uint32_t irq)
{
    if (!vm)
        return DISCO_E_INVAL;
    if (irq >= DISCO_VM_IRQ_LINES)
        return dev_fail(vm, DISCO_E_INVAL, name, gpa,
                        "there is no such interrupt line");
    return 0;
}

disco_status dev_map(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                     const char *name, const disco_mmio_ops *ops, void *opaque)
{
    char key[64];

    snprintf(key, sizeof(key), "%s@%" PRIx64, name, gpa);
    return disco_vm_map_mmio(vm, gpa, bytes, key, ops, opaque, NULL);
}

void dev_irq_settle_give(struct dev_irq *irq, struct lock *lock)
{
    unsigned spins = 0;
    int32_t level;

    while (irq->busy || irq->told != irq->want) {
        if (irq->busy) {
            lock_give(lock);
            wait_step(&spins);
            lock_take(lock);
            continue;
        }
        irq->busy = 1;
        level = irq->want;
        irq->told = level;
        lock_give(lock);
        disco_vm_set_irq(irq->vm, irq->line, level);
        lock_take(lock);
        irq->busy = 0;
    }
    lock_give(lock);
}

disco_status dev_reg64_check(const disco_mmio_access *access)
{
    return access->bytes == 8 || access->bytes == 4 ? 0 : DISCO_E_FAULT;
}

uint64_t dev_reg64_written(const disco_mmio_access *access, uint64_t value)
{
    return access->bytes == 8 ? value : (uint64_t)sign_extend(value, 32);
}
