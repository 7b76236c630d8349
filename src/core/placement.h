/*
 * placement.h - what ties counting and placing of pages to machine and vCPUs.
 *
 * A vCPU that runs notes its look-ups in a buffer of its own (sampling.c),
 * which goes to the counters when it is full and when the run ends.  The
 * engine's actions go through mem (placement.c).  `placement` of a machine
 * changes only while no vCPU runs.
 */
#ifndef CORE_PLACEMENT_H
#define CORE_PLACEMENT_H

#include "core/vcpu.h"
#include "numa/engine.h"

struct node_samples {
    uint64_t local; /* atomics */
    uint64_t remote;
};

struct placement {
    struct engine engine;
    uint64_t sample_cycles;
    uint32_t sample_weight;
    uint32_t is_sampling;
    uint64_t serial;     /* atomic: frames placed */
    uint64_t samples;    /* atomic */
    uint32_t is_ticking; /* atomic */
    struct node_samples node[DISCO_NODES_MAX];
};

/* --- sampling.c: the vCPU's side; its own thread ----------------------------
 */

/* A run begins; v->node is set. */
void sampling_begin(struct disco_vcpu *v);
/* ... and ends: what was noted goes to the counters. */
void sampling_end(struct disco_vcpu *v);
/* Between two backend calls: drop translations when it is time to. */
void sampling_age(struct disco_vcpu *v);
/* The backend looked up a page: its mapping, and the node that serves it. */
void sampling_note(struct disco_vcpu *v, uint64_t entry, uint32_t node,
                   uint32_t access);
/* A model's cache missed a line of this frame.  One thread runs vCPUs. */
void sampling_miss(struct disco_vcpu *v, struct mfn mfn, uint32_t access);
/* The node for a page that the vCPU touches first.  No lock is held. */
uint32_t placement_node(struct disco_vcpu *v, struct pfn pfn);

/* --- placing.c --------------------------------------------------------------
 */

/* struct engine_ops, for the machine. */
uint32_t placing_look(void *opaque, uint64_t name, struct engine_look *out);
uint32_t placing_act(void *opaque, uint32_t action, uint32_t node,
                     uint64_t *name);

/* struct frame_watch, for the placement: counts move and end with frames. */
void placing_freed(void *opaque, struct mfn mfn);
void placing_moved(void *opaque, struct mfn from, struct mfn to);
/* --- placement.c ------------------------------------------------------------
 */

/* End it, with the machine or before. */
void placement_destroy(struct disco_machine *m);
/* For the figures of a node. */
void placement_node_samples(struct disco_machine *m, uint32_t node,
                            uint64_t *local, uint64_t *remote);

#endif
