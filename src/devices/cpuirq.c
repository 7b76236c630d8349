/*
 * cpuirq.c - tell vCPUs their interrupt levels.  See cpuirq.h.
 *
 * disco_vcpu_set_irq may call the host's wake callback, so it runs without the
 * device's lock.  Who finds another thread telling the same vCPU waits: a guest
 * that lowers its own line must not see it high after that.
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

/* Tell one vCPU what it should hear; the lock is free meanwhile. */
static void tell(struct cpuirq *irq, struct lock *lock, uint32_t cpu)
{
    uint64_t bit = UINT64_C(1) << cpu;
    int32_t level = (irq->want & bit) != 0;
    disco_vcpu *vcpu;

    irq->told ^= bit;
    irq->busy |= bit;
    lock_give(lock);
    /* The vCPU may not exist (yet): boards map devices first. */
    vcpu = disco_vm_vcpu(irq->vm, cpu);
    if (vcpu)
        disco_vcpu_set_irq(vcpu, irq->line, level);
    lock_take(lock);
    irq->busy &= ~bit;
}

void cpuirq_settle_give(struct cpuirq *irq, struct lock *lock, uint64_t cpus)
{
    unsigned spins = 0;
    uint64_t left, ready;

    while ((left = ((irq->want ^ irq->told) | irq->busy) & cpus)) {
        ready = left & ~irq->busy;
        if (ready) {
            tell(irq, lock, (uint32_t)__builtin_ctzll(ready));
            continue;
        }
        lock_give(lock);
        wait_step(&spins);
        lock_take(lock);
    }
    lock_give(lock);
}

void cpuirq_forked_give(struct cpuirq *irq, struct lock *lock, disco_vm *child)
{
    irq->vm = child;
    irq->busy = 0;
    irq->told = ~irq->want;
    cpuirq_settle_give(irq, lock, UINT64_MAX);
}
