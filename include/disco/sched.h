/*
 * sched.h - a ready-made scheduler for hosts that do not bring their own.
 *
 * It shares the machine's CPUs among vCPUs of any VMs (the paper, section 4.2:
 * time-sharing with affinity).  Every CPU has a queue of the vCPUs that can
 * run; an idle or parked vCPU leaves it and comes back by itself when it is
 * woken.  Rules, strongest first:
 *  - hard affinity: a vCPU runs on CPUs that its own and its VM's mask hold;
 *  - spreading: no CPU gets two vCPUs of one VM as long as the allowed CPUs
 *    suffice;
 *  - shares: of each CPU, VMs get time in proportion to their weights, and
 *    vCPUs that fall behind move to where there is more to get;
 *  - soft affinity: a vCPU stays on its CPU, else on its node.  A CPU with
 *    nothing to do takes over from the nearest crowded one.
 *
 * Two ways to drive it: disco_sched_run, one thread for all CPUs, round by
 * round; or disco_sched_run_cpu from several threads.  The first is
 * deterministic: the order follows from the calls and the guests alone.
 *
 * A vCPU is in one scheduler at most, which alone runs it.  The wake callback
 * of the machine stays the host's: it is called as without a scheduler, and
 * also when a call that found nothing to run should be repeated.
 */
#ifndef DISCO_SCHED_H
#define DISCO_SCHED_H

#include "vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct disco_sched disco_sched;

enum {
    /* No vCPU changes its CPU by itself. */
    DISCO_SCHED_STATIC = 1
};

typedef struct disco_sched_config {
    uint32_t size;
    uint32_t flags;         /* DISCO_SCHED_STATIC */
    uint64_t quantum_insns; /* of a slice; 0 = 20000 */
    uint32_t first_cpu;     /* machine CPUs first_cpu .. first_cpu + cpus - 1 */
    uint32_t cpus;          /* 0 = all from first_cpu on */
    uint32_t balance_rounds; /* between two looks at all queues; 0 = 16 */
    uint32_t balance_moves;  /* vCPUs that change CPU in one round at most;
                                0 = 16 */
} disco_sched_config;

/*
 * Create an empty one.  `config` may be NULL.  Errors: INVAL, VERSION, NOMEM.
 * It counts as a user of the machine.  Thread: any.
 */
DISCO_API disco_status disco_sched_create(disco_machine *machine,
                                          const disco_sched_config *config,
                                          disco_sched **out);
/* NULL is fine.  Thread: the only user. */
DISCO_API void disco_sched_destroy(disco_sched *sched);

/*
 * Add / remove a vCPU (borrowed; one that is destroyed leaves by itself).  It
 * goes to the allowed CPU with the fewest vCPUs, near those of its VM; so the
 * n-th vCPU goes to CPU n modulo cpus as long as nothing else speaks.
 * Errors: INVAL, MISMATCH (other machine), EXISTS (is in a scheduler), NOMEM;
 * NOENT (is not in this one), BUSY (it runs).  Thread: any.
 */
DISCO_API disco_status disco_sched_add(disco_sched *sched, disco_vcpu *vcpu);
DISCO_API disco_status disco_sched_remove(disco_sched *sched, disco_vcpu *vcpu);

/* --- Wishes --- */

enum {
    /* All vCPUs of the VM that can run get their CPUs in the same round
     * (disco_sched_run), or as soon as one of them got its own
     * (disco_sched_run_cpu). */
    DISCO_SCHED_GANG = 1
};

typedef struct disco_sched_vm_config {
    uint32_t size;
    uint32_t flags;  /* DISCO_SCHED_GANG */
    uint32_t weight; /* share of CPU time, 1..10000; 0 = 100 */
    uint32_t cpu_words;
    /* Hard affinity: bit n of word n / 64 allows machine CPU n.  NULL = all;
     * words beyond cpu_words are 0. */
    const uint64_t *cpu_mask;
    /* No vCPU starts a slice more than this many instructions ahead of the
     * slowest of its VM that can run; 0 = any number. */
    uint64_t skew_insns;
} disco_sched_vm_config;

/*
 * Set what holds for a VM that has vCPUs in the scheduler; all of it is
 * replaced.  Errors: INVAL (also a mask that leaves one of them no CPU: nothing
 * is changed), NOENT, NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_sched_set_vm(disco_sched *sched, disco_vm *vm,
                                          const disco_sched_vm_config *config);

/*
 * Hard affinity of one vCPU, on top of its VM's; NULL = any CPU.  One that is
 * on another CPU moves before its next slice.  Errors: INVAL (no CPU is left),
 * NOENT, NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_sched_set_cpus(disco_sched *sched,
                                            disco_vcpu *vcpu,
                                            const uint64_t *mask,
                                            uint32_t words);
/* The same with one CPU. */
DISCO_API disco_status disco_sched_pin(disco_sched *sched, disco_vcpu *vcpu,
                                       uint32_t cpu);

/*
 * Let the vCPU run up to this many instructions since its creation; ~0 = no
 * limit.  When it gets there, run returns it with reason BUDGET, and it rests
 * until the limit is raised.  NOENT.  Thread: any.
 */
DISCO_API disco_status disco_sched_set_limit(disco_sched *sched,
                                             disco_vcpu *vcpu, uint64_t insns);

/* --- Running --- */

/*
 * Run rounds: in each, every CPU gives one slice to the vCPU of its queue that
 * is furthest behind its share.  Until a vCPU leaves with a reason that the
 * host must handle (any but BUDGET, IDLE, PARKED, YIELD): *vcpu and *exit tell;
 * until max_rounds rounds passed (0 = no limit; *vcpu = NULL, reason BUDGET);
 * or until no vCPU can run (*vcpu = NULL, reason IDLE, u.idle.until_ns =
 * nanoseconds *from now* to the first event of any VM, ~0 = none: only outside
 * events can wake them).  In virtual time a VM that is idle ages with the
 * others.  On a machine with a model (model.h) a slice ends by time, too: in a
 * round all vCPUs of a VM run up to the same time, quantum_insns cycles on.
 * BUSY while disco_sched_run_cpu is under way. Thread: one at a time.
 */
DISCO_API disco_status disco_sched_run(disco_sched *sched, uint64_t max_rounds,
                                       disco_vcpu **vcpu, disco_exit *exit);

/* Any CPU that nobody drives and that has something to run. */
#define DISCO_SCHED_ANY_CPU 0xffffffffu

/*
 * Run up to max_slices slices (0 = no limit) on machine CPU `cpu` of the
 * scheduler, or slice by slice on the one that waits longest
 * (DISCO_SCHED_ANY_CPU; a thread keeps to its own CPUs while that is fair).
 * Ends like disco_sched_run, and when this CPU has nothing to run and nothing
 * to take over: IDLE.  To sleep then without missing anything: count calls of
 * the wake callback, read the count before this call, and sleep only while it
 * has not changed, and not longer than until_ns when time is the host's.
 *
 * A vCPU that left with a reason for the host stays out of the queues until
 * the same thread calls again, disco_sched_run is called, or
 * disco_sched_release.
 * Errors: INVAL, BUSY (the CPU is driven, or disco_sched_run runs).
 * Thread: any, several at a time.
 */
DISCO_API disco_status disco_sched_run_cpu(disco_sched *sched, uint32_t cpu,
                                           uint64_t max_slices,
                                           disco_vcpu **vcpu, disco_exit *exit);

/*
 * Keep a VM from running: none of its vCPUs starts a slice until
 * disco_sched_release, and slices under way are waited for.  `vcpu` is any of
 * the VM; if this thread got it from run, it gives it up by this.  0 for one
 * caller, when nobody else got a vCPU of the VM from run and has not given it
 * up yet: he may reset or change the VM.  BUSY for the others, and inside a
 * callback of the VM.  Errors: INVAL, NOENT.  Thread: any.
 */
DISCO_API disco_status disco_sched_hold(disco_sched *sched, disco_vcpu *vcpu);
/* Let the VM of this vCPU run again.  Thread: any. */
DISCO_API disco_status disco_sched_release(disco_sched *sched,
                                           disco_vcpu *vcpu);

/*
 * Nanoseconds from now until something can be run: 0 now, ~0 when only outside
 * events help.  Thread: any; a hint while threads run.
 */
DISCO_API uint64_t disco_sched_next_ns(disco_sched *sched);

/* Let `ns` of virtual time pass in every VM of the scheduler (all idle).
 * Errors: INVAL, STATE (host clock), BUSY (a vCPU runs).  Thread: any. */
DISCO_API disco_status disco_sched_pass(disco_sched *sched, uint64_t ns);

/* --- Figures --- */

/* Times are modelled: cycles of the vCPUs that ran. */
typedef struct disco_sched_cpu_stats {
    uint32_t size;
    uint32_t queued;     /* vCPUs in its queue now */
    uint64_t busy_ns;    /* time that it ran vCPUs */
    uint64_t idle_ns;    /* time that the busiest CPU ran on without it */
    uint64_t slices;     /* given */
    uint64_t switches;   /* slices to another vCPU than the one before */
    uint64_t moved_near; /* vCPUs that came from a CPU of the same node */
    uint64_t moved_far;  /* ... of another node */
} disco_sched_cpu_stats;

typedef struct disco_sched_vcpu_stats {
    uint32_t size;
    uint32_t cpu;       /* whose queue it belongs to */
    uint64_t run_ns;    /* time that it ran */
    uint64_t run_insns; /* instructions in the slices */
    uint64_t slices;
    uint64_t idles;  /* times it left its queue */
    uint64_t wakes;  /* times it came back */
    uint64_t waited; /* slices that others got while it was queued */
    uint64_t moved_near;
    uint64_t moved_far;
} disco_sched_vcpu_stats;

/* `cpu` is a machine CPU.  Errors: INVAL, NOENT.  Thread: any. */
DISCO_API disco_status disco_sched_cpu_stats_get(disco_sched *sched,
                                                 uint32_t cpu,
                                                 disco_sched_cpu_stats *out);
DISCO_API disco_status disco_sched_vcpu_stats_get(disco_sched *sched,
                                                  disco_vcpu *vcpu,
                                                  disco_sched_vcpu_stats *out);

#ifdef __cplusplus
}
#endif
#endif
