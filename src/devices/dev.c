/*
 * dev.c - small services for the device models.  See dev.h.
 *
 * No state of its own; callable from any thread.
 */
#include "devices/dev.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <disco/physmap.h>

#include "base/bits.h"
#include "base/config.h"

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

void *dev_find(disco_vm *vm, const char *name, uint64_t gpa)
{
    char key[64];

    snprintf(key, sizeof(key), "%s@%" PRIx64, name, gpa);
    return disco_vm_region_opaque(vm, key);
}

disco_status dev_char_fork(const disco_char_backend *be, disco_vm *child,
                           disco_char_backend *out)
{
    disco_char_backend given = { .size = sizeof(given) };
    disco_status err;

    *out = *be;
    if (!be->fork)
        return 0;
    err = be->fork(be->opaque, child, &given);
    return err ? err : config_copy(out, sizeof(*out), &given);
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

void dev_irq_forked(struct dev_irq *irq, disco_vm *child)
{
    irq->vm = child;
    irq->busy = 0;
    irq->told = (int32_t)(disco_vm_irq_levels(child) >> irq->line & 1);
}

static struct lock *lock_in(void *device, uint64_t lock_at)
{
    return (struct lock *)(void *)((uint8_t *)device + lock_at);
}

void *dev_copy(disco_machine *machine, void *device, uint64_t bytes,
               uint64_t lock_at)
{
    struct lock *lock = lock_in(device, lock_at);
    void *copy = dev_alloc(machine, bytes);

    if (!copy)
        return NULL;
    lock_take(lock);
    memcpy(copy, device, bytes);
    lock_give(lock);
    if (!lock_init(lock_in(copy, lock_at)))
        return copy;
    dev_free(machine, copy, bytes);
    return NULL;
}

void dev_copy_free(disco_machine *machine, void *copy, uint64_t bytes,
                   uint64_t lock_at)
{
    lock_destroy(lock_in(copy, lock_at));
    dev_free(machine, copy, bytes);
}

disco_status dev_reg64_check(const disco_mmio_access *access)
{
    return access->bytes == 8 || access->bytes == 4 ? 0 : DISCO_E_FAULT;
}

uint64_t dev_reg64_written(const disco_mmio_access *access, uint64_t value)
{
    return access->bytes == 8 ? value : (uint64_t)sign_extend(value, 32);
}
