/*
 * move.c - take a page away from everybody: to give its frame back, or to put
 * the content elsewhere.  Decides nothing: whoever wants pages moved calls.
 *
 * While an entry is MAP_MOVING its frame is nobody's but ours, and whoever
 * needs the page waits.  We wait for copies under way before we mark it, never
 * after: who copies several pages may wait for our mark to go.
 */
#include "mem/physmap.h"

#include <string.h>

disco_status page_isolate(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self, uint64_t *entry)
{
    struct shoot_item frame_item, code_item;
    struct shoot_wave wave;
    struct frame *frame;
    unsigned spins = 0;

    for (;;) {
        *entry = physmap_entry(pm, pfn);
        if (!(*entry & MAP_PRESENT))
            return DISCO_E_NOENT;
        frame = entry_frame(pm, *entry);
        if (frame->pins)
            return DISCO_E_BUSY;
        if (!(*entry & MAP_MOVING) && !frame->dma)
            break;
        physmap_yield(pm, self, &spins);
    }
    frame_item.what = DISCO_DROP_FRAME;
    frame_item.host = entry_host(pm, *entry);
    frame_item.frame = entry_mfn(*entry).n;
    code_item = frame_item;
    code_item.what = DISCO_DROP_CODE;
    physmap_set(pm, pfn, *entry | MAP_MOVING);
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, frame->holders, &code_item, self);
    shoot_post(&wave, &pm->vcpus, pm->vcpus.mask, &frame_item, self);
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    frame->holders = 0;
    return 0;
}

disco_status page_release(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self)
{
    disco_status status;
    uint64_t entry;

    mem_lock(pm->mem);
    pm->mem->moves++;
    status = page_isolate(pm, pfn, self, &entry);
    if (!status) {
        linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
        physmap_set(pm, pfn, 0);
        if (!(entry & MAP_FOREIGN))
            frame_give(&pm->mem->frames, entry_mfn(entry));
    }
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}

/* A LOOSE frame on exactly this node.  Lock held, dropped in between. */
static disco_status take_on(struct physmap *pm, uint32_t node, struct mfn *mfn)
{
    struct chunk_grow g;
    disco_status status;

    for (;;) {
        status = frame_take(&pm->mem->frames, node, 1, mfn, &g);
        if (status != DISCO_E_STATE)
            return status;
        status = mem_grow(pm->mem, &g);
        if (status)
            return status;
    }
}

/* Content of an isolated page to a LOOSE frame, and map that instead. */
static void put_elsewhere(struct physmap *pm, struct pfn pfn, uint64_t entry,
                          struct mfn to)
{
    struct frames *frames = &pm->mem->frames;
    uint64_t flags = entry & MAP_WRITE;
    uint8_t *from = entry_host(pm, entry);

    mem_unlock(pm->mem);
    memcpy(frame_host(frames, to), from, PAGE_BYTES);
    linemon_page_moved(pm->mem->lm, from);
    mem_lock(pm->mem);
    physmap_set(pm, pfn, entry_make(to, flags));
    frame_give(frames, entry_mfn(entry));
    add_relaxed(&pm->stats.migrated, 1);
}

disco_status page_migrate(struct physmap *pm, struct pfn pfn, uint32_t node,
                          struct shoot_vcpu *self)
{
    disco_status status;
    uint64_t entry;
    struct mfn to;

    mem_lock(pm->mem);
    pm->mem->moves++;
    entry = physmap_entry(pm, pfn);
    if (!(entry & MAP_PRESENT))
        status = DISCO_E_NOENT;
    else if (entry & MAP_FOREIGN)
        status = DISCO_E_RANGE;
    else if (mfn_node(entry_mfn(entry)) == node)
        status = 0;
    else if (entry_frame(pm, entry)->pins)
        status = DISCO_E_BUSY;
    else if (!(status = take_on(pm, node, &to))) {
        status = page_isolate(pm, pfn, self, &entry);
        if (status)
            frame_give(&pm->mem->frames, to);
        else
            put_elsewhere(pm, pfn, entry, to);
    }
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}
