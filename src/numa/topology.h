/*
 * topology.h - which nodes and CPUs the machine has, and how far apart they
 * are.  Fixed at creation; any thread.  Decides nothing about memory.
 */
#ifndef NUMA_TOPOLOGY_H
#define NUMA_TOPOLOGY_H

#include <disco/numa.h>

enum {
    TOPOLOGY_NODES_MAX = DISCO_NODES_MAX,
    TOPOLOGY_NODE_CPUS_MAX = DISCO_NODE_CPUS_MAX,
    TOPOLOGY_CPUS_MAX = TOPOLOGY_NODES_MAX * TOPOLOGY_NODE_CPUS_MAX
};

/* As firmware tables count: 10 is local. */
enum { DISTANCE_LOCAL = 10, DISTANCE_REMOTE = 30 };

struct topology {
    uint32_t nodes;
    uint32_t cpus;
    uint32_t node_cpus[TOPOLOGY_NODES_MAX];
    uint64_t node_bytes[TOPOLOGY_NODES_MAX];
    uint16_t distance[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX];
    /* All nodes from each one's point of view, nearest (itself) first. */
    uint8_t near[TOPOLOGY_NODES_MAX][TOPOLOGY_NODES_MAX];
    uint8_t cpu_node[TOPOLOGY_CPUS_MAX];
};

static inline uint32_t topology_cpus(const struct topology *t)
{
    return t->cpus;
}

/* CPUs are numbered node by node.  cpu < topology_cpus. */
static inline uint32_t topology_cpu_node(const struct topology *t, uint32_t cpu)
{
    return t->cpu_node[cpu];
}

static inline uint32_t topology_distance(const struct topology *t,
                                         uint32_t from, uint32_t to)
{
    return t->distance[from][to];
}

/* Equal nodes, equally far from each other; 0 means 1. */
void topology_uniform(disco_topology *out, uint32_t nodes,
                      uint32_t cpus_per_node);

/*
 * Take over a description; node_bytes is what 0 bytes mean.  INVAL with a
 * sentence in *err (may be NULL) when it describes no machine.
 */
disco_status topology_init(struct topology *t, const disco_topology *from,
                           uint64_t node_bytes, disco_error *err);

/* The description again, with all values filled in. */
void topology_describe(const struct topology *t, disco_topology *out);

#endif
