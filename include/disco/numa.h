/*
 * numa.h - the machine's nodes: what they hold, how far apart they are, and
 * where pages live.
 */
#ifndef DISCO_NUMA_H
#define DISCO_NUMA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Topology ------------------------------------------------------------ */

enum { DISCO_NODES_MAX = 64, DISCO_NODE_CPUS_MAX = 64 };

/*
 * Nodes, their CPUs and memory, and how far apart they are: for
 * disco_machine_config.  CPUs are numbered node by node.  Machines like those
 * of the paper's section 5.1 are "NUMANode:8 PU:1".
 */
typedef struct disco_topology {
    uint32_t size;
    uint32_t nodes;                     /* 1..64 */
    uint32_t cpus[DISCO_NODES_MAX];     /* 0..64 each, at least 1 in all */
    uint64_t bytes[DISCO_NODES_MAX];    /* multiple of 4096; 0 = the machine
                                           config's node_bytes */
    uint16_t distance[DISCO_NODES_MAX]  /* [from][to], as firmware tables    */
                     [DISCO_NODES_MAX]; /* count: 10 is local.  0 = 10 for a
                                           node itself, 30 for another */
} disco_topology;

/*
 * Read a topology from text in hwloc's synthetic spelling: levels from the
 * machine down, "TYPE:COUNT(ATTRIBUTES)" or a bare COUNT, with white space
 * between.  Types: Machine, Group, Package (Socket), Die, NUMANode (Node),
 * L1Cache..L5Cache, Core, PU; upper and lower case are the same.  Memory that
 * hangs at a level stands behind it in brackets: "Package:2 [NUMANode(memory=
 * 1GB)] Core:4 PU:2".  Without NUMANode there is one node.
 *
 * Attributes of NUMANode, apart by spaces; a list that ends early is repeated:
 *   memory=1GB,512MB     bytes of each node: B, kB, MB, GB, TB, by 1024
 *   cpus=4,2             CPUs of each node, instead of the levels below
 *   distances=10,21,...  the matrix, row by row, nodes * nodes numbers
 * The latter two and lists are additions of ours.  Other attributes are read
 * over.
 *
 * out->size must be set.  On failure *out is left alone, and err (may be NULL)
 * says what is wrong; err->where is its offset in the text.
 * Errors: INVAL, RANGE (more nodes or CPUs than there can be).  Thread: any.
 */
DISCO_API disco_status disco_topology_parse(const char *text,
                                            disco_topology *out,
                                            disco_error *err);

/*
 * Read a topology from what `lstopo --of xml` writes, up to 16 MiB; or take the
 * host's own.  Nodes without memory get the default.  Both use hwloc, which
 * reads environment variables of its own (HWLOC_*).
 * Errors: UNSUPPORTED (built without hwloc: DISCO_CAP_HWLOC), INVAL, CORRUPT
 * (not a topology), RANGE, NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_topology_import_xml(const void *xml,
                                                 uint64_t bytes,
                                                 disco_topology *out,
                                                 disco_error *err);
DISCO_API disco_status disco_topology_import_host(disco_topology *out,
                                                  disco_error *err);

/* The machine's topology, every value as it is used.  Thread: any. */
DISCO_API disco_status disco_machine_topology(disco_machine *machine,
                                              disco_topology *out);

/* --- Nodes and pages -------------------------------------------------------
 */

typedef struct disco_node_stats {
    uint32_t size;
    uint32_t cpus;
    uint64_t frames_total;
    uint64_t frames_used;
    uint64_t alloc_local;  /* frames given to a vCPU that ran on this node */
    uint64_t alloc_remote; /* frames given because the wanted node was full */
} disco_node_stats;

/* Figures of one node.  Errors: INVAL (no such node).  Thread: any. */
DISCO_API disco_status disco_node_stats_get(disco_machine *machine,
                                            uint32_t node,
                                            disco_node_stats *out);

/* Node of a machine CPU, or INVAL.  CPUs are numbered node by node. */
DISCO_API disco_status disco_machine_cpu_node(disco_machine *machine,
                                              uint32_t cpu, uint32_t *node);

/* Frames of one VM that live on one node.  Thread: any. */
DISCO_API disco_status disco_vm_node_frames(disco_vm *vm, uint32_t node,
                                            uint64_t *frames);

/*
 * Move the frame behind a guest page to a node: allocate, shoot down, copy,
 * change the mappings of all VMs that share it.  The guest sees nothing.
 * Copies on other nodes go.  Errors: RANGE (not RAM), NOENT (page never
 * touched), BUSY (pinned, on its way in a packet, or mapped more than 256
 * times), NOMEM (node full), INVAL.  Thread: any thread, not inside a callback
 * (REENTRANT).  The paper, section 4.2.2.
 */
DISCO_API disco_status disco_page_migrate(disco_vm *vm, uint64_t gpa,
                                          uint32_t node);

/*
 * Give a node its own copy of the frame behind a guest page, for reading by
 * vCPUs that run there; the first write drops the copies.  Errors: as
 * disco_page_migrate; RANGE also when the node has the frame or a copy already,
 * or when several VMs write the page.  Thread: as disco_page_migrate.
 */
DISCO_API disco_status disco_page_replicate(disco_vm *vm, uint64_t gpa,
                                            uint32_t node);
/* Drop the copies.  Errors: RANGE (not RAM, or not replicated), NOENT, BUSY.
 * Thread: as disco_page_migrate. */
DISCO_API disco_status disco_page_collapse(disco_vm *vm, uint64_t gpa);

/* What one kind of page operation cost so far, in host time. */
typedef struct disco_move_cost {
    uint64_t count;
    uint64_t shootdown_ns; /* taking the page away, and bookkeeping */
    uint64_t copy_ns;
    uint64_t total_ns;
} disco_move_cost;
typedef struct disco_move_stats {
    uint32_t size;
    uint32_t reserved;
    disco_move_cost migrate;
    disco_move_cost replicate;
    disco_move_cost collapse;
    disco_move_cost cow; /* copies because a shared page was written */
    uint64_t replicas;   /* frames that are copies, now */
} disco_move_stats;
/* Thread: any; values are taken one by one. */
DISCO_API disco_status disco_move_stats_get(disco_machine *machine,
                                            disco_move_stats *out);

#ifdef __cplusplus
}
#endif
#endif
