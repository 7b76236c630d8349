/*
 * model.h - a simulated ccNUMA machine: a cache per CPU, a directory that keeps
 * them coherent, local and remote memory, a queue at each node's memory
 * controller, and what the monitor's work costs (Disco paper, 5.1 and 5.5).
 *
 * With a model, a vCPU's time is its instructions plus modelled stalls, and its
 * Count, timers and deadlines follow.  Without one (the default) an instruction
 * is a cycle and memory costs nothing.
 */
#ifndef DISCO_MODEL_H
#define DISCO_MODEL_H

#include "types.h"
#include "vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A cost of zero, since 0 is the default. */
#define DISCO_MODEL_NOTHING 0xffffffffu

enum {
    /* Memory is one: every miss takes local_ns, and nobody waits. */
    DISCO_MODEL_UMA = 1,
    /* What the monitor does costs nothing. */
    DISCO_MODEL_FREE_MONITOR = 2
};

/* What the library does to pages, by its cost in the model. */
#define DISCO_PAGE_ACTION_LIST(X)                               \
    X(MIGRATE, 0, "migrate")                                    \
    X(REPLICATE, 1, "replicate")                                \
    X(COLLAPSE, 2, "collapse") /* replicas become one again */  \
    X(BREAK, 3, "cow_break")   /* a private copy of a shared */ \
    X(ZERO, 4, "zero")         /* a page given on first touch */
enum {
#define DISCO_PAGE_ACTION_ENUM(name, value, text) DISCO_PAGE_##name = value,
    DISCO_PAGE_ACTION_LIST(DISCO_PAGE_ACTION_ENUM)
#undef DISCO_PAGE_ACTION_ENUM
        DISCO_PAGE_ACTIONS
};

/* All times in ns of virtual time; they are rounded up to cycles. */
typedef struct disco_model_config {
    uint32_t size;
    uint32_t flags;         /* DISCO_MODEL_* */
    uint32_t cache_bytes;   /* of each CPU, a power of two; 0 = 1 MiB */
    uint32_t ways;          /* 1..16, a power of two; 0 = 2 */
    uint32_t line_bytes;    /* a power of two, 32..4096; 0 = 128 */
    uint32_t local_ns;      /* a miss served by the own node; 0 = 300 */
    uint32_t remote_ns;     /* ... by a node at distance 30; 0 = 900.  Other
                               distances in proportion (10 = local) */
    uint32_t service_ns;    /* the memory controller is busy with a line;
                               0 = 160 */
    uint32_t dirty_ns;      /* more when another cache has it alone; 0 = 300 */
    uint32_t invalidate_ns; /* more for each other copy that a store ends;
                               0 = 50 */
    uint32_t upgrade_percent; /* what a store to a shared line that is present
                                 takes of a miss; 0 = 100, ~0 = 0 */
    uint32_t reserved;
    /*
     * Monitor, for vCPUs in disco mode: a trap by cause; 0 = a default, see
     * docs/model.md.
     */
    uint32_t trap_ns[16];
    /* Actions on pages; 0 = 67 us, 57 us (the paper's table 3), 20 us, 20 us
     * and 10 us. */
    uint32_t page_ns[8];
} disco_model_config;

/*
 * Put the machine's CPUs, memory and interconnect under this model, with empty
 * caches and all figures at zero; NULL: no model any more.  Then one vCPU of
 * the machine can be in run at a time (else BUSY), as on a deterministic
 * machine.  Errors: INVAL; UNSUPPORTED: more than 64 CPUs, a machine on the
 * host's clock; NOMEM; BUSY while a vCPU runs.  Thread: any, not in a callback.
 */
DISCO_API disco_status disco_machine_set_model(
    disco_machine *machine, const disco_model_config *config);

/* The model's parameters, defaults filled in; NOENT without one. */
DISCO_API disco_status disco_machine_get_model(disco_machine *machine,
                                               disco_model_config *out);

/*
 * Where a CPU's cycles went; each goes to exactly one entry.  clock: the vCPU
 * was brought forward to the time that others of its VM had reached.  Entries
 * from 16 on are the monitor's: 16 + DISCO_TRAP_*, 32 + DISCO_PAGE_*.
 */
#define DISCO_LEDGER_LIST(X)                                   \
    X(USER, 0, "user")                                         \
    X(KERNEL, 1, "kernel")                                     \
    X(STALL_LOCAL, 2, "stall_local")                           \
    X(STALL_REMOTE, 3, "stall_remote")                         \
    X(QUEUE, 4, "queue") /* waiting for a memory controller */ \
    X(SYNC, 5, "sync")   /* stalls of LL and SC */             \
    X(IDLE, 6, "idle")                                         \
    X(CLOCK, 7, "clock")
enum {
#define DISCO_LEDGER_ENUM(name, value, text) DISCO_LEDGER_##name = value,
    DISCO_LEDGER_LIST(DISCO_LEDGER_ENUM)
#undef DISCO_LEDGER_ENUM
        DISCO_LEDGER_TRAP = 16,
    DISCO_LEDGER_PAGE = 32,
    DISCO_LEDGER_ENTRIES = 40
};

/* Name of an entry ("stall_local", "trap_tlb_write", "page_migrate"), NULL when
 * there is none.  Thread: any. */
DISCO_API const char *disco_ledger_name(uint32_t entry);

typedef struct disco_model_cpu_stats {
    uint32_t size;
    uint32_t node;
    uint64_t cycles;     /* of the CPU: the sum of its ledger */
    uint64_t accesses;   /* loads, stores, fetched lines */
    uint64_t miss_local; /* served by the own node's memory */
    uint64_t miss_remote;
    uint64_t miss_dirty;  /* ... of both: another cache had it alone */
    uint64_t upgrades;    /* stores to shared lines that were present */
    uint64_t writebacks;  /* changed lines that were replaced */
    uint64_t invalidated; /* lines it lost to stores and DMA of others */
    uint64_t ledger[DISCO_LEDGER_ENTRIES]; /* cycles */
} disco_model_cpu_stats;

typedef struct disco_model_node_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t served;      /* lines, with writebacks and upgrades */
    uint64_t from_remote; /* ... of which asked for by other nodes' CPUs */
    uint64_t busy_ns;
    uint64_t queue_ns; /* requests waited, all together */
} disco_model_node_stats;

/* Figures of one CPU or node under the model.  Errors: INVAL, NOENT (no model),
 * BUSY while a vCPU runs.  Thread: any. */
DISCO_API disco_status disco_model_cpu_get(disco_machine *machine, uint32_t cpu,
                                           disco_model_cpu_stats *out);
DISCO_API disco_status disco_model_node_get(disco_machine *machine,
                                            uint32_t node,
                                            disco_model_node_stats *out);

#ifdef __cplusplus
}
#endif
#endif
