/*
 * share.c - see share.h.
 */
#include "mem/share.h"

#include <string.h>

#include "mem/move.h"

/* Nobody stores through old rights any more when this returns. */
static void take_write_away(struct physmap *pm, struct pfn pfn, uint64_t entry,
                            struct shoot_vcpu *self)
{
    struct shoot_item item = { DISCO_DROP_WRITE, entry_host(pm, entry), pfn.n };
    uint64_t users = entry_users(pm, entry);
    struct shoot_wave wave;

    entry = (entry & ~(uint64_t)MAP_WRITE) | MAP_COW;
    if (!users) {
        physmap_set(pm, pfn, entry);
        return;
    }
    /* Not to be taken by others before the last store is over. */
    physmap_set(pm, pfn, entry | MAP_MOVING);
    pm->mem->moves++;
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, users, &item, self);
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    physmap_set(pm, pfn, entry);
    pm->mem->moves--;
}

static disco_status take(struct physmap *pm, struct pfn pfn,
                         struct shoot_vcpu *self, struct mfn *out)
{
    struct disco_region *r = region_find(&pm->regions, gpa_of_pfn(pfn));
    disco_status status;
    struct frame *frame;
    uint64_t entry;

    if (!r || !region_is_memory(r))
        return DISCO_E_FAULT;
    if (r->kind == DISCO_REGION_HOST)
        return DISCO_E_UNSUPPORTED;
    status = page_wait(pm, pfn, self, &entry);
    if (status)
        return status;
    frame = entry_frame(pm, entry);
    if (frame->state == FRAME_COMMON)
        return DISCO_E_BUSY;
    frame->holds++;
    if (frame->state == FRAME_PRIVATE) {
        frame_become(&pm->mem->frames, frame, FRAME_SHARED);
        if (entry & MAP_WRITE)
            take_write_away(pm, pfn, entry, self);
    }
    *out = entry_mfn(entry);
    return 0;
}

disco_status share_take(struct physmap *pm, struct pfn pfn,
                        struct shoot_vcpu *self, struct mfn *out)
{
    disco_status status;

    mem_lock(pm->mem);
    status = take(pm, pfn, self, out);
    mem_unlock(pm->mem);
    return status;
}

disco_status share_create(struct mem *mem, uint32_t node, const void *data,
                          struct mfn *out)
{
    disco_status status;
    struct frame *frame;

    mem_lock(mem);
    mem->moves++;
    status = mem_take(mem, node, data ? FRAME_DIRTY : 0, NULL, out);
    if (!status) {
        frame = frame_of(&mem->frames, *out);
        frame->holds = 1;
        frame_become(&mem->frames, frame, FRAME_SHARED);
        if (data)
            memcpy(frame_host(&mem->frames, *out), data, PAGE_BYTES);
    }
    mem->moves--;
    mem_unlock(mem);
    return status;
}

/* The page is off the map, or maps the frame already, when this is 0. */
static disco_status make_room(struct physmap *pm, struct pfn pfn,
                              struct mfn mfn, struct shoot_vcpu *self)
{
    disco_status status;
    uint64_t entry;

    entry = physmap_entry(pm, pfn);
    if ((entry & MAP_PRESENT) && !(entry & MAP_MOVING) &&
        entry_mfn(entry).n == mfn.n)
        return 0;
    if ((entry & MAP_PRESENT) && entry_frame(pm, entry)->state == FRAME_COMMON)
        return DISCO_E_BUSY;
    status = page_isolate(pm, pfn, self, &entry);
    if (status == DISCO_E_NOENT)
        return 0;
    if (status)
        return status;
    linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
    physmap_set(pm, pfn, 0);
    frame_release(pm->mem, entry_mfn(entry));
    return 0;
}

/* A page that is passed on: content of disks stays that, executed or not. */
static uint32_t kind_elsewhere(struct mem *mem, const struct frame *frame)
{
    uint32_t kind = DISCO_KIND_NONE;

    if (frame->first.n)
        kind =
            map_page(map_ref_map(mem, frame->first), map_ref_pfn(frame->first))
                ->kind;
    return kind == DISCO_KIND_BUFFER || kind == DISCO_KIND_USER_TEXT
               ? DISCO_KIND_BUFFER
               : DISCO_KIND_DATA;
}

/*
 * From make_room on the lock stays, or the page would read as zeroes for a
 * moment.  A frame that is being moved keeps its place for our reference: the
 * new mapping joins the move, and whoever moves it settles all of them.
 */
static disco_status map_at(struct physmap *pm, struct pfn pfn, struct mfn mfn,
                           uint32_t kind, struct shoot_vcpu *self)
{
    struct frame *frame = frame_of(&pm->mem->frames, mfn);
    struct disco_region *r;
    disco_status status;
    uint64_t flags;

    r = region_find(&pm->regions, gpa_of_pfn(pfn));
    if (!r || (r->kind != DISCO_REGION_RAM && r->kind != DISCO_REGION_HOST))
        return DISCO_E_FAULT;
    if (r->kind == DISCO_REGION_HOST)
        return DISCO_E_UNSUPPORTED;
    status = physmap_leaf(pm, pfn, self);
    if (!status)
        status = make_room(pm, pfn, mfn, self);
    if (status)
        return status;
    if (region_find(&pm->regions, gpa_of_pfn(pfn)) != r)
        return DISCO_E_FAULT;
    if (physmap_entry(pm, pfn) & MAP_PRESENT)
        return 0; /* this very frame */
    flags = MAP_COW | (frame->copy ? MAP_REPLICATED : 0) |
            (frame->is_moving ? MAP_MOVING : 0);
    if (kind == DISCO_KIND_NONE)
        kind = kind_elsewhere(pm->mem, frame);
    physmap_set(pm, pfn, entry_make(mfn, flags));
    map_page(pm, pfn)->kind = (uint8_t)kind;
    add_relaxed(&pm->stats.mapped_in, 1);
    return 0;
}

disco_status share_map(struct physmap *pm, struct pfn pfn, struct mfn mfn,
                       uint32_t kind, struct shoot_vcpu *self)
{
    disco_status status;

    mem_lock(pm->mem);
    pm->mem->moves++;
    status = map_at(pm, pfn, mfn, kind, self);
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}

void share_hold(struct mem *mem, struct mfn mfn)
{
    mem_lock(mem);
    frame_of(&mem->frames, mfn)->holds++;
    mem_unlock(mem);
}

void share_drop(struct mem *mem, struct mfn mfn)
{
    mem_lock(mem);
    frame_of(&mem->frames, mfn)->holds--;
    frame_release(mem, mfn);
    mem_unlock(mem);
}

int share_is_held(struct mem *mem, struct mfn mfn)
{
    const struct frame *frame;
    int held = 0;

    mem_lock(mem);
    if (mfn_node(mfn) < mem->frames.nodes && frame_exists(&mem->frames, mfn)) {
        frame = frame_of(&mem->frames, mfn);
        held = frame_is_shared(frame) && frame->holds;
    }
    mem_unlock(mem);
    return held;
}

uint64_t share_others(struct mem *mem, struct mfn mfn)
{
    const struct frame *frame = frame_of(&mem->frames, mfn);
    uint64_t others;

    mem_lock(mem);
    others = (uint64_t)frame->maps + frame->holds - 1;
    mem_unlock(mem);
    return others;
}
