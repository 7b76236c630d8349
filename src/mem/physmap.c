/*
 * physmap.c - see physmap.h.
 */
#include "mem/physmap.h"

#include <string.h>

void physmap_init(struct physmap *pm, struct mem *mem, uint32_t home_node)
{
    memset(pm, 0, sizeof(*pm));
    pm->mem = mem;
    pm->ctx = mem->ctx;
    pm->home_node = home_node;
}

void physmap_destroy(struct physmap *pm)
{
    struct alloc *alloc = pm->mem->alloc;
    uint64_t i;

    for (i = 0; i < pm->root_count; i++)
        alloc_free(alloc, pm->root[i], MAP_LEAF * sizeof(uint64_t));
    alloc_free(alloc, pm->root, pm->root_count * sizeof(*pm->root));
    alloc_free(alloc, pm->regions.v,
               pm->regions.capacity * sizeof(*pm->regions.v));
}

static void frame_off(struct physmap *pm, uint64_t entry)
{
    struct frame *frame = entry_frame(pm, entry);

    frame->owner = NULL;
    frame->refs = 0;
    frame->holders = 0;
    frame->state = FRAME_LOOSE;
    add_relaxed(&pm->node_frames[mfn_node(entry_mfn(entry))], (uint64_t)-1);
    if (!(entry & MAP_FOREIGN))
        add_relaxed(&pm->stats.frames, (uint64_t)-1);
}

static void frame_on(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    struct frame *frame = entry_frame(pm, entry);

    frame->owner = pm;
    frame->pfn = pfn.n;
    frame->refs = 1;
    frame->state = entry & MAP_FOREIGN ? FRAME_FOREIGN : FRAME_MAPPED;
    add_relaxed(&pm->node_frames[mfn_node(entry_mfn(entry))], 1);
    if (!(entry & MAP_FOREIGN))
        add_relaxed(&pm->stats.frames, 1);
}

void physmap_set(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    uint64_t *slot = &pm->root[pfn.n / MAP_LEAF][pfn.n % MAP_LEAF];
    uint64_t old = *slot;
    int same = (old & MAP_PRESENT) && (entry & MAP_PRESENT) &&
               entry_mfn(old).n == entry_mfn(entry).n;

    if ((old & MAP_PRESENT) && !same)
        frame_off(pm, old);
    if ((entry & MAP_PRESENT) && !same)
        frame_on(pm, pfn, entry);
    store_release(slot, entry);
}

disco_status physmap_reach(struct physmap *pm, uint64_t end_pfn)
{
    uint64_t need = (end_pfn + MAP_LEAF - 1) / MAP_LEAF;
    uint64_t had = pm->root_count;
    uint64_t **bigger, **old;

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

static disco_status add_leaf(struct physmap *pm, struct pfn pfn,
                             struct shoot_vcpu *self)
{
    int parked = park_if_running(self);
    uint64_t *leaf, *spare;
    uint64_t i = pfn.n / MAP_LEAF;

    mem_unlock(pm->mem);
    leaf = alloc_array(pm->mem->alloc, MAP_LEAF, sizeof(*leaf));
    mem_lock(pm->mem);
    spare = leaf;
    if (leaf && i < pm->root_count && !pm->root[i]) {
        store_release(&pm->root[i], leaf);
        spare = NULL;
    }
    if (spare) {
        mem_unlock(pm->mem);
        alloc_free(pm->mem->alloc, spare, MAP_LEAF * sizeof(*spare));
        mem_lock(pm->mem);
    }
    if (parked)
        shoot_unpark(self);
    return leaf ? 0 : DISCO_E_NOMEM;
}

static disco_status grow_parked(struct physmap *pm, struct chunk_grow *g,
                                struct shoot_vcpu *self)
{
    int parked = park_if_running(self);
    disco_status status = mem_grow(pm->mem, g);

    if (parked)
        shoot_unpark(self);
    return status;
}

static uint64_t region_flags(const struct disco_region *r)
{
    return r->access & DISCO_WRITE ? MAP_WRITE : 0;
}

/* One try: 0, NOMEM, or STATE: *g is lacking. */
static disco_status give_frame(struct physmap *pm, struct disco_region *r,
                               struct pfn pfn, uint32_t node, int by_vcpu,
                               struct chunk_grow *g)
{
    struct frames *frames = &pm->mem->frames;
    struct pool *pool;
    disco_status status;
    struct mfn mfn;

    if (r->kind == DISCO_REGION_HOST) {
        mfn = mfn_make(frames->nodes,
                       r->first_foreign + pfn.n - pfn_of_gpa(r->gpa).n);
        status = frame_foreign_touch(frames, mfn, g);
        if (!status)
            physmap_set(pm, pfn,
                        entry_make(mfn, region_flags(r) | MAP_FOREIGN));
        return status;
    }
    status = frame_take(frames, node, 0, &mfn, g);
    if (status)
        return status;
    physmap_set(pm, pfn, entry_make(mfn, region_flags(r)));
    add_relaxed(&pm->stats.demand_zero, 1);
    pool = &frames->pool[mfn_node(mfn)];
    if (mfn_node(mfn) != node)
        add_relaxed(&pool->alloc_remote, 1);
    else if (by_vcpu)
        add_relaxed(&pool->alloc_local, 1);
    return 0;
}

disco_status physmap_touch(struct physmap *pm, struct pfn pfn, uint32_t node,
                           struct shoot_vcpu *self, uint64_t *entry)
{
    struct disco_region *r;
    struct chunk_grow g;
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
        if (!pm->root[pfn.n / MAP_LEAF]) {
            status = add_leaf(pm, pfn, self);
        } else {
            status = give_frame(pm, r, pfn, node, self != NULL, &g);
            if (status == DISCO_E_STATE)
                status = grow_parked(pm, &g, self);
        }
        if (status)
            return status;
    }
}
