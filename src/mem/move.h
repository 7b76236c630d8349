/*
 * move.h - take pages away from everybody, to give, move, copy or unify their
 * frames.  It decides nothing: whoever wants pages moved calls.
 *
 * While an entry is MAP_MOVING its frame is nobody's but the mover's, and
 * whoever needs the page waits.  A mover waits for copies under way before it
 * marks, never after: who copies several pages may wait for our mark to go.
 *
 * Functions without "locks itself" are called and return with mem->lock, and
 * drop it in between; `self`: the vCPU whose thread this is, or NULL.
 */
#ifndef MEM_MOVE_H
#define MEM_MOVE_H

#include "mem/physmap.h"

/* More mappings than this make a frame immovable: the work stays bounded. */
enum { MOVE_MAPS_MAX = 256 };

/* Post the loss of one mapping's translations and code to who may hold them. */
void mapping_post_drop(struct shoot_wave *wave, struct physmap *pm,
                       struct pfn pfn, uint64_t entry,
                       const struct shoot_vcpu *self);

/*
 * Until nobody moves or copies the page.  0; NOENT: not present; BUSY: pinned,
 * or kept busy for too long.
 */
disco_status page_wait(struct physmap *pm, struct pfn pfn,
                       struct shoot_vcpu *self, uint64_t *entry);

/* Is a page moved or copied that this frame is behind? */
int frame_is_in_use(struct mem *mem, const struct frame *frame);

/*
 * No vCPU of this VM uses the page of *entry any more when this returns; it is
 * MAP_MOVING.  0; NOENT: not present; BUSY: pinned, or kept busy for too long.
 */
disco_status page_isolate(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self, uint64_t *entry);

/*
 * The same for the frame behind the page, in all VMs.  With `to_move` also BUSY
 * when something refers to the frame by its number.  0; NOENT; BUSY; RANGE:
 * host memory.
 */
disco_status frame_isolate(struct physmap *pm, struct pfn pfn, int to_move,
                           struct shoot_vcpu *self, uint64_t *entry);
/* End of frame_isolate: flags of all entries become (entry & keep) | add. */
void frame_settle(struct mem *mem, struct frame *frame, struct mfn mfn,
                  uint64_t keep, uint64_t add);

/*
 * A LOOSE frame on exactly this node for what is behind the page, and then
 * frame_isolate.  After an error nothing is taken.
 */
disco_status frame_isolate_for(struct physmap *pm, struct pfn pfn,
                               uint32_t node, int to_move,
                               struct shoot_vcpu *self, uint64_t *entry,
                               struct mfn *to);

/* Take a page off the map; it reads as zeroes.  Locks itself. */
disco_status page_release(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self);

/*
 * Move the frame behind a page to a node.  Lock themselves.  0 (also when it is
 * there already), NOENT, BUSY, RANGE (host memory), NOMEM (node full).
 */
disco_status page_migrate(struct physmap *pm, struct pfn pfn, uint32_t node,
                          struct shoot_vcpu *self);

/* --- replica.c --- */

/*
 * Give the node a copy of its own for reading.  Locks itself.  As page_migrate;
 * RANGE also when the node has one, or VMs write the page together.
 */
disco_status page_replicate(struct physmap *pm, struct pfn pfn, uint32_t node,
                            struct shoot_vcpu *self);
/* Back to one frame.  Locks itself.  NOENT; RANGE: not replicated. */
disco_status page_collapse(struct physmap *pm, struct pfn pfn,
                           struct shoot_vcpu *self);
/* The same with the lock held. */
disco_status page_collapse_locked(struct physmap *pm, struct pfn pfn,
                                  struct shoot_vcpu *self);
/* The frame that vCPUs on this node read: a copy, or the master itself. */
struct mfn replica_near(const struct mem *mem, struct mfn master,
                        uint32_t node);
/* Nodes with a copy, as a mask. */
uint64_t replica_nodes(const struct mem *mem, struct mfn master);
/* Memory is short: collapse replicated pages, about `copies` copies. */
uint64_t replicas_drop(struct mem *mem, uint64_t copies);
/* Nobody uses the copies any more: give them back. */
void frame_drop_copies(struct mem *mem, struct frame *master);

/* --- cow.c --- */

static inline int frame_is_shared(const struct frame *frame)
{
    return frame->state == FRAME_SHARED || frame->state == FRAME_REPLICATED;
}

/*
 * Make the frame behind a page this VM's own: the last reference takes it,
 * anybody else gets a copy on `node`.  0, FAULT, NOMEM; *entry as
 * physmap_touch.
 */
disco_status page_unshare(struct physmap *pm, struct pfn pfn, uint32_t node,
                          struct shoot_vcpu *self, uint64_t *entry);

/* --- fork.c --- */

/*
 * Map every page of `from` in `to` as well, copy-on-write; the regions are
 * there, and no vCPU of either runs.  BUSY (pinned: *where), NOMEM.  After an
 * error `to` is good for destroying.
 */
disco_status physmap_fork(struct physmap *from, struct physmap *to,
                          uint64_t *where);

#endif
