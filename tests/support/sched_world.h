/*
 * sched_world.h - what tests of the scheduler start from: a machine with the
 * toy backend, VMs with vCPUs that count in register 1 for ever, a scheduler.
 */
#ifndef TESTS_SCHED_WORLD_H
#define TESTS_SCHED_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disco/disco.h>
#include <disco/guest.h>

#include "toy.h"

enum { WORLD_VMS = 8, WORLD_VCPUS = 8 };

struct world {
    disco_machine *machine;
    disco_sched *sched;
    disco_vm *vm[WORLD_VMS];
    disco_vcpu *vcpu[WORLD_VMS][WORLD_VCPUS];
    uint32_t vms;
    uint32_t vcpus[WORLD_VMS];
};

struct world_config {
    uint32_t nodes;
    uint32_t cpus;  /* per node */
    uint32_t flags; /* of the machine */
    void (*wake)(void *opaque, disco_vcpu *vcpu);
    void *wake_opaque;
    uint64_t (*now_ns)(void *opaque);
    disco_sched_config sched;
};

/* Without VMs yet.  sched.quantum_insns 0: 100. */
void world_make(struct world *w, const struct world_config *config);
/* A VM with vCPUs that run `program` (NULL: count), in the scheduler.  Returns
 * its number. */
uint32_t world_add(struct world *w, uint32_t vcpus, const uint32_t *program,
                   uint32_t words);
void world_drop(struct world *w);

/* Run rounds; nothing but BUDGET may come back. */
void world_rounds(struct world *w, uint64_t rounds);
disco_sched_vcpu_stats world_stats(struct world *w, uint32_t vm, uint32_t vcpu);
disco_sched_cpu_stats world_cpu(struct world *w, uint32_t cpu);
/* Instructions in slices, of all vCPUs of a VM. */
uint64_t world_insns(struct world *w, uint32_t vm);
void world_set_reg(struct world *w, uint32_t vm, uint32_t vcpu, uint32_t reg,
                   uint64_t value);

#endif
