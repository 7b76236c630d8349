/*
 * cow.c - a write to a shared frame breaks sharing for the writer alone.
 */
#include "mem/move.h"

#include <string.h>

/* The last reference takes the frame as it is: rights only grow. */
static void take_over(struct physmap *pm, struct pfn pfn, uint64_t *entry)
{
    uint64_t writable = *entry & MAP_COW ? MAP_WRITE : 0;

    frame_become(&pm->mem->frames, entry_frame(pm, *entry), FRAME_PRIVATE);
    *entry = (*entry & ~(uint64_t)MAP_COW) | writable;
    physmap_set(pm, pfn, *entry);
    add_relaxed(&pm->stats.cow_upgrades, 1);
}

/* The page is isolated and its content nobody's to change: copy it. */
static void copy_away(struct physmap *pm, struct pfn pfn, uint64_t entry,
                      struct mfn to, struct move_clock *clock)
{
    struct mem *mem = pm->mem;
    struct mfn from = entry_mfn(entry);

    mem_unlock(mem);
    move_clock_copy(clock);
    memcpy(frame_host(&mem->frames, to), frame_host(&mem->frames, from),
           PAGE_BYTES);
    /* The page may come back to this frame, changed: no link outlives that. */
    linemon_page_moved(mem->lm, frame_host(&mem->frames, from));
    move_clock_copied(clock);
    mem_lock(mem);
    physmap_set(pm, pfn, entry_make(to, entry & MAP_COW ? MAP_WRITE : 0));
    map_page(pm, pfn)->kind = DISCO_KIND_DATA;
    frame_release(mem, from);
    add_relaxed(&pm->stats.cow_breaks, 1);
    move_clock_end(clock, &mem->cow);
}

/* One try; the caller looks again. */
static disco_status break_away(struct physmap *pm, struct pfn pfn,
                               uint32_t node, struct shoot_vcpu *self)
{
    struct mem *mem = pm->mem;
    struct move_clock clock;
    disco_status status;
    uint64_t entry;
    struct mfn to;

    move_clock_begin(&clock);
    status = mem_take(mem, node, FRAME_DIRTY, self, &to);
    if (status)
        return status;
    mem->moves++;
    status = page_isolate(pm, pfn, self, &entry);
    if (!status && frame_is_shared(entry_frame(pm, entry))) {
        copy_away(pm, pfn, entry, to, &clock);
    } else {
        frame_give(&mem->frames, to);
        if (!status) /* no longer shared: as it was, to be claimed anew */
            physmap_set(pm, pfn,
                        entry_make(entry_mfn(entry),
                                   entry & (MAP_WRITE | MAP_FOREIGN)));
    }
    mem->moves--;
    return 0;
}

disco_status page_unshare(struct physmap *pm, struct pfn pfn, uint32_t node,
                          struct shoot_vcpu *self, uint64_t *entry)
{
    disco_status status;
    struct frame *frame;

    for (;;) {
        status = physmap_touch(pm, pfn, node, self, entry);
        if (status)
            return status;
        frame = entry_frame(pm, *entry);
        if (!frame_is_shared(frame))
            return 0;
        if (frame->maps > 1 || frame->holds) {
            status = break_away(pm, pfn, node, self);
            if (status)
                return status;
        } else if (frame->copy) {
            page_collapse_locked(pm, pfn, self);
        } else {
            take_over(pm, pfn, entry);
            return 0;
        }
    }
}
