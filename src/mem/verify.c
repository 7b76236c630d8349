/*
 * verify.c - see verify.h.  Pages that a host thread moves meanwhile are let
 * be; everything else is as when nothing happens.
 */
#include "mem/verify.h"

#include "base/bits.h"

#define BAD(ctx, where, ...) \
    context_fail(ctx, DISCO_E_INTERNAL, where, __VA_ARGS__)

static uint32_t free_length(const struct chunk *c)
{
    uint32_t n = 0, i;

    for (i = c->free_head; i != FRAME_NONE && n <= c->count; n++) {
        if (i >= c->fresh || c->frames[i].state != FRAME_FREE)
            return UINT32_MAX;
        i = c->frames[i].next_free;
    }
    return n;
}

static disco_status check_frame(struct mem *mem, struct mfn mfn)
{
    struct frame *f = frame_of(&mem->frames, mfn);
    struct pfn pfn = { f->pfn };
    uint64_t entry;

    if (f->state == FRAME_FREE || (f->state == FRAME_LOOSE && mem->moves))
        return 0;
    if (f->state != FRAME_MAPPED)
        return BAD(mem->ctx, mfn.n, "frame 0x%llx: state %d at rest",
                   (unsigned long long)mfn.n, f->state);
    if (!f->owner || f->refs != 1)
        return BAD(mem->ctx, mfn.n, "frame 0x%llx: mapped without owner",
                   (unsigned long long)mfn.n);
    entry = physmap_entry(f->owner, pfn);
    if (!(entry & MAP_PRESENT) || entry_mfn(entry).n != mfn.n)
        return BAD(mem->ctx, mfn.n,
                   "frame 0x%llx: backmap says page 0x%llx, map disagrees",
                   (unsigned long long)mfn.n, (unsigned long long)f->pfn);
    if (f->holders && !(entry & MAP_CODE))
        return BAD(mem->ctx, mfn.n, "frame 0x%llx: code held but not marked",
                   (unsigned long long)mfn.n);
    if (f->write_pins > f->pins || f->is_arming)
        return BAD(mem->ctx, mfn.n, "frame 0x%llx: counts contradict",
                   (unsigned long long)mfn.n);
    return 0;
}

static disco_status check_chunk(struct mem *mem, uint32_t node, uint64_t index,
                                struct chunk *c, uint64_t *used)
{
    disco_status status;
    uint32_t i, taken = 0;

    for (i = 0; i < c->fresh; i++) {
        taken += c->frames[i].state != FRAME_FREE;
        status = check_frame(mem, mfn_make(node, index * CHUNK_FRAMES + i));
        if (status)
            return status;
    }
    if (taken != c->used || free_length(c) != c->fresh - taken)
        return BAD(mem->ctx, index, "node %u chunk %llu: %u used, %u counted",
                   node, (unsigned long long)index, taken, c->used);
    *used += taken;
    return 0;
}

static disco_status check_pool(struct mem *mem, uint32_t node)
{
    struct pool *pool = &mem->frames.pool[node];
    uint64_t i, used = 0;
    struct chunk *leaf;
    disco_status status;

    for (i = 0; pool->root && i < pool->chunks; i++) {
        leaf = pool->root[i / CHUNK_LEAF];
        if (!leaf || !leaf[i % CHUNK_LEAF].mem)
            continue;
        status = check_chunk(mem, node, i, &leaf[i % CHUNK_LEAF], &used);
        if (status)
            return status;
    }
    if (used != pool->used)
        return BAD(mem->ctx, node, "node %u: %llu frames used, %llu counted",
                   node, (unsigned long long)used,
                   (unsigned long long)pool->used);
    return 0;
}

disco_status verify_frames(struct mem *mem)
{
    disco_status status = 0;
    uint32_t node;

    mem_lock(mem);
    for (node = 0; node < mem->frames.nodes && !status; node++)
        status = check_pool(mem, node);
    mem_unlock(mem);
    return status;
}

static disco_status check_entry(struct physmap *pm, struct pfn pfn,
                                uint64_t entry, uint64_t *frames)
{
    struct disco_region *r = region_find(&pm->regions, gpa_of_pfn(pfn));
    struct frame *f;

    if (!r || !region_is_memory(r))
        return BAD(pm->ctx, gpa_of_pfn(pfn),
                   "page 0x%llx: mapped, but no region is there",
                   (unsigned long long)gpa_of_pfn(pfn));
    if (!frame_exists(&pm->mem->frames, entry_mfn(entry)))
        return BAD(pm->ctx, gpa_of_pfn(pfn), "page 0x%llx: no such frame",
                   (unsigned long long)gpa_of_pfn(pfn));
    f = entry_frame(pm, entry);
    if (f->owner != pm || f->pfn != pfn.n ||
        ((entry & MAP_MOVING) && !pm->mem->moves))
        return BAD(pm->ctx, gpa_of_pfn(pfn),
                   "page 0x%llx: frame 0x%llx says otherwise",
                   (unsigned long long)gpa_of_pfn(pfn),
                   (unsigned long long)entry_mfn(entry).n);
    if ((entry & MAP_FOREIGN) ? f->state != FRAME_FOREIGN
                              : f->state != FRAME_MAPPED)
        return BAD(pm->ctx, gpa_of_pfn(pfn), "page 0x%llx: frame state %d",
                   (unsigned long long)gpa_of_pfn(pfn), f->state);
    *frames += !(entry & MAP_FOREIGN);
    return 0;
}

disco_status verify_physmap(struct physmap *pm)
{
    uint64_t i, entry, frames = 0;
    disco_status status = 0;
    struct pfn pfn;

    mem_lock(pm->mem);
    for (i = 0; i < pm->root_count * MAP_LEAF && !status; i++) {
        if (!pm->root[i / MAP_LEAF]) {
            i += MAP_LEAF - 1;
            continue;
        }
        pfn.n = i;
        entry = physmap_entry(pm, pfn);
        if (entry & MAP_PRESENT)
            status = check_entry(pm, pfn, entry, &frames);
    }
    if (!status && frames != load_relaxed(&pm->stats.frames))
        status = BAD(pm->ctx, 0, "VM: %llu frames mapped, %llu counted",
                     (unsigned long long)frames,
                     (unsigned long long)load_relaxed(&pm->stats.frames));
    mem_unlock(pm->mem);
    return status;
}
