/*
 * machine.h - the machine: nodes, machine memory, CPUs, clock, host services.
 */
#ifndef DISCO_MACHINE_H
#define DISCO_MACHINE_H

#include "types.h"
#include "numa.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* Repeats to the bit: one running vCPU at a time, virtual time only. */
    DISCO_MACHINE_DETERMINISTIC = 1,
    /* Run the library's consistency walks after every API call (slow). */
    DISCO_MACHINE_VERIFY = 2,
    /*
     * Memory of node i comes from the host's NUMA node i modulo their number,
     * when the host has more than one and the allocator is the library's own.
     * UNSUPPORTED when built without hwloc.
     */
    DISCO_MACHINE_HOST_NODES = 4
};

/* disco_machine_config.cache_bytes and code_cache_bytes. */
enum { DISCO_CACHE_NONE = 1 };

typedef struct disco_machine_config {
    uint32_t size;
    uint32_t flags;         /* DISCO_MACHINE_* */
    uint32_t nodes;         /* 1..64, 0 = 1 */
    uint32_t cpus_per_node; /* 1..64, 0 = 1 */
    uint64_t node_bytes;    /* machine memory per node, multiple of 4096;
                               0 = 1 GiB (host memory is taken when touched) */
    const disco_allocator *allocator; /* copied; NULL = malloc and mmap */
    disco_log_fn log;                 /* NULL = silent */
    void *log_opaque;
    /*
     * Host clock in nanoseconds, never going back.  NULL = virtual time: a
     * VM's clock counts its instructions.  Refused with DETERMINISTIC.
     */
    uint64_t (*now_ns)(void *opaque);
    void *clock_opaque;
    /*
     * An idle or parked vCPU became runnable; or a scheduler (sched.h) has
     * work again that it had not.  Called on the thread that caused it, without
     * library locks; may only wake the host's loop.
     */
    void (*wake)(void *opaque, disco_vcpu *vcpu);
    void *wake_opaque;
    uint64_t seed;   /* of every random decision; 0 is a seed too */
    uint32_t cpu_hz; /* vCPU clock in virtual time, 2e6..4e9; 0 = 200 MHz */
    /*
     * A block of guest code is translated when a vCPU comes to it so often:
     * 1..200, 0 = 5 times.  The interpreter runs it before.
     */
    uint32_t translate_at_run;
    const disco_topology *topology; /* copied; NULL = made from the counts
                                       above; set: they must be 0 */
    /*
     * How much of the machine's memory may hold blocks of disk images that no
     * VM has mapped; 0 = an eighth, DISCO_CACHE_NONE = as little as can be.
     * Such frames are given up when memory runs out.
     */
    uint64_t cache_bytes;
    /*
     * Host memory for translated code, of all vCPUs together: 1 MiB to 512 MiB,
     * 0 = 32 MiB, DISCO_CACHE_NONE = the JIT is not used.  What does not fit is
     * translated again.
     */
    uint64_t code_cache_bytes;
} disco_machine_config;

/*
 * Create a machine.  `config` may be NULL (all defaults) and is copied.
 * `err` may be NULL; on failure it tells why.  *out is owned by the caller.
 * Errors: INVAL, VERSION, UNSUPPORTED, NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_machine_create(const disco_machine_config *config,
                                            disco_machine **out,
                                            disco_error *err);

/* Destroy it; NULL is fine.  BUSY while VMs exist.  Thread: the only user. */
DISCO_API disco_status disco_machine_destroy(disco_machine *machine);

/*
 * The last error of this machine or of an object below it, as text.  Valid
 * until the next failing call; read it on the thread that saw the failure.
 */
DISCO_API void disco_machine_last_error(const disco_machine *machine,
                                        disco_error *out);

/* vCPU clock of virtual time in Hz; MIPS' Count runs at half of it.
 * 0 for NULL.  Thread: any. */
DISCO_API uint32_t disco_machine_cpu_hz(const disco_machine *machine);
/* The configured seed; 0 for NULL.  Thread: any. */
DISCO_API uint64_t disco_machine_seed(const disco_machine *machine);

/* Machine-wide figures.  Thread: any; values are taken one by one. */
typedef struct disco_machine_stats {
    uint32_t size;
    uint32_t vms;
    uint32_t nodes;
    uint32_t cpus;
    uint64_t frames_total;
    uint64_t frames_used;
    uint64_t shootdowns;      /* mapping changes that asked vCPUs */
    uint64_t shootdown_waits; /* ... that had to wait for a running one */
    uint64_t shootdown_ns;    /* host time spent waiting */
    uint64_t host_bytes;      /* host memory held through the allocator */
} disco_machine_stats;
DISCO_API disco_status disco_machine_stats_get(disco_machine *machine,
                                               disco_machine_stats *out);

/*
 * Walk frames, physmaps, backmaps and translation tables and check that they
 * agree.  Returns 0, or INTERNAL with the first contradiction as last error.
 * Thread: no vCPU of the machine runs (BUSY).
 */
DISCO_API disco_status disco_machine_verify(disco_machine *machine);

#ifdef __cplusplus
}
#endif
#endif
