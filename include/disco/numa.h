/*
 * numa.h - the machine's nodes: what they hold and how far apart they are.
 */
#ifndef DISCO_NUMA_H
#define DISCO_NUMA_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

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
 * change the mapping.  The guest sees nothing.  Errors: RANGE (not RAM), NOENT
 * (page never touched), BUSY (pinned), NOMEM (node full), INVAL.  Thread: any
 * thread, not inside a callback (REENTRANT).
 */
DISCO_API disco_status disco_page_migrate(disco_vm *vm, uint64_t gpa,
                                          uint32_t node);

#ifdef __cplusplus
}
#endif
#endif
