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

struct mem {
    struct context *ctx;
    struct alloc *alloc;
    struct lock lock;
    struct frames frames;
    struct linemon *lm;
    struct shoot_all vcpus;
    struct shoot_stats shoot; /* atomics */
    uint32_t moves;           /* pages on their way: LOOSE or MAP_MOVING */
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
