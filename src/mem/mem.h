/*
 * mem.h - the machine's memory as a whole: frames of all nodes, the line
 * monitor, the vCPUs that may have to be asked, and the one lock.
 *
 * mem->lock guards frame records, maps, region sets and the list of vCPUs.  It
 * is never held while waiting for a vCPU, in a host callback, or while host
 * memory is asked for.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include "base/context.h"
#include "mem/frame.h"
#include "mem/linemon.h"
#include "mem/shootdown.h"

struct physmap;
struct common;

/* Figures of one kind of page move; atomics. */
struct move_stats {
    uint64_t count;
    uint64_t shoot_ns; /* marking, posting, waiting */
    uint64_t copy_ns;
    uint64_t total_ns;
};

/* Times of one move under way. */
struct move_clock {
    uint64_t begin;
    uint64_t copy_ns;
};

static inline void move_clock_begin(struct move_clock *c)
{
    c->begin = host_ns();
    c->copy_ns = 0;
}

static inline void move_clock_copy(struct move_clock *c)
{
    c->copy_ns -= host_ns();
}

static inline void move_clock_copied(struct move_clock *c)
{
    c->copy_ns += host_ns();
}

/* It is done: everything that was not copying was taking the page away. */
static inline void move_clock_end(const struct move_clock *c,
                                  struct move_stats *s)
{
    uint64_t total = host_ns() - c->begin;

    add_relaxed(&s->count, 1);
    add_relaxed(&s->total_ns, total);
    add_relaxed(&s->copy_ns, c->copy_ns);
    add_relaxed(&s->shoot_ns, total - c->copy_ns);
}

/*
 * Somebody who can give frames back: called without mem->lock, returns how many
 * frames became free, of `node` as far as possible.
 */
struct mem_reclaim {
    uint64_t (*give_back)(void *opaque, uint32_t node, uint64_t frames);
    void *opaque;
};

enum { MEM_MAPS_MAX = 1 << 20 };

struct mem {
    struct context *ctx;
    struct alloc *alloc;
    struct lock lock;
    struct frames frames;
    struct linemon *lm;
    struct shoot_all vcpus;
    struct shoot_stats shoot; /* atomics */
    uint32_t moves;           /* pages on their way: LOOSE or MAP_MOVING */
    struct physmap **maps;    /* by id; 0 is nobody */
    uint32_t maps_capacity;
    struct common *commons; /* runs of pages that VMs write together */
    uint32_t common_count;
    struct mem_reclaim reclaim; /* set before VMs run */
    struct move_stats migrate;
    struct move_stats replicate;
    struct move_stats collapse;
    struct move_stats cow; /* copy-on-write breaks that copied */
};

disco_status mem_init(struct mem *mem, struct context *ctx, uint32_t nodes,
                      uint64_t node_bytes);
void mem_destroy(struct mem *mem);

static inline void mem_lock(struct mem *mem)
{
    lock_take(&mem->lock);
}

/* Also hands emptied chunks back to the host. */
static inline void mem_unlock(struct mem *mem)
{
    struct frame_garbage *garbage = frame_garbage_take(&mem->frames);

    lock_give(&mem->lock);
    if (unlikely(garbage))
        frame_garbage_drop(&mem->frames, garbage);
}

/* Give a physmap its id: 0 or NOMEM.  Takes the lock. */
disco_status mem_add_map(struct mem *mem, struct physmap *pm, uint32_t *id);
void mem_remove_map(struct mem *mem, uint32_t id);

/* Get what *g lacks.  Called and returns with the lock, dropped meanwhile. */
disco_status mem_grow(struct mem *mem, struct chunk_grow *g);

/*
 * Copies of memory that vCPUs may use at the same time: aligned 1, 2, 4 and 8
 * byte units on the shared side are never torn.
 */
void mem_copy_to_shared(void *shared, const void *src, uint64_t bytes);
void mem_copy_from_shared(void *dst, const void *shared, uint64_t bytes);
void mem_zero_shared(void *shared, uint64_t bytes);

#endif
