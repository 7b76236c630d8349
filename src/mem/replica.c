/*
 * replica.c - copies of a read-only frame on several nodes: one master, which
 * maps and references name, and a chain of REPLICA frames behind it.
 */
#include "mem/move.h"

#include <string.h>

#include "base/bits.h"

struct mfn replica_near(const struct mem *mem, struct mfn master, uint32_t node)
{
    struct mfn mfn = master;

    while (mfn_node(mfn) != node) {
        uint64_t next = frame_of(&mem->frames, mfn)->copy;

        if (!next)
            return master;
        mfn.n = next - 1;
    }
    return mfn;
}

uint64_t replica_nodes(const struct mem *mem, struct mfn master)
{
    uint64_t nodes = 0, next = master.n + 1;
    struct mfn mfn;

    for (; next; next = frame_of(&mem->frames, mfn)->copy) {
        mfn.n = next - 1;
        nodes |= UINT64_C(1) << mfn_node(mfn);
    }
    return nodes;
}

/* Lock held. */
static disco_status may_replicate(struct physmap *pm, struct pfn pfn,
                                  uint32_t node)
{
    uint64_t entry = physmap_entry(pm, pfn);

    if (!(entry & MAP_PRESENT))
        return DISCO_E_NOENT;
    if ((entry & MAP_FOREIGN) || entry_frame(pm, entry)->state == FRAME_COMMON)
        return DISCO_E_RANGE;
    if (mfn_node(replica_near(pm->mem, entry_mfn(entry), node)) == node)
        return DISCO_E_RANGE;
    return 0;
}

static void add_copy(struct mem *mem, struct mfn master, struct mfn to,
                     struct move_clock *clock)
{
    struct frame *frame = frame_of(&mem->frames, master);
    struct frame *copy = frame_of(&mem->frames, to);

    mem_unlock(mem);
    move_clock_copy(clock);
    memcpy(frame_host(&mem->frames, to), frame_host(&mem->frames, master),
           PAGE_BYTES);
    linemon_page_moved(mem->lm, frame_host(&mem->frames, master));
    move_clock_copied(clock);
    mem_lock(mem);
    frame_to_replica(&mem->frames, to, master);
    copy->copy = frame->copy;
    if (!frame->copy)
        frame_become(&mem->frames, frame, FRAME_REPLICATED);
    frame->copy = to.n + 1;
    frame_settle(mem, frame, master, MAP_COW, MAP_REPLICATED);
}

static disco_status replicate(struct physmap *pm, struct pfn pfn, uint32_t node,
                              struct shoot_vcpu *self, struct move_clock *clock)
{
    struct mem *mem = pm->mem;
    disco_status status;
    uint64_t entry;
    struct mfn to;

    status = may_replicate(pm, pfn, node);
    if (!status)
        status = frame_isolate_for(pm, pfn, node, 0, self, &entry, &to);
    if (status)
        return status;
    /* Things may have changed while we waited. */
    status = may_replicate(pm, pfn, node);
    if (status) {
        frame_settle(mem, entry_frame(pm, entry), entry_mfn(entry),
                     MAP_WRITE | MAP_COW | MAP_REPLICATED, 0);
        frame_give(&mem->frames, to);
        return status;
    }
    add_copy(mem, entry_mfn(entry), to, clock);
    move_clock_end(clock, &mem->replicate);
    return 0;
}

disco_status page_replicate(struct physmap *pm, struct pfn pfn, uint32_t node,
                            struct shoot_vcpu *self)
{
    struct move_clock clock;
    disco_status status;

    mem_lock(pm->mem);
    pm->mem->moves++;
    move_clock_begin(&clock);
    status = replicate(pm, pfn, node, self, &clock);
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}

/* An isolated frame loses its copies. */
static void unify(struct mem *mem, struct mfn mfn, struct move_clock *clock)
{
    struct frame *frame = frame_of(&mem->frames, mfn);

    if (!frame->copy) {
        /* Somebody else was first, and it may be written again by now. */
        frame_settle(mem, frame, mfn, MAP_WRITE | MAP_COW, 0);
        return;
    }
    move_clock_copy(clock);
    frame_drop_copies(mem, frame);
    move_clock_copied(clock);
    frame_settle(mem, frame, mfn, MAP_COW, 0);
    move_clock_end(clock, &mem->collapse);
}

disco_status page_collapse_locked(struct physmap *pm, struct pfn pfn,
                                  struct shoot_vcpu *self)
{
    struct mem *mem = pm->mem;
    struct move_clock clock;
    disco_status status;
    uint64_t entry;

    entry = physmap_entry(pm, pfn);
    if (!(entry & MAP_PRESENT))
        return DISCO_E_NOENT;
    if (!(entry & MAP_REPLICATED))
        return DISCO_E_RANGE;
    move_clock_begin(&clock);
    mem->moves++;
    status = frame_isolate(pm, pfn, 0, self, &entry);
    if (!status)
        unify(mem, entry_mfn(entry), &clock);
    mem->moves--;
    return status;
}

disco_status page_collapse(struct physmap *pm, struct pfn pfn,
                           struct shoot_vcpu *self)
{
    disco_status status;

    mem_lock(pm->mem);
    status = page_collapse_locked(pm, pfn, self);
    mem_unlock(pm->mem);
    return status;
}

/* The copies of one content; 0: they are gone, now or on somebody's way. */
static int drop_copies_of(struct mem *mem, struct mfn mfn)
{
    struct frame *master = frame_of(&mem->frames, mfn);

    if (master->maps > MOVE_MAPS_MAX || frame_is_in_use(mem, master))
        return 0;
    if (!master->first.n) { /* referred to, but not mapped: nobody reads it */
        frame_drop_copies(mem, master);
        return 1;
    }
    return !page_collapse_locked(map_ref_map(mem, master->first),
                                 map_ref_pfn(master->first), NULL);
}

/* What cannot go now is the newest afterwards: others get their turn. */
static void postpone(struct frames *f, struct mfn mfn)
{
    struct mfn master = { frame_of(f, mfn)->master };

    if (frame_of(f, mfn)->state != FRAME_REPLICA)
        return; /* it went while we were waiting */
    frame_from_replica(f, mfn);
    frame_to_replica(f, mfn, master);
}

uint64_t replicas_drop(struct mem *mem, uint64_t copies)
{
    uint64_t before = mem->frames.replicas, gone = 0, tries;
    struct mfn copy, master;

    for (tries = 2 * copies; tries && gone < copies; tries--) {
        if (!mem->frames.oldest_replica)
            break;
        copy.n = mem->frames.oldest_replica - 1;
        master.n = frame_of(&mem->frames, copy)->master;
        if (!drop_copies_of(mem, master))
            postpone(&mem->frames, copy);
        gone = before - min_u64(before, mem->frames.replicas);
    }
    return gone;
}
