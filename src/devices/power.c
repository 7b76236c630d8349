/*
 * power.c - the board's power register: ends or resets the VM.
 *
 * One 32-bit register in the CPU's byte order that reads 0, as the syscon
 * drivers of Linux expect.  Stateless, hence no lock.
 */
#include <disco/board.h>
#include <disco/guest.h>

#include "devices/dev.h"

static disco_status power_read(void *opaque, const disco_mmio_access *access,
                               uint64_t *value)
{
    (void)opaque;
    if (access->bytes != 4)
        return DISCO_E_FAULT;
    *value = 0;
    return 0;
}

static disco_status power_write(void *opaque, const disco_mmio_access *access,
                                uint64_t value)
{
    disco_vm *vm = opaque;

    if (access->bytes != 4)
        return DISCO_E_FAULT;
    switch (value & 0xffff) {
    case DISCO_POWER_EXIT:
        disco_vm_request_shutdown(vm, (uint32_t)(value >> 16 & 0xffff));
        break;
    case DISCO_POWER_OFF:
        disco_vm_request_shutdown(vm, 0);
        break;
    case DISCO_POWER_RESET:
        disco_vm_request_reset(vm);
        break;
    default:
        break;
    }
    return 0;
}

static disco_status power_fork(void *opaque, disco_vm *child, void **out)
{
    (void)opaque;
    *out = child;
    return 0;
}

disco_status disco_power_create(disco_vm *vm, uint64_t gpa)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .read = power_read,
        .write = power_write,
        .fork = power_fork,
    };

    if (!vm)
        return DISCO_E_INVAL;
    return dev_map(vm, gpa, 4, "power", &ops, vm);
}
