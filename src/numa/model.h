/*
 * model.h - a simulated ccNUMA machine: what each access costs that its CPU's
 * cache does not serve, and where the cycles of each CPU went.
 *
 * Caches, directory and memory controllers are changed here only.  It knows
 * nothing of vCPUs: times are the asking CPU's own cycles.  Costs are added up,
 * not guessed: the same calls give the same cycles.  Thread: one at a time.
 */
#ifndef NUMA_MODEL_H
#define NUMA_MODEL_H

#include <disco/model.h>

#include "numa/cpucache.h"
#include "numa/directory.h"
#include "numa/queue.h"
#include "numa/topology.h"

/* A CPU.  Invariant: `now` is the sum of the ledger. */
struct model_cpu {
    struct cpu_cache cache;
    uint64_t now;
    uint64_t miss_local;
    uint64_t miss_remote;
    uint64_t miss_dirty;
    uint64_t upgrades;
    uint64_t writebacks;
    uint64_t invalidated;
    uint64_t ledger[DISCO_LEDGER_ENTRIES];
};

struct model_node {
    struct queue queue;
    uint64_t from_remote;
};

struct model {
    struct alloc *alloc;
    const struct topology *topology; /* borrowed */
    disco_model_config config;       /* defaults filled in */
    uint32_t cpus;
    uint32_t nodes;
    uint64_t hz;
    /* In cycles. */
    uint64_t service;
    uint64_t dirty;
    uint64_t invalidate;
    uint64_t trap[16];
    uint64_t page[8];
    uint64_t *latency; /* nodes * nodes; owned */
    struct model_cpu *cpu;
    struct model_node *node;
    struct directory directory;
};

/* One access to a line.  name and access as in disco_backend_host. */
struct model_access {
    uint32_t cpu;
    uint32_t home; /* node of the memory behind it */
    uint32_t access;
    uint64_t name;
    uint64_t time; /* the CPU's */
};

/* What it took, in cycles. */
struct model_cost {
    uint64_t wait;
    uint64_t latency;
    uint32_t is_miss;
    uint32_t is_remote;
};

/* Zeroes become defaults.  NULL, or what is wrong with the numbers. */
const char *model_check(disco_model_config *config);

/* `config` was checked.  NOMEM or 0. */
disco_status model_create(struct alloc *alloc, const struct topology *topology,
                          const disco_model_config *config, uint64_t hz,
                          struct model **out);
void model_destroy(struct model *m);

/* Make the line present with the rights; *cost says what that took. */
disco_backend_line *model_line(struct model *m, const struct model_access *a,
                               struct model_cost *cost);
/* A device wrote the line: no cache has it any more.  Or it read it: a changed
 * copy is clean again.  Costs no CPU anything. */
void model_dma(struct model *m, uint64_t name, uint32_t access);

/* These cycles of a CPU went there. */
static inline void model_charge(struct model *m, uint32_t cpu, uint32_t entry,
                                uint64_t cycles)
{
    m->cpu[cpu].ledger[entry] += cycles;
    m->cpu[cpu].now += cycles;
}

uint64_t model_cycles_to_ns(const struct model *m, uint64_t cycles);

/* Caches and directory agree: NULL, or what does not.  For tests. */
const char *model_verify(const struct model *m);

#endif
