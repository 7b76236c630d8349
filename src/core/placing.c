/*
 * placing.c - how the engine's actions are done: which VM uses a frame, moving
 * its page, and counts that follow it.  Locks: mem->lock, and the counters'
 * inside of it.
 */
#include "core/placement.h"
#include "mem/move.h"

enum {
    PRESSED_SHARE = 32 /* short of frames: less than one in so many is free */
};

/* --- What the engine asks for ----------------------------------------------
 */

/* Lock held. */
static uint64_t pressed_nodes(const struct frames *f)
{
    uint64_t mask = 0;
    uint32_t i;

    for (i = 0; i < f->nodes; i++)
        if (f->pool[i].total - f->pool[i].used <=
            f->pool[i].total / PRESSED_SHARE)
            mask |= UINT64_C(1) << i;
    return mask;
}

/* A VM and page that use the frame as its own, not as a copy.  Lock held. */
static int user_of(struct mem *mem, struct mfn mfn, struct physmap **pm,
                   struct pfn *pfn)
{
    struct map_ref ref;

    if (mfn_node(mfn) >= mem->frames.nodes || !frame_exists(&mem->frames, mfn))
        return 0;
    ref = frame_of(&mem->frames, mfn)->first;
    if (!ref.n)
        return 0;
    *pm = map_ref_map(mem, ref);
    *pfn = map_ref_pfn(ref);
    return 1;
}

uint32_t placing_look(void *opaque, uint64_t name, struct engine_look *out)
{
    struct disco_machine *m = opaque;
    struct mfn mfn = { name };
    struct physmap *pm;
    struct pfn pfn;
    uint32_t refused = 0;

    mem_lock(&m->mem);
    if (user_of(&m->mem, mfn, &pm, &pfn)) {
        out->node = mfn_node(mfn);
        out->copies = replica_nodes(&m->mem, mfn);
        out->pressed = pressed_nodes(&m->mem.frames);
    } else {
        refused = DISCO_REFUSED_GONE;
    }
    mem_unlock(&m->mem);
    return refused;
}

static uint32_t refusal(disco_status status)
{
    switch (status) {
    case 0:
        return 0;
    case DISCO_E_NOENT:
        return DISCO_REFUSED_GONE;
    case DISCO_E_BUSY:
        return DISCO_REFUSED_PINNED;
    case DISCO_E_NOMEM:
        return DISCO_REFUSED_FULL;
    case DISCO_E_UNSUPPORTED:
        return DISCO_REFUSED_UNSUPPORTED;
    default:
        return DISCO_REFUSED_IMMOVABLE;
    }
}

/* What the page is called now, or ~0: it has no frame. */
static uint64_t locked_name(struct physmap *pm, struct pfn pfn)
{
    uint64_t entry;

    mem_lock(pm->mem);
    entry = physmap_entry(pm, pfn);
    mem_unlock(pm->mem);
    return entry & MAP_PRESENT ? entry_mfn(entry).n : UINT64_MAX;
}

static disco_status do_action(struct physmap *pm, struct pfn pfn,
                              uint32_t action, uint32_t node)
{
    switch (action) {
    case DISCO_PLACE_MIGRATE:
        return page_migrate(pm, pfn, node, NULL);
    case DISCO_PLACE_REPLICATE:
        return page_replicate(pm, pfn, node, NULL);
    case DISCO_PLACE_COLLAPSE:
        return page_collapse(pm, pfn, NULL);
    default:
        return DISCO_E_UNSUPPORTED;
    }
}

uint32_t placing_act(void *opaque, uint32_t action, uint32_t node,
                     uint64_t *name)
{
    struct disco_machine *m = opaque;
    struct mfn mfn = { *name };
    disco_status status;
    struct physmap *pm;
    struct pfn pfn;

    mem_lock(&m->mem);
    if (!user_of(&m->mem, mfn, &pm, &pfn)) {
        mem_unlock(&m->mem);
        return DISCO_REFUSED_GONE;
    }
    /* Its VM does not go away meanwhile. */
    add_seq(&vm_of_physmap(pm)->visitors, 1);
    mem_unlock(&m->mem);
    status = do_action(pm, pfn, action, node);
    if (!status)
        *name = locked_name(pm, pfn);
    sub_seq(&vm_of_physmap(pm)->visitors, 1);
    return refusal(status);
}

/* --- Keeping counts with their pages ---------------------------------------
 */

void placing_freed(void *opaque, struct mfn mfn)
{
    struct placement *p = opaque;

    lock_take(&p->engine.counters.lock);
    counters_forget(&p->engine.counters, mfn.n);
    lock_give(&p->engine.counters.lock);
}

void placing_moved(void *opaque, struct mfn from, struct mfn to)
{
    struct placement *p = opaque;
    struct counted_copy copy;

    lock_take(&p->engine.counters.lock);
    if (counters_save(&p->engine.counters, from.n, &copy))
        counters_restore(&p->engine.counters, to.n, &copy);
    lock_give(&p->engine.counters.lock);
}
