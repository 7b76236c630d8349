/*
 * topology.c - see topology.h.
 */
#include "numa/topology.h"

int topology_init(struct topology *t, uint32_t nodes, uint32_t cpus_per_node)
{
    t->nodes = nodes ? nodes : 1;
    t->cpus_per_node = cpus_per_node ? cpus_per_node : 1;
    return t->nodes > TOPOLOGY_NODES_MAX ||
           t->cpus_per_node > TOPOLOGY_NODE_CPUS_MAX;
}

uint32_t topology_distance(const struct topology *t, uint32_t from, uint32_t to)
{
    (void)t;
    return from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}
