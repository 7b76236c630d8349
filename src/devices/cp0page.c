/*
 * cp0page.c - the page of memory-mapped CP0 registers (guest.h): every vCPU
 * reads its own registers there and may change Status.IE and Status.IM, without
 * a privileged instruction.
 *
 * Stateless: everything is in the accessing vCPU, on whose thread we run.
 */
#include <disco/board.h>
#include <disco/guest.h>
#include <disco/physmap.h>

#include "devices/dev.h"

enum {
    CP0_STATUS = 12,
    CP0_REGISTERS = 32,
    STATUS_IE = 1,
    STATUS_WRITABLE = 0xff01 /* IM and IE */
};

static disco_status cp0_get(disco_vcpu *vcpu, uint32_t index, uint64_t *value)
{
    uint64_t id = DISCO_REG_CP0(index);

    *value = 0;
    /* A number that the CPU does not have reads 0, as MFC0 does. */
    if (disco_vcpu_get_regs(vcpu, &id, value, 1) == DISCO_E_INVAL)
        *value = 0;
    return 0;
}

static disco_status cp0_set_status(disco_vcpu *vcpu, uint64_t mask,
                                   uint64_t value)
{
    uint64_t id = DISCO_REG_CP0(CP0_STATUS);
    uint64_t status = 0;
    disco_status err = disco_vcpu_get_regs(vcpu, &id, &status, 1);

    if (err)
        return DISCO_E_FAULT;
    status = (status & ~mask) | (value & mask);
    return disco_vcpu_set_regs(vcpu, &id, &status, 1) ? DISCO_E_FAULT : 0;
}

static disco_status cp0_page_read(void *opaque, const disco_mmio_access *access,
                                  uint64_t *value)
{
    uint64_t reg = access->offset & ~UINT64_C(7);
    disco_status err = dev_reg64_check(access);

    (void)opaque;
    if (err || !access->vcpu)
        return DISCO_E_FAULT;
    if (reg < CP0_REGISTERS * 8)
        return cp0_get(access->vcpu, (uint32_t)(reg / 8), value);
    switch (reg) {
    case DISCO_CP0_PAGE_MAGIC:
        *value = DISCO_HC_MAGIC | DISCO_HC_ABI_VERSION;
        return 0;
    case DISCO_CP0_PAGE_IE:
        err = cp0_get(access->vcpu, CP0_STATUS, value);
        *value &= STATUS_IE;
        return err;
    case DISCO_CP0_PAGE_CPU:
        *value = disco_vcpu_index(access->vcpu);
        return 0;
    default:
        return DISCO_E_FAULT;
    }
}

static disco_status
cp0_page_write(void *opaque, const disco_mmio_access *access, uint64_t value)
{
    uint64_t reg = access->offset & ~UINT64_C(7);

    (void)opaque;
    if (dev_reg64_check(access) || !access->vcpu)
        return DISCO_E_FAULT;
    switch (reg) {
    case CP0_STATUS * 8:
        return cp0_set_status(access->vcpu, STATUS_WRITABLE, value);
    case DISCO_CP0_PAGE_IE:
        return cp0_set_status(access->vcpu, STATUS_IE, value);
    default:
        return DISCO_E_FAULT;
    }
}

static disco_status cp0_page_fork(void *opaque, disco_vm *child, void **out)
{
    (void)opaque;
    (void)child;
    *out = NULL;
    return 0;
}

disco_status disco_cp0_page_create(disco_vm *vm, uint64_t gpa)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .flags = DISCO_MMIO_UNTRAPPED,
        .order = DISCO_CPU_ORDER,
        .read = cp0_page_read,
        .write = cp0_page_write,
        .fork = cp0_page_fork,
    };

    if (!vm)
        return DISCO_E_INVAL;
    return dev_map(vm, gpa, DISCO_PAGE_BYTES, "cp0page", &ops, NULL);
}
