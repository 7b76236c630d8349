/*
 * engine.h - from hot pages to actions: asks the policy, checks what it says,
 * has it done, remembers.  Decides when; how pages move is the business of
 * struct engine_ops.
 *
 * Ordered by page names and by the caller's time alone, so that equal counts
 * give equal actions.  One tick at a time; counters.lock is not held while a
 * policy or an operation runs.
 */
#ifndef NUMA_ENGINE_H
#define NUMA_ENGINE_H

#include "numa/counters.h"
#include "numa/policy.h"

/* What is known of a page besides its counts. */
struct engine_look {
    uint32_t node;
    uint64_t copies;
    uint64_t pressed;
};

struct engine_ops {
    /* 0 and *look, or DISCO_REFUSED_*. */
    uint32_t (*look)(void *opaque, uint64_t name, struct engine_look *look);
    /*
     * Do it: 0, or DISCO_REFUSED_*.  *name: what the page is called afterwards.
     */
    uint32_t (*act)(void *opaque, uint32_t action, uint32_t node,
                    uint64_t *name);
    void *opaque;
};

struct engine {
    struct counters counters;
    struct engine_ops ops;
    disco_policy_ops policy;
    void *policy_opaque;
    disco_policy_params params;
    struct alloc *alloc;
    uint32_t nodes;
    uint32_t tick_pages;
    uint64_t tick_ns;
    uint64_t rate;
    uint64_t now_ns;   /* of the last tick */
    uint64_t reset_ns; /* when the next interval begins */
    uint64_t tokens;   /* moves that the rate allows, times 10^9 */
    uint64_t *batch;   /* tick_pages names: of this tick */
    /* Figures and log: guarded by counters.lock. */
    disco_placement_stats stats;
    disco_placement_event *log;
    uint32_t log_room;
    uint64_t log_next; /* number of the next event */
};

/* config with defaults filled in; everything it points to is copied. NOMEM. */
disco_status engine_init(struct engine *e, struct alloc *alloc, uint32_t nodes,
                         const disco_placement_config *config,
                         const struct engine_ops *ops);
void engine_destroy(struct engine *e);

/* One tick at a time.  Returns the number of actions done. */
uint32_t engine_tick(struct engine *e, uint64_t now_ns);

/* Copies of what changes; take the lock themselves. */
void engine_stats(struct engine *e, disco_placement_stats *out);
uint32_t engine_log(struct engine *e, uint64_t *serial,
                    disco_placement_event *out, uint32_t count);

#endif
