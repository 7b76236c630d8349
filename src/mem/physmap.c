/*
 * physmap.c - see physmap.h.
 */
#include "mem/physmap.h"

#include "mem/common.h"
#include "mem/move.h"

#include <string.h>

disco_status physmap_init(struct physmap *pm, struct mem *mem,
                          uint32_t home_node)
{
    memset(pm, 0, sizeof(*pm));
    pm->mem = mem;
    pm->ctx = mem->ctx;
    pm->home_node = home_node;
    return mem_add_map(mem, pm, &pm->id);
}

void physmap_destroy(struct physmap *pm)
{
    struct alloc *alloc = pm->mem->alloc;
    uint64_t i;

    common_forget(pm);
    for (i = 0; i < pm->root_count; i++)
        alloc_free(alloc, pm->root[i], sizeof(*pm->root[i]));
    alloc_free(alloc, pm->root, pm->root_count * sizeof(*pm->root));
    alloc_free(alloc, pm->regions.v,
               pm->regions.capacity * sizeof(*pm->regions.v));
    mem_remove_map(pm->mem, pm->id);
}

static struct map_page *page_of_ref(struct mem *mem, struct map_ref ref)
{
    return map_page(map_ref_map(mem, ref), map_ref_pfn(ref));
}

/* Take the mapping out of its frame's list. */
static void unlink_mapping(struct physmap *pm, struct pfn pfn,
                           struct frame *frame)
{
    struct map_page *page = map_page(pm, pfn);

    if (page->prev.n)
        page_of_ref(pm->mem, page->prev)->next = page->next;
    else
        frame->first = page->next;
    if (page->next.n)
        page_of_ref(pm->mem, page->next)->prev = page->prev;
    page->next.n = page->prev.n = 0;
    frame->maps--;
}

static void link_mapping(struct physmap *pm, struct pfn pfn,
                         struct frame *frame)
{
    struct map_page *page = map_page(pm, pfn);

    page->prev.n = 0;
    page->next = frame->first;
    frame->first = map_ref_make(pm, pfn);
    if (page->next.n)
        page_of_ref(pm->mem, page->next)->prev = frame->first;
    frame->maps++;
}

static void frame_off(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    struct frame *frame = entry_frame(pm, entry);

    unlink_mapping(pm, pfn, frame);
    if (!frame->maps && !frame->holds && !frame->copy)
        frame_become(&pm->mem->frames, frame, FRAME_LOOSE);
    add_relaxed(&pm->node_frames[mfn_node(entry_mfn(entry))], (uint64_t)-1);
    if (!(entry & MAP_FOREIGN))
        add_relaxed(&pm->stats.frames, (uint64_t)-1);
}

static void frame_on(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    struct frame *frame = entry_frame(pm, entry);

    link_mapping(pm, pfn, frame);
    if (entry & MAP_FOREIGN)
        frame_become(&pm->mem->frames, frame, FRAME_FOREIGN);
    else if (frame->state == FRAME_LOOSE)
        frame_become(&pm->mem->frames, frame, FRAME_PRIVATE);
    add_relaxed(&pm->node_frames[mfn_node(entry_mfn(entry))], 1);
    if (!(entry & MAP_FOREIGN))
        add_relaxed(&pm->stats.frames, 1);
}

void physmap_set(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    uint64_t *slot = &pm->root[pfn.n / MAP_LEAF]->entry[pfn.n % MAP_LEAF];
    uint64_t old = *slot;
    int same = (old & MAP_PRESENT) && (entry & MAP_PRESENT) &&
               entry_mfn(old).n == entry_mfn(entry).n;

    if ((old & MAP_PRESENT) && !same)
        frame_off(pm, pfn, old);
    if ((entry & MAP_PRESENT) && !same)
        frame_on(pm, pfn, entry);
    store_release(slot, entry);
}

/* The first copy of a master's chain goes back to its pool. */
static void give_copy(struct mem *mem, struct frame *master)
{
    struct mfn copy = { master->copy - 1 };
    struct frame *frame = frame_of(&mem->frames, copy);

    linemon_page_moved(mem->lm, frame_host(&mem->frames, copy));
    master->copy = frame->copy;
    frame->copy = 0;
    frame_from_replica(&mem->frames, copy);
    frame_give(&mem->frames, copy);
}

void frame_drop_copies(struct mem *mem, struct frame *master)
{
    if (!master->copy)
        return;
    while (master->copy)
        give_copy(mem, master);
    frame_become(&mem->frames, master, FRAME_SHARED);
}

void frame_release(struct mem *mem, struct mfn mfn)
{
    struct frame *frame = frame_of(&mem->frames, mfn);

    if (frame->maps || frame->holds || mfn_node(mfn) == mem->frames.nodes)
        return;
    frame_drop_copies(mem, frame);
    if (frame->state != FRAME_LOOSE)
        frame_become(&mem->frames, frame, FRAME_LOOSE);
    frame_give(&mem->frames, mfn);
}

disco_status physmap_reach(struct physmap *pm, uint64_t end_pfn)
{
    uint64_t need = (end_pfn + MAP_LEAF - 1) / MAP_LEAF;
    uint64_t had = pm->root_count;
    struct map_leaf **bigger, **old;

    if (need <= had)
        return 0;
    bigger = alloc_array(pm->mem->alloc, need, sizeof(*bigger));
    if (!bigger)
        return DISCO_E_NOMEM;
    mem_lock(pm->mem);
    old = pm->root;
    if (had)
        memcpy(bigger, old, had * sizeof(*bigger));
    pm->root = bigger;
    pm->root_count = need;
    mem_unlock(pm->mem);
    alloc_free(pm->mem->alloc, old, had * sizeof(*old));
    return 0;
}

/* Park for host calls that a running vCPU makes with the lock dropped. */
static int park_if_running(struct shoot_vcpu *self)
{
    if (!self || load_relaxed(&self->state) != SHOOT_RUNNING)
        return 0;
    shoot_park(self);
    return 1;
}

void physmap_yield(struct physmap *pm, struct shoot_vcpu *self, unsigned *spins)
{
    int parked = park_if_running(self);

    mem_unlock(pm->mem);
    wait_step(spins);
    mem_lock(pm->mem);
    if (parked)
        shoot_unpark(self);
}

/* Whoever waited may have given up since. */
void page_let_pass(struct physmap *pm, struct pfn pfn, struct shoot_vcpu *self)
{
    unsigned spins = 0;

    if (!pm->root[pfn.n / MAP_LEAF])
        return;
    while (map_page(pm, pfn)->is_wanted && spins < PAGE_WAITS)
        physmap_yield(pm, self, &spins);
    page_want(pm, pfn, 0);
}

disco_status physmap_leaf(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self)
{
    struct map_leaf *leaf, *spare;
    uint64_t i = pfn.n / MAP_LEAF;
    int parked;

    if (pm->root[i])
        return 0;
    parked = park_if_running(self);
    mem_unlock(pm->mem);
    leaf = alloc_zeroed(pm->mem->alloc, sizeof(*leaf));
    mem_lock(pm->mem);
    spare = leaf;
    if (leaf && i < pm->root_count && !pm->root[i]) {
        store_release(&pm->root[i], leaf);
        spare = NULL;
    }
    if (spare) {
        mem_unlock(pm->mem);
        alloc_free(pm->mem->alloc, spare, sizeof(*spare));
        mem_lock(pm->mem);
    }
    if (parked)
        shoot_unpark(self);
    return leaf ? 0 : DISCO_E_NOMEM;
}

/* Others give frames back: how many.  Lock held, dropped meanwhile. */
static uint64_t reclaim(struct mem *mem, uint32_t node)
{
    enum { BATCH = 32 };
    uint64_t freed = 0;

    mem_unlock(mem);
    if (mem->reclaim.give_back)
        freed = mem->reclaim.give_back(mem->reclaim.opaque, node, BATCH);
    mem_lock(mem);
    if (!freed)
        freed = replicas_drop(mem, BATCH);
    return freed;
}

disco_status mem_take(struct mem *mem, uint32_t node, uint32_t how,
                      struct shoot_vcpu *self, struct mfn *mfn)
{
    struct chunk_grow g;
    disco_status status;
    int parked;

    for (;;) {
        status = frame_take(&mem->frames, node, how, mfn, &g);
        if (!status)
            return 0;
        parked = park_if_running(self);
        if (status == DISCO_E_STATE)
            status = mem_grow(mem, &g);
        else if (!(how & FRAME_STRICT) && reclaim(mem, node))
            status = 0;
        if (parked)
            shoot_unpark(self);
        if (status)
            return status;
    }
}

static uint64_t region_flags(const struct disco_region *r)
{
    return r->access & DISCO_WRITE ? MAP_WRITE : 0;
}

static disco_status map_foreign(struct physmap *pm, struct disco_region *r,
                                struct pfn pfn, struct shoot_vcpu *self)
{
    struct frames *frames = &pm->mem->frames;
    struct mfn mfn = mfn_make(frames->nodes,
                              r->first_foreign + pfn.n - pfn_of_gpa(r->gpa).n);
    struct chunk_grow g;
    disco_status status = frame_foreign_touch(frames, mfn, &g);
    int parked;

    if (!status) {
        physmap_set(pm, pfn, entry_make(mfn, region_flags(r) | MAP_FOREIGN));
        return 0;
    }
    parked = park_if_running(self);
    status = mem_grow(pm->mem, &g);
    if (parked)
        shoot_unpark(self);
    return status;
}

static void count_given(struct physmap *pm, struct mfn mfn, uint32_t node,
                        int by_vcpu)
{
    struct pool *pool = &pm->mem->frames.pool[mfn_node(mfn)];

    add_relaxed(&pm->stats.demand_zero, 1);
    if (mfn_node(mfn) != node)
        add_relaxed(&pool->alloc_remote, 1);
    else if (by_vcpu)
        add_relaxed(&pool->alloc_local, 1);
}

/* The page may have got something else while the lock was dropped. */
static disco_status map_zero(struct physmap *pm, struct disco_region *r,
                             struct pfn pfn, uint32_t node,
                             struct shoot_vcpu *self)
{
    uint64_t flags = region_flags(r);
    disco_status status;
    struct mfn mfn;

    status = mem_take(pm->mem, node, 0, self, &mfn);
    if (status)
        return status;
    if (physmap_entry(pm, pfn) ||
        region_find(&pm->regions, gpa_of_pfn(pfn)) != r) {
        frame_give(&pm->mem->frames, mfn);
        return 0;
    }
    physmap_set(pm, pfn, entry_make(mfn, flags));
    map_page(pm, pfn)->kind = DISCO_KIND_DATA;
    count_given(pm, mfn, node, self != NULL);
    return 0;
}

disco_status physmap_touch(struct physmap *pm, struct pfn pfn, uint32_t node,
                           struct shoot_vcpu *self, uint64_t *entry)
{
    struct disco_region *r;
    unsigned spins = 0;
    disco_status status;

    for (;;) {
        *entry = physmap_entry(pm, pfn);
        if (*entry & MAP_MOVING) {
            physmap_yield(pm, self, &spins);
            continue;
        }
        if (*entry & MAP_PRESENT)
            return 0;
        r = region_find(&pm->regions, gpa_of_pfn(pfn));
        if (!r || !region_is_memory(r))
            return DISCO_E_FAULT;
        status = physmap_leaf(pm, pfn, self);
        if (status)
            return status;
        if (r->kind == DISCO_REGION_HOST)
            status = map_foreign(pm, r, pfn, self);
        else
            status = map_zero(pm, r, pfn, node, self);
        if (status)
            return status;
    }
}
