/*
 * idle.c - the idle register: a store of any width stops the storing vCPU until
 * an interrupt that its mask lets through is pending.  The R10000 has no WAIT.
 *
 * Stateless, hence no lock.
 */
#include <disco/board.h>
#include <disco/guest.h>

#include "devices/dev.h"

enum { IDLE_BYTES = 8 };

static disco_status idle_read(void *opaque, const disco_mmio_access *access,
                              uint64_t *value)
{
    (void)opaque;
    (void)access;
    *value = 0;
    return 0;
}

static disco_status idle_write(void *opaque, const disco_mmio_access *access,
                               uint64_t value)
{
    (void)opaque;
    (void)value;
    /* The host's own accesses come without a vCPU: nobody to stop. */
    if (access->vcpu)
        disco_vcpu_idle(access->vcpu);
    return 0;
}

static disco_status idle_fork(void *opaque, disco_vm *child, void **out)
{
    (void)opaque;
    (void)child;
    *out = NULL;
    return 0;
}

disco_status disco_idle_create(disco_vm *vm, uint64_t gpa)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .read = idle_read,
        .write = idle_write,
        .fork = idle_fork,
    };

    if (!vm)
        return DISCO_E_INVAL;
    return dev_map(vm, gpa, IDLE_BYTES, "idle", &ops, NULL);
}
