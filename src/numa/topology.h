/*
 * topology.h - which nodes and CPUs the machine has, and how far apart they
 * are.  Fixed at creation; any thread.  Decides nothing about memory.
 */
#ifndef NUMA_TOPOLOGY_H
#define NUMA_TOPOLOGY_H

#include <stdint.h>

enum { TOPOLOGY_NODES_MAX = 64, TOPOLOGY_NODE_CPUS_MAX = 64 };

/* As firmware tables count: 10 is local. */
enum { DISTANCE_LOCAL = 10, DISTANCE_REMOTE = 30 };

struct topology {
    uint32_t nodes;
    uint32_t cpus_per_node;
};

static inline uint32_t topology_cpus(const struct topology *t)
{
    return t->nodes * t->cpus_per_node;
}

/* CPUs are numbered node by node.  cpu < topology_cpus. */
static inline uint32_t topology_cpu_node(const struct topology *t, uint32_t cpu)
{
    return cpu / t->cpus_per_node;
}

/* 0, or non-zero when the numbers are out of range; 0 means 1. */
int topology_init(struct topology *t, uint32_t nodes, uint32_t cpus_per_node);

/* Uniform for now: every other node is equally far. */
uint32_t topology_distance(const struct topology *t, uint32_t from,
                           uint32_t to);

#endif
