/*
 * vcpu.h - the vCPU object and who may touch it.
 *
 * `owner` is free, held for a moment by a library call, or the thread inside
 * run.  Backend functions are called only by the owner (but set_irq: any
 * thread).  Request word and RUNNING/PARKED state are in `shoot`.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include <disco/backend.h>

#include "core/modelled.h"
#include "core/vm.h"

enum { OWNER_FREE = 0, OWNER_HELD = 1 };

/* A look-up: the page's frame, and what it was for. */
enum { SAMPLES_MAX = 64, SAMPLE_LOCAL = 1, SAMPLE_WRITE = 2, SAMPLE_SHIFT = 2 };

/* Noted of those that follow a drop of translations; then no more. */
enum { SAMPLES_PERIOD = 512 };

struct samples {
    uint32_t count;
    uint64_t item[SAMPLES_MAX];
};

enum { PENDING_NONE = 0, PENDING_MMIO = 1, PENDING_HYPERCALL = 2 };

struct vcpu_counts {
    uint64_t exits[16];
    uint64_t mmio_reads;
    uint64_t mmio_writes;
    uint64_t moncalls;
    uint64_t idles;
};

struct disco_vcpu {
    struct shoot_vcpu shoot;
    struct disco_vm *vm;
    struct disco_machine *machine;
    const disco_backend_ops *ops;
    void *state;
    disco_backend_host host;
    disco_vcpu_config config; /* as created; its model is owned */
    char *model;
    uint64_t owner; /* atomic */
    uint32_t index;
    uint32_t order;       /* DISCO_BIG or DISCO_LITTLE */
    uint32_t is_disco;    /* in disco mode */
    uint32_t cpu;         /* atomic: machine CPU it last ran on */
    uint32_t node;        /* of that */
    uint32_t is_parked;   /* atomic: not started */
    uint32_t is_idle;     /* atomic: waits for an interrupt */
    uint32_t is_woken;    /* atomic: the host was told */
    uint32_t in_callback; /* atomic: its thread is in a device callback */
    uint64_t wake_cycles; /* atomic: idle: own timer */
    uint32_t pending;     /* PENDING_*: host must complete */
    uint32_t asked_swap;  /* MMIO: its integer is not in CPU order */
    struct region_cache region;
    union {
        disco_exit_mmio mmio;
        disco_exit_hypercall hypercall;
    } asked;
    struct {
        disco_status status;
        uint32_t write;
        uint64_t gpa;
    } failed; /* device callback that ended the run */
    struct vcpu_counts counts;
    struct sched_entry *sched; /* atomic: its place in a scheduler, or NULL */
    uint64_t ran_cycles;       /* in the backend, in the last run */
    uint32_t is_sampled;       /* it drops translations; set for each run */
    uint32_t sample_left;      /* look-ups still to be noted */
    uint64_t age_cycles;       /* own time of the next drop of translations */
    uint64_t age_random;
    struct samples samples;
    struct modelled modelled;
};

_Static_assert(offsetof(struct disco_vcpu, shoot) == 0,
               "vcpu_of_shoot relies on it");

/*
 * Own the vCPU for a moment.  BUSY when it runs on another thread; 0 with
 * *held = 0 when the calling thread is inside its run.
 */
disco_status vcpu_hold(struct disco_vcpu *v, int *held);
void vcpu_release(struct disco_vcpu *v, int held);

/* vcpu_hold with a sentence for the last error. */
disco_status vcpu_hold_for(struct disco_vcpu *v, const char *what, int *held);

/* Nobody runs it and the caller has the VM for himself. */
void vcpu_free(struct disco_vcpu *v);
void vcpu_reset(struct disco_vcpu *v);

/* host.c: the services that a backend gets. */
void host_services_init(struct disco_vcpu *v);

/* idle.c */
enum { IDLE_GO = 0, IDLE_STAY = 1 };
/* Owner, not in the backend: has the idle vCPU a reason to go on? */
int idle_check(struct disco_vcpu *v);
/* A line or time changed: tell the host when the vCPU waits for it. */
void idle_wake(struct disco_vcpu *v);
/* The clock reached `now`: wake idle vCPUs whose timer is due. */
void idle_clock(struct disco_vm *vm, uint64_t now);
/* Tell the host that a vCPU can run (or must be run to see its end). */
void wake_host(struct disco_vcpu *v);

/* mmio.c */
disco_status mmio_access(struct disco_vcpu *v, uint64_t gpa, uint32_t bytes,
                         int is_write, uint64_t *value);

/* moncall.c, mempages.c, hostcall.c */
disco_status moncall_do(struct disco_vcpu *v, uint32_t code,
                        const uint64_t arg[6], uint64_t result[2]);
int64_t moncall_zero_page(struct disco_vcpu *v, uint64_t gpa);
int64_t moncall_release_page(struct disco_vcpu *v, uint64_t gpa);
int64_t moncall_remap(struct disco_vcpu *v, uint64_t to, uint64_t from,
                      uint64_t *mapped);
int64_t moncall_share(struct disco_vcpu *v, uint64_t key, uint64_t gpa,
                      uint64_t pages, uint64_t *members);
int64_t moncall_unshare(struct disco_vcpu *v, uint64_t key);
uint64_t hostcall_do(struct disco_vcpu *v, uint64_t number,
                     const uint64_t arg[5], uint64_t *value);
void hostcall_destroy(struct disco_vm *vm);
/* The child gets the parent's functions under the same numbers.  NOMEM. */
disco_status hostcall_fork(struct disco_vm *vm, struct disco_vm *child);

/* In a host callback: parked, and registers are reachable. */
static inline void vcpu_callback_begin(struct disco_vcpu *v)
{
    store_relaxed(&v->in_callback, 1);
    shoot_park(&v->shoot);
}

static inline void vcpu_callback_end(struct disco_vcpu *v)
{
    shoot_unpark(&v->shoot);
    store_relaxed(&v->in_callback, 0);
}

#endif
