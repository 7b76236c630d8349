/*
 * verify.c - see verify.h.  Pages that a host thread moves meanwhile are let
 * be; everything else is as when nothing happens.
 */
#include "mem/verify.h"

#include "base/bits.h"
#include "mem/move.h"

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

/* The list of mappings: as long as counted, and each maps this frame. */
static disco_status check_mappings(struct mem *mem, struct mfn mfn,
                                   const struct frame *f)
{
    struct map_ref ref = f->first, before = { 0 };
    const struct map_page *page;
    struct physmap *pm;
    struct pfn pfn;
    uint64_t entry;
    uint32_t n;

    for (n = 0; ref.n && n <= f->maps; n++) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        entry = pm ? physmap_entry(pm, pfn) : 0;
        if (!(entry & MAP_PRESENT) || entry_mfn(entry).n != mfn.n)
            return BAD(mem->ctx, mfn.n,
                       "frame 0x%llx: backmap says page 0x%llx, map disagrees",
                       (unsigned long long)mfn.n, (unsigned long long)pfn.n);
        page = map_page(pm, pfn);
        if (page->prev.n != before.n)
            return BAD(mem->ctx, mfn.n, "frame 0x%llx: backmap list is broken",
                       (unsigned long long)mfn.n);
        before = ref;
        ref = page->next;
    }
    if (ref.n || n != f->maps)
        return BAD(mem->ctx, mfn.n, "frame 0x%llx: %u mappings counted",
                   (unsigned long long)mfn.n, f->maps);
    return 0;
}

/* Copies behind a master: of other nodes, of its state, in its name. */
static disco_status check_copies(struct mem *mem, struct mfn mfn,
                                 const struct frame *f)
{
    uint64_t nodes = UINT64_C(1) << mfn_node(mfn), next, bit;
    const struct frame *copy;
    struct mfn at;

    for (next = f->copy; next; next = copy->copy) {
        at.n = next - 1;
        copy = frame_of(&mem->frames, at);
        bit = UINT64_C(1) << mfn_node(at);
        if (copy->state != FRAME_REPLICA || copy->master != mfn.n ||
            (nodes & bit))
            return BAD(mem->ctx, mfn.n, "frame 0x%llx: bad copy 0x%llx",
                       (unsigned long long)mfn.n, (unsigned long long)at.n);
        nodes |= bit;
    }
    return 0;
}

/* The counts that state.def gives for each state. */
static int counts_fit(const struct frame *f)
{
    switch ((enum frame_state)f->state) {
    case FRAME_PRIVATE:
        return f->maps == 1 && !f->holds && !f->copy && !f->pins;
    case FRAME_PINNED:
        return f->maps == 1 && !f->holds && !f->copy && f->pins;
    case FRAME_SHARED:
        return f->maps + (uint64_t)f->holds && !f->copy && !f->pins;
    case FRAME_REPLICATED:
        return f->maps + (uint64_t)f->holds && f->copy && !f->pins;
    case FRAME_REPLICA:
        return !f->maps && !f->holds && !f->pins;
    case FRAME_COMMON:
        return f->maps && !f->holds && !f->copy;
    case FRAME_FREE:
    case FRAME_LOOSE:
    case FRAME_FOREIGN:
    case FRAME_STATES:
        break;
    }
    return 0;
}

/* The list of copies by age: all of them, each once. */
static disco_status check_replicas(struct mem *mem, uint64_t replicas)
{
    const struct frames *f = &mem->frames;
    uint64_t link = f->oldest_replica, before = 0, n;
    const struct frame *frame;
    struct mfn mfn;

    for (n = 0; link && n <= replicas; n++) {
        mfn.n = link - 1;
        frame = frame_of(f, mfn);
        if (frame->state != FRAME_REPLICA || frame->older != before)
            return BAD(mem->ctx, mfn.n,
                       "frame 0x%llx: list of copies is broken",
                       (unsigned long long)mfn.n);
        before = link;
        link = frame->newer;
    }
    if (n != replicas || f->replicas != replicas || f->newest_replica != before)
        return BAD(mem->ctx, n, "%llu copies counted, %llu listed",
                   (unsigned long long)f->replicas, (unsigned long long)n);
    return 0;
}

static disco_status check_frame(struct mem *mem, struct mfn mfn)
{
    struct frame *f = frame_of(&mem->frames, mfn);
    disco_status status;

    if (f->state == FRAME_FREE || (f->state == FRAME_LOOSE && mem->moves))
        return 0;
    if (!counts_fit(f) || f->write_pins > f->pins ||
        (f->is_moving && !mem->moves))
        return BAD(mem->ctx, mfn.n,
                   "frame 0x%llx: state %s with %u mappings, %u references, "
                   "%u pins",
                   (unsigned long long)mfn.n, frame_state_name(f->state),
                   f->maps, f->holds, f->pins);
    if (f->state == FRAME_REPLICA)
        return 0;
    status = check_mappings(mem, mfn, f);
    return status ? status : check_copies(mem, mfn, f);
}

struct counted_frames {
    uint64_t used; /* of a node */
    uint64_t replicas;
};

static disco_status check_chunk(struct mem *mem, uint32_t node, uint64_t index,
                                struct chunk *c, struct counted_frames *n)
{
    disco_status status;
    uint32_t i, taken = 0;

    for (i = 0; i < c->fresh; i++) {
        taken += c->frames[i].state != FRAME_FREE;
        n->replicas += c->frames[i].state == FRAME_REPLICA;
        status = check_frame(mem, mfn_make(node, index * CHUNK_FRAMES + i));
        if (status)
            return status;
    }
    if (taken != c->used || free_length(c) != c->fresh - taken)
        return BAD(mem->ctx, index, "node %u chunk %llu: %u used, %u counted",
                   node, (unsigned long long)index, taken, c->used);
    n->used += taken;
    return 0;
}

static disco_status check_pool(struct mem *mem, uint32_t node,
                               struct counted_frames *n)
{
    struct pool *pool = &mem->frames.pool[node];
    struct chunk *leaf;
    disco_status status;
    uint64_t i;

    n->used = 0;

    for (i = 0; pool->root && i < pool->chunks; i++) {
        leaf = pool->root[i / CHUNK_LEAF];
        if (!leaf || !leaf[i % CHUNK_LEAF].mem)
            continue;
        status = check_chunk(mem, node, i, &leaf[i % CHUNK_LEAF], n);
        if (status)
            return status;
    }
    if (n->used != pool->used)
        return BAD(mem->ctx, node, "node %u: %llu frames used, %llu counted",
                   node, (unsigned long long)n->used,
                   (unsigned long long)pool->used);
    return 0;
}

disco_status verify_frames(struct mem *mem)
{
    struct counted_frames n = { 0 };
    disco_status status = 0;
    uint32_t node;

    mem_lock(mem);
    for (node = 0; node < mem->frames.nodes && !status; node++)
        status = check_pool(mem, node, &n);
    if (!status)
        status = check_replicas(mem, n.replicas);
    if (!status && mem->frames.bad_moves)
        status =
            BAD(mem->ctx, mem->frames.bad_moves,
                "%u changes of state that do not exist", mem->frames.bad_moves);
    mem_unlock(mem);
    return status;
}

/* Who may write is the state's to say (state.def). */
static int rights_fit(const struct disco_region *r, const struct frame *f,
                      uint64_t entry)
{
    int may = (r->access & DISCO_WRITE) != 0, shared = frame_is_shared(f);
    int writes = (entry & MAP_WRITE) != 0, cow = (entry & MAP_COW) != 0;

    if (!f->maps || ((entry & MAP_FOREIGN) != 0) != (f->state == FRAME_FOREIGN))
        return 0;
    if (((entry & MAP_REPLICATED) != 0) != (f->state == FRAME_REPLICATED) &&
        !f->is_moving)
        return 0;
    return writes == (may && !shared) && cow == (may && shared);
}

static int code_fits(const struct map_page *page, uint64_t entry)
{
    return !page->is_arming && (!page->holders || (entry & MAP_CODE));
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
    if ((entry & MAP_MOVING) && !pm->mem->moves)
        return BAD(pm->ctx, gpa_of_pfn(pfn), "page 0x%llx: left moving",
                   (unsigned long long)gpa_of_pfn(pfn));
    if (!rights_fit(r, f, entry))
        return BAD(pm->ctx, gpa_of_pfn(pfn),
                   "page 0x%llx: entry 0x%llx, frame is %s",
                   (unsigned long long)gpa_of_pfn(pfn),
                   (unsigned long long)entry, frame_state_name(f->state));
    if (!code_fits(map_page(pm, pfn), entry))
        return BAD(pm->ctx, gpa_of_pfn(pfn),
                   "page 0x%llx: code held but not marked",
                   (unsigned long long)gpa_of_pfn(pfn));
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
