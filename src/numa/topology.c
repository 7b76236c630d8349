/*
 * topology.c - see topology.h.
 */
#include "numa/topology.h"

#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "mem/addr.h"

void topology_uniform(disco_topology *out, uint32_t nodes,
                      uint32_t cpus_per_node)
{
    uint32_t i;

    memset(out, 0, sizeof(*out));
    out->size = sizeof(*out);
    out->nodes = nodes ? nodes : 1;
    for (i = 0; i < out->nodes && i < TOPOLOGY_NODES_MAX; i++)
        out->cpus[i] = cpus_per_node ? cpus_per_node : 1;
}

static disco_status check_node(const disco_topology *from, uint32_t node,
                               disco_error *err)
{
    if (from->cpus[node] > TOPOLOGY_NODE_CPUS_MAX)
        return error_fill(err, DISCO_E_INVAL, node,
                          "topology: node %u has %u CPUs, at most %d", node,
                          from->cpus[node], TOPOLOGY_NODE_CPUS_MAX);
    if (!is_aligned(from->bytes[node], PAGE_BYTES) ||
        from->bytes[node] > GPA_END)
        return error_fill(err, DISCO_E_INVAL, node,
                          "topology: node %u has 0x%llx bytes, not a multiple "
                          "of 4096 up to 2^40",
                          node, (unsigned long long)from->bytes[node]);
    return 0;
}

static disco_status check(const disco_topology *from, disco_error *err)
{
    disco_status status;
    uint32_t i, cpus = 0;

    if (!from->nodes || from->nodes > TOPOLOGY_NODES_MAX)
        return error_fill(err, DISCO_E_INVAL, from->nodes,
                          "topology: %u nodes, not from 1 to %d", from->nodes,
                          TOPOLOGY_NODES_MAX);
    for (i = 0; i < from->nodes; i++) {
        status = check_node(from, i, err);
        if (status)
            return status;
        cpus += from->cpus[i];
    }
    if (!cpus)
        return error_fill(err, DISCO_E_INVAL, 0, "topology: no node has a CPU");
    return 0;
}

/*
 * Sort by distance; among equals, those that come next in a circle go first, so
 * that a full node's pages do not all go to node 0.
 */
static void sort_near(struct topology *t, uint32_t from)
{
    uint8_t *near = t->near[from];
    uint32_t i, at;
    uint8_t node;

    for (i = 0; i < t->nodes; i++) {
        node = (uint8_t)((from + i) % t->nodes);
        for (at = i; at > 1 &&
                     t->distance[from][near[at - 1]] > t->distance[from][node];
             at--)
            near[at] = near[at - 1];
        near[at] = node;
    }
}

disco_status topology_init(struct topology *t, const disco_topology *from,
                           uint64_t node_bytes, disco_error *err)
{
    disco_status status = check(from, err);
    uint32_t i, j;

    if (status)
        return status;
    memset(t, 0, sizeof(*t));
    t->nodes = from->nodes;
    for (i = 0; i < t->nodes; i++) {
        t->node_cpus[i] = from->cpus[i];
        t->node_bytes[i] = from->bytes[i] ? from->bytes[i] : node_bytes;
        for (j = 0; j < from->cpus[i]; j++)
            t->cpu_node[t->cpus++] = (uint8_t)i;
        for (j = 0; j < t->nodes; j++)
            t->distance[i][j] = from->distance[i][j] ? from->distance[i][j]
                                : i == j             ? DISTANCE_LOCAL
                                                     : DISTANCE_REMOTE;
    }
    for (i = 0; i < t->nodes; i++)
        sort_near(t, i);
    return 0;
}

void topology_describe(const struct topology *t, disco_topology *out)
{
    memset(out, 0, sizeof(*out));
    out->size = sizeof(*out);
    out->nodes = t->nodes;
    memcpy(out->cpus, t->node_cpus, sizeof(out->cpus));
    memcpy(out->bytes, t->node_bytes, sizeof(out->bytes));
    memcpy(out->distance, t->distance, sizeof(out->distance));
}
