/*
 * fork.c - a second map of everything that one VM has, copy-on-write.
 */
#include "mem/move.h"

/* One page.  0, BUSY (pinned), or STATE: wait a moment. */
static disco_status fork_page(struct physmap *from, struct physmap *to,
                              struct pfn pfn, uint64_t entry)
{
    struct frames *frames = &from->mem->frames;
    struct frame *frame = entry_frame(from, entry);
    uint64_t flags;

    if (frame->pins || frame->state == FRAME_COMMON || (entry & MAP_FOREIGN))
        return DISCO_E_BUSY;
    page_want(from, pfn, !page_is_quiet(from, pfn));
    if (!page_is_quiet(from, pfn))
        return DISCO_E_STATE;
    if (frame->state == FRAME_PRIVATE)
        frame_become(frames, frame, FRAME_SHARED);
    if (entry & MAP_WRITE) {
        entry = (entry & ~(uint64_t)MAP_WRITE) | MAP_COW;
        physmap_set(from, pfn, entry);
    }
    flags = entry & (MAP_COW | MAP_REPLICATED);
    physmap_set(to, pfn, entry_make(entry_mfn(entry), flags));
    map_page(to, pfn)->kind = map_page(from, pfn)->kind;
    return 0;
}

/* The pages of one leaf; *where: the page that could not. */
static disco_status fork_leaf(struct physmap *from, struct physmap *to,
                              uint64_t leaf, uint64_t *where)
{
    struct pfn pfn = { leaf * MAP_LEAF };
    struct pfn end = { pfn.n + MAP_LEAF };
    disco_status status;
    unsigned spins = 0;
    uint64_t entry;

    while (pfn.n < end.n) {
        entry = physmap_entry(from, pfn);
        status = 0;
        if (entry & MAP_PRESENT)
            status = fork_page(from, to, pfn, entry);
        if (status == DISCO_E_STATE) {
            physmap_yield(from, NULL, &spins);
            continue;
        }
        if (status) {
            *where = gpa_of_pfn(pfn);
            return status;
        }
        pfn.n++;
    }
    return 0;
}

disco_status physmap_fork(struct physmap *from, struct physmap *to,
                          uint64_t *where)
{
    struct shoot_item item = { DISCO_DROP_DATA, NULL, 0 };
    struct mem *mem = from->mem;
    struct shoot_wave wave;
    disco_status status = 0;
    struct pfn pfn;
    uint64_t leaf;

    *where = 0;
    mem_lock(mem);
    mem->moves++;
    /* No vCPU runs: all serve it before they store again. */
    shoot_wave_init(&wave);
    shoot_post(&wave, &from->vcpus, from->vcpus.mask, &item, NULL);
    /* Beyond the child's regions the parent had some once: nothing is there. */
    for (leaf = 0; leaf < from->root_count && leaf < to->root_count && !status;
         leaf++) {
        if (!from->root[leaf])
            continue;
        pfn.n = leaf * MAP_LEAF;
        status = physmap_leaf(to, pfn, NULL);
        if (!status)
            status = fork_leaf(from, to, leaf, where);
        mem_unlock(mem); /* others get a turn */
        mem_lock(mem);
    }
    mem->moves--;
    mem_unlock(mem);
    add_relaxed(&mem->shoot.shootdowns, 1);
    return status;
}
