/*
 * cpuirq.c - tell vCPUs their interrupt levels.  See cpuirq.h.
 *
 * disco_vcpu_set_irq may call the host's wake callback, so it runs without the
 * device's lock.  While one thread tells, others only leave their wish behind.
 */
#include "devices/cpuirq.h"

#include "devices/dev.h"

disco_status cpuirq_check(disco_vm *vm, uint64_t gpa, const char *name,
                          uint32_t cpus)
{
    if (!vm)
        return DISCO_E_INVAL;
    if (cpus < 1 || cpus > CPUIRQ_CPUS_MAX)
        return dev_fail(vm, DISCO_E_INVAL, name, gpa,
                        "the number of CPUs is not 1..64");
    return 0;
}

void cpuirq_settle_give(struct cpuirq *irq, struct lock *lock)
{
    if (irq->busy) {
        lock_give(lock);
        return;
    }
    irq->busy = 1;
    while (irq->want != irq->told) {
        uint64_t diff = irq->want ^ irq->told;
        uint32_t cpu = (uint32_t)__builtin_ctzll(diff);
        int32_t level = (int32_t)(irq->want >> cpu & 1);
        disco_vcpu *vcpu;

        irq->told ^= UINT64_C(1) << cpu;
        lock_give(lock);
        /* The vCPU may not exist (yet): boards map devices first. */
        vcpu = disco_vm_vcpu(irq->vm, cpu);
        if (vcpu)
            disco_vcpu_set_irq(vcpu, irq->line, level);
        lock_take(lock);
    }
    irq->busy = 0;
    lock_give(lock);
}
