/*
 * counters.h - how often each node read and wrote a page lately, for as many
 * pages as there is room.  Knows neither frames nor VMs: a page is a name.
 *
 * A table of sets of eight; in a full set the page with the least counts gives
 * way.  Counts belong to an interval: the next one finds them as zeroes.  What
 * a page's moves are stays.  When a node's count reaches the trigger the page
 * gets into the hot queue, once.
 *
 * Caller holds c->lock for everything but init and destroy.  Nothing else is
 * locked or waited for meanwhile.
 */
#ifndef NUMA_COUNTERS_H
#define NUMA_COUNTERS_H

#include <disco/numa.h>

#include "base/alloc.h"
#include "base/lock.h"

enum { COUNTERS_WAYS = 8, COUNTERS_HOT = 4096 };

struct counted {
    uint64_t name;          /* + 1; 0: free */
    uint32_t interval;      /* that the counts belong to */
    uint32_t move_interval; /* that interval_moves belong to */
    uint32_t thaw;          /* frozen: interval in which it thaws */
    uint16_t moves;
    uint16_t interval_moves;
    uint8_t is_frozen;
    uint8_t is_hot; /* in the queue */
    uint8_t had_copies;
};

struct counted_copy {
    struct counted page;
    uint32_t count[2 * DISCO_NODES_MAX];
};

struct counters {
    struct lock lock;
    struct alloc *alloc;
    uint32_t nodes;
    uint32_t sets; /* power of two */
    uint32_t trigger;
    uint32_t interval;
    uint32_t used;
    uint32_t hot_count;
    struct counted *page; /* sets * COUNTERS_WAYS */
    uint32_t *count;      /* for each page: reads by node, writes by node */
    uint64_t hot[COUNTERS_HOT];
    uint64_t hot_seen;
    uint64_t hot_lost;
    uint64_t evicted;
};

/* Room for `pages` or a little more.  NOMEM. */
disco_status counters_init(struct counters *c, struct alloc *alloc,
                           uint32_t nodes, uint32_t pages, uint32_t trigger);
void counters_destroy(struct counters *c);

/* The page's record, or NULL. */
struct counted *counters_find(struct counters *c, uint64_t name);

/*
 * Count accesses by a node.  `home` is the node that has the page: what it does
 * itself makes nothing hot.
 */
void counters_add(struct counters *c, uint64_t name, uint32_t home,
                  uint32_t node, uint32_t reads, uint32_t writes);

/* Counts of this interval, 2 * nodes: reads, then writes. */
void counters_read(const struct counters *c, const struct counted *page,
                   uint32_t *out);

/*
 * The content behind one name gets another: save it before, restore it after.
 * What was counted under the new name meanwhile is added.  Save: 0 = there is
 * nothing.
 */
int counters_save(struct counters *c, uint64_t name, struct counted_copy *out);
struct counted *counters_restore(struct counters *c, uint64_t name,
                                 const struct counted_copy *copy);
/* The page has ended. */
void counters_forget(struct counters *c, uint64_t name);

/* Take up to `max` hot pages in the order of their names, lowest first. */
uint32_t counters_take_hot(struct counters *c, uint64_t *out, uint32_t max);

/* The next interval begins; who waits in the queue has lost its turn. */
void counters_next_interval(struct counters *c);

#endif
