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
 * Read a topology from what `lstopo --of xml` writes, up to 16 MiB.  Nodes
 * without memory get the default; distances are the first matrix of latencies.
 * err->where is the offset of what is wrong.  Errors: INVAL, CORRUPT (not such
 * a topology), RANGE (more than a machine can have), NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_topology_import_xml(const void *xml,
                                                 uint64_t bytes,
                                                 disco_topology *out,
                                                 disco_error *err);

/*
 * Take the host's own, through hwloc, which reads environment variables
 * (HWLOC_*).  Errors: UNSUPPORTED (built without hwloc: DISCO_CAP_HWLOC), as
 * above.  Thread: any.
 */
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
    uint64_t alloc_local;    /* frames given to a vCPU that ran on this node */
    uint64_t alloc_remote;   /* frames given because the wanted node was full */
    uint64_t sampled_local;  /* look-ups by CPUs of this node that were served
                                by its own memory, while placement samples */
    uint64_t sampled_remote; /* ... by another node's */
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
 * touched), BUSY (pinned, on its way in a packet, stored to by guests without
 * a pause, or mapped more than 256 times), NOMEM (node full), INVAL.  Thread:
 * any thread, not inside a callback (REENTRANT).  The paper, section 4.2.2.
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

/* --- Policies --------------------------------------------------------------
 */

/* What can be done with a page.  X(name, value, text) */
#define DISCO_PLACE_LIST(X)      \
    X(NONE, 0, "none")           \
    X(MIGRATE, 1, "migrate")     \
    X(REPLICATE, 2, "replicate") \
    X(COLLAPSE, 3, "collapse")   \
    X(FREEZE, 4, "freeze")

enum {
#define DISCO_PLACE_ENUM(name, value, text) DISCO_PLACE_##name = value,
    DISCO_PLACE_LIST(DISCO_PLACE_ENUM)
#undef DISCO_PLACE_ENUM
};

/*
 * Thresholds of a policy; 0 is the default.  The names follow the kernel policy
 * that the paper's section 4 builds on; it prints no numbers.  Counts are of
 * one interval.
 */
typedef struct disco_policy_params {
    uint32_t size;
    uint32_t trigger; /* accesses from a node that has no copy which make a
                         page hot; 0 = 128 */
    uint32_t sharing; /* accesses that make another node a sharer; 0 = a
                         quarter of trigger */
    uint32_t write;   /* more writes than this, and a shared page stays;
                         0 = 1, DISCO_POLICY_NO_WRITE = none */
    uint32_t migrate; /* moves of a page in one interval; 0 = 1 */
    uint32_t freeze;  /* moves after which a page is frozen; 0 = 8 */
    uint32_t thaw;    /* intervals until a frozen page may move again;
                         0 = 100, ~0 = never */
    uint32_t reserved;
    uint64_t reset_ns; /* interval after which counts start afresh;
                          0 = 100 ms */
} disco_policy_params;

#define DISCO_POLICY_NO_WRITE 0xffffffffu

/* A hot page as a policy sees it. */
typedef struct disco_policy_page {
    uint32_t size;
    uint32_t nodes;
    uint32_t node;           /* where its master copy is */
    uint32_t moves;          /* since it was first counted or thawed */
    uint32_t interval_moves; /* ... in this interval */
    uint32_t reserved;
    uint64_t copies;       /* bit mask of nodes with a copy, master's too */
    uint64_t pressed;      /* bit mask of nodes short of free frames */
    const uint32_t *reads; /* of this interval, by node */
    const uint32_t *writes;
} disco_policy_page;

/* A page about to get its first frame. */
typedef struct disco_policy_frame {
    uint32_t size;
    uint32_t nodes;
    uint32_t node; /* of the vCPU that touches it */
    uint32_t home; /* of the VM */
    uint64_t gpa;
    uint64_t serial; /* frames that the machine's vCPUs touched before */
} disco_policy_frame;

/*
 * A placement policy: pure functions, the same answer to the same question, no
 * calls into the library.  Answers that make no sense are refused by the
 * library and counted.  `place` runs on threads of vCPUs, `decide` on the one
 * that calls disco_placement_tick.
 */
typedef struct disco_policy_ops {
    uint32_t size;
    uint32_t flags; /* 0 */
    const char *name;
    /* The node that a new frame should be on; NULL = the vCPU's. */
    uint32_t (*place)(void *opaque, const disco_policy_frame *frame);
    /* DISCO_PLACE_* for a hot page, with *node for MIGRATE and REPLICATE (it
     * comes in as the node that asks).  NULL = never anything. */
    uint32_t (*decide)(void *opaque, const disco_policy_params *params,
                       const disco_policy_page *page, uint32_t *node);
} disco_policy_ops;

/*
 * The library's policies, by name; NULL when there is none.
 *   none        frames from the VM's home node, and they stay
 *   firsttouch  frames from the node of the vCPU, and they stay
 *   roundrobin  frames from all nodes in turn, and they stay
 *   disco       first touch; then the paper's (section 4.2): migrate to the one
 *               node that uses a page, replicate what several read, leave what
 *               is write-shared, freeze what moved too often
 * Thread: any.
 */
DISCO_API const disco_policy_ops *disco_policy_find(const char *name);

/* Put defaults where params has 0.  Thread: any. */
DISCO_API disco_status disco_policy_defaults(disco_policy_params *params);

/* --- Placement -------------------------------------------------------------
 */

enum {
    /* Sample no translations: counts come from disco_counters_add alone. */
    DISCO_PLACEMENT_NO_SAMPLING = 1
};

typedef struct disco_placement_config {
    uint32_t size;
    uint32_t flags;              /* DISCO_PLACEMENT_* */
    const char *policy;          /* one of the library's; NULL = "disco" */
    const disco_policy_ops *ops; /* or the host's own; copied, name borrowed */
    void *opaque;                /* of ops */
    const disco_policy_params *params; /* copied; NULL = defaults */
    /*
     * Sampling: every so many cycles a vCPU's translations are dropped (code
     * stays translated), so that pages in use are looked up, and seen, again.
     * Under a cost model nothing is dropped: its cache misses are counted, one
     * by one.
     */
    uint64_t sample_cycles; /* 0 = 1,000,000; at least 1000 */
    uint32_t sample_weight; /* accesses that one look-up stands for; 0 = 16 */
    uint32_t pages;         /* pages counted at a time, up to 2^24; 0 = 65536;
                               beyond it those with the lowest counts go */
    uint32_t tick_pages;    /* hot pages looked at in a tick; 0 = 256 */
    uint32_t log_events;    /* actions remembered, up to 2^20; 0 = 1024 */
    uint64_t tick_ns;       /* host time after which a tick starts nothing
                               more; 0 = no limit; not on a deterministic
                               machine */
    uint64_t rate;          /* moves a second of the tick's time; 0 = no
                               limit */
} disco_placement_config;

/*
 * Begin to count and to place pages; config may be NULL.  Errors: INVAL, NOENT
 * (no such policy), EXISTS (begun already), NOMEM, BUSY (a vCPU runs).
 * Thread: no vCPU of the machine runs.
 */
DISCO_API disco_status disco_placement_start(
    disco_machine *machine, const disco_placement_config *config);

/* Stop: pages stay where they are, counts are gone.  STATE (not begun), BUSY.
 * Thread: no vCPU of the machine runs. */
DISCO_API disco_status disco_placement_stop(disco_machine *machine);

/*
 * Look at the hot pages and act, within the budget.  The host calls it now and
 * then: a few times in each interval.  now_ns is time that never goes back, in
 * which intervals and rates are measured; 0 = the latest of the VMs' clocks.
 * *acted (may be NULL): pages that were moved, copied or joined.
 * Errors: STATE (not begun), BUSY (another tick), REENTRANT.  Thread: any, not
 * inside a callback; vCPUs may run.
 */
DISCO_API disco_status disco_placement_tick(disco_machine *machine,
                                            uint64_t now_ns, uint32_t *acted);

/*
 * Count accesses to a page by CPUs of a node: from the host's hardware counters
 * or a cache model.  Errors: STATE (placement not begun), INVAL (no such node),
 * RANGE (not RAM), NOENT (never touched).  Thread: any, callbacks too.
 */
DISCO_API disco_status disco_counters_add(disco_vm *vm, uint64_t gpa,
                                          uint32_t node, uint32_t reads,
                                          uint32_t writes);

typedef struct disco_page_counters {
    uint32_t size;
    uint32_t moves;  /* since it was first counted or thawed */
    uint32_t frozen; /* 1: it stays for now */
    uint32_t reserved;
    uint32_t reads[DISCO_NODES_MAX]; /* of this interval, by node */
    uint32_t writes[DISCO_NODES_MAX];
} disco_page_counters;

/* Counts of a page, all 0 when it is not being counted.  Errors as above. */
DISCO_API disco_status disco_counters_get(disco_vm *vm, uint64_t gpa,
                                          disco_page_counters *out);

/* Why an action was not done.  X(name, value, text) */
#define DISCO_REFUSED_LIST(X)             \
    X(NODE, 1, "no such node")            \
    X(SAME, 2, "it is there already")     \
    X(FROZEN, 3, "it moved too often")    \
    X(GONE, 4, "the page is gone")        \
    X(IMMOVABLE, 5, "it cannot be moved") \
    X(PINNED, 6, "it is pinned")          \
    X(FULL, 7, "the node is full")        \
    X(RATE, 8, "too many moves a second") \
    X(UNKNOWN, 9, "no such action")       \
    X(UNSUPPORTED, 10, "unsupported")

enum {
#define DISCO_REFUSED_ENUM(name, value, text) DISCO_REFUSED_##name = value,
    DISCO_REFUSED_LIST(DISCO_REFUSED_ENUM)
#undef DISCO_REFUSED_ENUM
        DISCO_REFUSED_COUNT
};

typedef struct disco_placement_stats {
    uint32_t size;
    uint32_t pages;   /* being counted */
    uint64_t samples; /* look-ups of running vCPUs seen */
    uint64_t ticks;
    uint64_t intervals;
    uint64_t hot;      /* times that a page became hot */
    uint64_t hot_lost; /* ... and its interval ended before its turn */
    uint64_t evicted;  /* counts given up for want of room */
    uint64_t migrations;
    uint64_t replications;
    uint64_t collapses; /* by the policy */
    uint64_t broken;    /* replicated pages that a write had joined */
    uint64_t frozen;
    uint64_t thawed;
    uint64_t refused[DISCO_REFUSED_COUNT];
} disco_placement_stats;

/* STATE: placement not begun.  Thread: any. */
DISCO_API disco_status disco_placement_stats_get(disco_machine *machine,
                                                 disco_placement_stats *out);

/* Something that the engine did or refused. */
typedef struct disco_placement_event {
    uint64_t serial;  /* from 0, without gaps */
    uint64_t now_ns;  /* of the tick */
    uint64_t page;    /* machine frame (disco_page_info.mfn) before */
    uint32_t action;  /* DISCO_PLACE_* */
    uint32_t refused; /* 0: done, else DISCO_REFUSED_* */
    uint32_t from_node;
    uint32_t to_node;
    uint32_t moves; /* of the page, with this one */
    uint32_t reserved;
} disco_placement_event;

/*
 * Copy up to `count` events, oldest first, from number *serial on (or from the
 * oldest that is still there); *serial becomes the number to go on with.
 * *got: how many.  STATE: placement not begun.  Thread: any.
 */
DISCO_API disco_status disco_placement_log(disco_machine *machine,
                                           uint64_t *serial,
                                           disco_placement_event *out,
                                           uint32_t count, uint32_t *got);

#ifdef __cplusplus
}
#endif
#endif
