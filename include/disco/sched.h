/*
 * sched.h - a ready-made scheduler for hosts that do not bring their own:
 * round robin with a fixed quantum over vCPUs of any VMs of one machine, on the
 * calling thread.  On a deterministic machine its order is the fixed order.
 */
#ifndef DISCO_SCHED_H
#define DISCO_SCHED_H

#include "vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct disco_sched disco_sched;

typedef struct disco_sched_config {
    uint32_t size;
    uint32_t flags;
    uint64_t quantum_insns; /* 0 = 20000 */
    uint32_t first_cpu;     /* machine CPUs first_cpu .. first_cpu + cpus - 1 */
    uint32_t cpus;          /* 0 = all */
} disco_sched_config;

DISCO_API disco_status disco_sched_create(disco_machine *machine,
                                          const disco_sched_config *config,
                                          disco_sched **out);
DISCO_API void disco_sched_destroy(disco_sched *sched);

/* Add / remove a vCPU (borrowed; remove before destroying it).  Its machine CPU
 * stays the same: the n-th vCPU of the scheduler runs on CPU n modulo cpus. */
DISCO_API disco_status disco_sched_add(disco_sched *sched, disco_vcpu *vcpu);
DISCO_API disco_status disco_sched_remove(disco_sched *sched, disco_vcpu *vcpu);

/*
 * Run rounds until a vCPU leaves with a reason that the host must handle (any
 * but BUDGET, IDLE, PARKED, YIELD): *vcpu and *exit tell; until max_rounds
 * rounds passed (*vcpu = NULL, reason BUDGET); or until no vCPU can run (*vcpu
 * = NULL, reason IDLE, u.idle.until_ns = nanoseconds *from now* to the first
 * event of any VM, ~0 = none: only outside events can wake them).
 * Thread: one at a time.
 */
DISCO_API disco_status disco_sched_run(disco_sched *sched, uint64_t max_rounds,
                                       disco_vcpu **vcpu, disco_exit *exit);

/* Let `ns` of virtual time pass in every VM of the scheduler (all idle). */
DISCO_API disco_status disco_sched_pass(disco_sched *sched, uint64_t ns);

#ifdef __cplusplus
}
#endif
#endif
