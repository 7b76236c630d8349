/*
 * cpuirq.h - interrupt inputs of vCPUs, driven by the interrupt controller and
 * the mailbox: one bit of wanted level per vCPU, told in order without a lock.
 */
#ifndef DEVICES_CPUIRQ_H
#define DEVICES_CPUIRQ_H

#include "base/lock.h"
#include <stdint.h>
#include <disco/vcpu.h>
#include <disco/vm.h>

enum { CPUIRQ_CPUS_MAX = 64 };

/* Bit n belongs to vCPU n.  Guarded by the owner's lock. */
struct cpuirq {
    disco_vm *vm;
    uint32_t line; /* of the vCPU: 0 is IP2 */
    uint64_t busy; /* a thread is telling this vCPU */
    uint64_t want;
    uint64_t told;
};

/* Arguments of a per-CPU device: INVAL when one is bad. */
disco_status cpuirq_check(disco_vm *vm, uint64_t gpa, const char *name,
                          uint32_t cpus);

/*
 * With the owner's lock held, after `want` changed for some of `cpus`; gives
 * the lock back.  On return each of these has been told.
 */
void cpuirq_settle_give(struct cpuirq *irq, struct lock *lock, uint64_t cpus);

/* In the child of a fork: every vCPU hears its level again.  As above. */
void cpuirq_forked_give(struct cpuirq *irq, struct lock *lock, disco_vm *child);

#endif
