/*
 * reg.c - registers and address translation of a vCPU, for the host.
 */
#include "core/vcpu.h"

disco_status disco_vcpu_get_regs(disco_vcpu *vcpu, const uint64_t *ids,
                                 uint64_t *values, uint32_t count)
{
    disco_status status;
    uint32_t i;
    int held;

    if (!vcpu || (count && (!ids || !values)))
        return DISCO_E_INVAL;
    status = vcpu_hold_for(vcpu, "reading registers", &held);
    if (status)
        return status;
    for (i = 0; i < count && !status; i++)
        status = vcpu->ops->get_reg(vcpu->state, ids[i], &values[i]);
    vcpu_release(vcpu, held);
    if (!status)
        return 0;
    return vm_fail(vcpu->vm, status, i - 1,
                   "VM %s, vCPU %u: no register 0x%llx to read", vcpu->vm->name,
                   vcpu->index, (unsigned long long)ids[i - 1]);
}

disco_status disco_vcpu_set_regs(disco_vcpu *vcpu, const uint64_t *ids,
                                 const uint64_t *values, uint32_t count)
{
    disco_status status;
    uint32_t i;
    int held;

    if (!vcpu || (count && (!ids || !values)))
        return DISCO_E_INVAL;
    status = vcpu_hold_for(vcpu, "writing registers", &held);
    if (status)
        return status;
    for (i = 0; i < count && !status; i++)
        status = vcpu->ops->set_reg(vcpu->state, ids[i], values[i]);
    vcpu_release(vcpu, held);
    if (!status)
        return 0;
    return vm_fail(vcpu->vm, status, i - 1,
                   "VM %s, vCPU %u: no register 0x%llx to write",
                   vcpu->vm->name, vcpu->index, (unsigned long long)ids[i - 1]);
}

disco_status disco_vcpu_translate(disco_vcpu *vcpu, uint64_t va,
                                  uint32_t access, uint64_t *gpa)
{
    disco_status status;
    int held;

    if (!vcpu || !gpa ||
        (access != DISCO_READ && access != DISCO_WRITE && access != DISCO_EXEC))
        return DISCO_E_INVAL;
    if (!vcpu->ops->translate)
        return vm_fail(vcpu->vm, DISCO_E_UNSUPPORTED, va,
                       "backend %s does not translate addresses",
                       vcpu->ops->name);
    status = vcpu_hold_for(vcpu, "translating", &held);
    if (status)
        return status;
    status = vcpu->ops->translate(vcpu->state, va, access, gpa);
    vcpu_release(vcpu, held);
    if (!status)
        return 0;
    return vm_fail(vcpu->vm, status, va,
                   "VM %s, vCPU %u: virtual address 0x%llx does not translate",
                   vcpu->vm->name, vcpu->index, (unsigned long long)va);
}

disco_status disco_vcpu_set_engine(disco_vcpu *vcpu, uint32_t engine)
{
    disco_status status;
    int held;

    if (!vcpu)
        return DISCO_E_INVAL;
    if (engine > DISCO_ENGINE_JIT)
        return vm_fail(vcpu->vm, DISCO_E_INVAL, engine,
                       "VM %s, vCPU %u: no engine %u", vcpu->vm->name,
                       vcpu->index, engine);
    if (!vcpu->ops->set_engine) {
        if (engine == DISCO_ENGINE_BEST)
            return 0;
        return vm_fail(vcpu->vm, DISCO_E_UNSUPPORTED, engine,
                       "backend %s has one engine", vcpu->ops->name);
    }
    status = vcpu_hold_for(vcpu, "setting the engine", &held);
    if (status)
        return status;
    status =
        held ? vcpu->ops->set_engine(vcpu->state, engine) : DISCO_E_REENTRANT;
    vcpu_release(vcpu, held);
    if (!status)
        return 0;
    return vm_fail(vcpu->vm, status, engine,
                   status == DISCO_E_REENTRANT
                       ? "VM %s, vCPU %u: engine %u set inside its own callback"
                       : "VM %s, vCPU %u: engine %u is not there on this host",
                   vcpu->vm->name, vcpu->index, engine);
}

uint32_t disco_vcpu_engine(const disco_vcpu *vcpu)
{
    return vcpu && vcpu->ops->engine ? vcpu->ops->engine(vcpu->state) : 0;
}

disco_status disco_vcpu_set_watch(disco_vcpu *vcpu, uint32_t index,
                                  uint64_t gpa, uint64_t bytes, uint32_t access)
{
    disco_status status;
    int held;

    if (!vcpu)
        return DISCO_E_INVAL;
    if (index >= DISCO_WATCHES ||
        access & ~(uint32_t)(DISCO_READ | DISCO_WRITE))
        return vm_fail(vcpu->vm, DISCO_E_INVAL, index,
                       "VM %s, vCPU %u: watchpoint %u, access %u: there are %d "
                       "and they watch reads and writes",
                       vcpu->vm->name, vcpu->index, index, access,
                       DISCO_WATCHES);
    if (access && (!bytes || gpa >= GPA_END || bytes > GPA_END - gpa))
        return vm_fail(
            vcpu->vm, DISCO_E_INVAL, gpa,
            "VM %s, vCPU %u: watchpoint at 0x%llx, 0x%llx bytes: not "
            "a range of physical memory",
            vcpu->vm->name, vcpu->index, (unsigned long long)gpa,
            (unsigned long long)bytes);
    if (!vcpu->ops->set_watch)
        return vm_fail(vcpu->vm, DISCO_E_UNSUPPORTED, index,
                       "backend %s has no watchpoints", vcpu->ops->name);
    status = vcpu_hold_for(vcpu, "setting a watchpoint", &held);
    if (status)
        return status;
    vcpu->ops->set_watch(vcpu->state, index, gpa, bytes, access);
    vcpu_release(vcpu, held);
    return 0;
}
