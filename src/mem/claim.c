/*
 * claim.c - which vCPUs use a page: one alone, or several.
 *
 * A page that one vCPU alone uses needs no announced stores (linemon.h) and no
 * fences.  When a second vCPU comes, the first loses its store rights to the
 * page and asks again; nobody gets on with the page until it did.  There is no
 * way back but a new frame: whoever moves a page starts afresh.
 */
#include "mem/physmap.h"

static uint64_t with_user(uint64_t entry, uint64_t user)
{
    return (entry & ~MAP_USER_MASK) | user << MAP_USER_SHIFT;
}

/* Lock held; dropped while the user so far is waited for. */
static void share(struct physmap *pm, struct pfn pfn, uint64_t entry,
                  struct shoot_vcpu *self)
{
    struct map_page *page = map_page(pm, pfn);
    struct shoot_item item = { DISCO_DROP_WRITE, entry_host(pm, entry), pfn.n };
    struct shoot_wave wave;

    physmap_set(pm, pfn, with_user(entry, MAP_USER_CHANGING));
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, UINT64_C(1) << (entry_user(entry) - 1), &item,
               self);
    page->busy++; /* it stays mapped while we are away */
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    page->busy--;
    entry = physmap_entry(pm, pfn); /* other bits may have changed */
    physmap_set(pm, pfn, with_user(entry, 0) | MAP_SHARED);
}

disco_status page_claim(struct physmap *pm, struct pfn pfn, uint32_t node,
                        struct shoot_vcpu *self, uint64_t *entry)
{
    disco_status status;
    unsigned spins = 0;

    for (;;) {
        status = physmap_touch(pm, pfn, node, self, entry);
        if (status || entry_is_claimed(*entry, self))
            return status;
        if (entry_user(*entry) == MAP_USER_CHANGING)
            physmap_yield(pm, self, &spins);
        else if (entry_user(*entry))
            share(pm, pfn, *entry, self);
        else
            physmap_set(pm, pfn, with_user(*entry, self->index + 1));
    }
}
