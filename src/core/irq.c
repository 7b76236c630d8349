/*
 * irq.c - interrupt lines: from devices to the VM's controller, and into vCPUs.
 */
#include "core/vcpu.h"

disco_status disco_vcpu_set_irq(disco_vcpu *vcpu, uint32_t line, int32_t level)
{
    disco_status status;

    if (!vcpu)
        return DISCO_E_INVAL;
    status = vcpu->ops->set_irq(vcpu->state, line, level != 0);
    if (status)
        return vm_fail(vcpu->vm, status, line,
                       "VM %s, vCPU %u: no interrupt line %u", vcpu->vm->name,
                       vcpu->index, line);
    or_seq(&vcpu->shoot.request, DISCO_REQ_IRQ);
    if (level)
        idle_wake(vcpu);
    return 0;
}

disco_status disco_vm_set_irq_route(disco_vm *vm, disco_irq_route_fn route,
                                    void *opaque)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = vm_exclusive_begin(vm, "changing the interrupt controller");
    if (status)
        return status;
    store_relaxed(&vm->irq_opaque, opaque);
    store_release(&vm->irq_route, route);
    vm_exclusive_end(vm);
    return 0;
}

disco_status disco_vm_set_irq(disco_vm *vm, uint32_t line, int32_t level)
{
    disco_irq_route_fn route;
    uint64_t bit, before;

    if (!vm)
        return DISCO_E_INVAL;
    if (line >= DISCO_VM_IRQ_LINES)
        return vm_fail(vm, DISCO_E_INVAL, line,
                       "VM %s: no interrupt line %u, it has %d", vm->name, line,
                       DISCO_VM_IRQ_LINES);
    bit = UINT64_C(1) << line;
    before =
        level ? or_seq(&vm->irq_levels, bit) : and_seq(&vm->irq_levels, ~bit);
    route = load_acquire(&vm->irq_route);
    if (route && !(before & bit) != !level)
        route(load_relaxed(&vm->irq_opaque), line, level != 0);
    return 0;
}

uint64_t disco_vm_irq_levels(const disco_vm *vm)
{
    return vm ? load_seq(&vm->irq_levels) : 0;
}
