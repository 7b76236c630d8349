/*
 * code.c - which vCPUs hold translated code of a page, so that a store to it
 * is seen by the next instruction fetch without CACHE instructions.
 *
 * A page with holders has MAP_CODE: nobody stores to it plainly.  Who wants to
 * store raises code_stores, makes the holders drop their code, stores, and
 * lowers it; while it is raised nobody becomes a holder.  A holder's bit is
 * cleared only after it dropped the code or was seen parked.
 */
#include "mem/move.h"

static uint64_t bit_of(const struct shoot_vcpu *self)
{
    return self ? UINT64_C(1) << self->index : 0;
}

/* The page's record, or NULL: names come from backends. */
static struct map_page *own_page(struct physmap *pm, struct pfn pfn)
{
    if (pfn.n / MAP_LEAF >= pm->root_count || !pm->root[pfn.n / MAP_LEAF])
        return NULL;
    return map_page(pm, pfn);
}

/* First holder: everybody loses plain stores, and we wait until they did. */
static void take_stores_away(struct physmap *pm, struct pfn pfn, uint64_t entry,
                             struct shoot_vcpu *self)
{
    struct map_page *page = map_page(pm, pfn);
    struct shoot_item item = { DISCO_DROP_WRITE, entry_host(pm, entry), pfn.n };
    struct shoot_wave wave;

    physmap_set(pm, pfn, entry | MAP_CODE);
    if (!(entry & MAP_WRITE))
        return;
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, entry_users(pm, entry), &item, self);
    page->is_arming = 1;
    page->busy++; /* it stays mapped while we are away */
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    page->busy--;
    page->is_arming = 0;
}

/* May code of it be kept?  Not of what others write without telling us. */
static int is_written_silently(const struct frame *frame)
{
    return frame->write_pins || frame->state == FRAME_COMMON;
}

disco_status code_hold(struct physmap *pm, struct pfn pfn, uint32_t node,
                       struct shoot_vcpu *self, uint64_t *entry)
{
    struct map_page *page;
    disco_status status;
    unsigned spins = 0;

    for (;;) {
        status = page_claim(pm, pfn, node, self, entry);
        if (status)
            return status;
        page = map_page(pm, pfn);
        if (is_written_silently(entry_frame(pm, *entry))) {
            code_settle(pm, pfn);
            *entry = physmap_entry(pm, pfn);
            return DISCO_E_BUSY;
        }
        if (page->code_stores || page->is_arming) {
            physmap_yield(pm, self, &spins);
            continue;
        }
        if (page->holders) {
            page->holders |= bit_of(self);
            return 0;
        }
        page->holders = bit_of(self);
        take_stores_away(pm, pfn, *entry, self);
    }
}

void code_settle(struct physmap *pm, struct pfn pfn)
{
    const struct map_page *page = map_page(pm, pfn);
    uint64_t entry = physmap_entry(pm, pfn);

    if (!page->holders && !page->is_arming && (entry & MAP_CODE))
        physmap_set(pm, pfn, entry & ~(uint64_t)MAP_CODE);
}

void code_release(struct physmap *pm, struct pfn pfn, struct shoot_vcpu *self)
{
    struct map_page *page;

    mem_lock(pm->mem);
    page = own_page(pm, pfn);
    if (page && (page->holders & bit_of(self))) {
        page->holders &= ~bit_of(self);
        code_settle(pm, pfn);
    }
    mem_unlock(pm->mem);
}

void code_drop_holders(struct physmap *pm, struct pfn pfn,
                       struct shoot_vcpu *self)
{
    struct map_page *page = map_page(pm, pfn);
    struct shoot_item item = { DISCO_DROP_CODE, NULL, pfn.n };
    uint64_t others = page->holders & ~bit_of(self);
    struct shoot_wave wave;

    if (!others)
        return;
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, others, &item, self);
    page->busy++;
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    page->busy--;
    page->holders &= ~others;
}

/*
 * The page is this VM's own before the store is counted: a break waits for
 * counted stores, ours would wait for itself.  A guest that patches its code
 * all the time does not keep movers out: they go first.
 */
void code_store_begin(struct physmap *pm, struct pfn pfn,
                      struct shoot_vcpu *self)
{
    struct map_page *page;
    uint64_t entry;

    mem_lock(pm->mem);
    if (own_page(pm, pfn) && !self->code_stores)
        page_let_pass(pm, pfn, self);
    page = own_page(pm, pfn);
    if (page && (physmap_entry(pm, pfn) & MAP_PRESENT) &&
        !page_unshare(pm, pfn, pm->home_node, self, &entry)) {
        page->code_stores++;
        page->busy++;
        self->code_stores++;
        page_mark_written(pm, pfn);
        code_drop_holders(pm, pfn, self);
    }
    mem_unlock(pm->mem);
}

void code_store_end(struct physmap *pm, struct pfn pfn, struct shoot_vcpu *self)
{
    struct map_page *page;

    mem_lock(pm->mem);
    page = own_page(pm, pfn);
    if (page && page->code_stores && page->busy && self->code_stores) {
        self->code_stores--;
        page->code_stores--;
        page->busy--;
        code_settle(pm, pfn);
    }
    mem_unlock(pm->mem);
}
