/*
 * code.c - which vCPUs hold translated code of a page, so that a store to it
 * is seen by the next instruction fetch without CACHE instructions.
 *
 * A page with holders has MAP_CODE: nobody stores to it plainly.  Who wants to
 * store raises code_stores, makes the holders drop their code, stores, and
 * lowers it; while it is raised nobody becomes a holder.  A holder's bit is
 * cleared only after it dropped the code or was seen parked.
 */
#include "mem/physmap.h"

static uint64_t bit_of(const struct shoot_vcpu *self)
{
    return self ? UINT64_C(1) << self->index : 0;
}

/* The frame as part of this map, or NULL: names come from backends. */
static struct frame *own_frame(struct physmap *pm, struct mfn mfn)
{
    struct frame *frame;

    if (!frame_exists(&pm->mem->frames, mfn))
        return NULL;
    frame = frame_of(&pm->mem->frames, mfn);
    return frame->owner == pm ? frame : NULL;
}

/* First holder: everybody loses plain stores, and we wait until they did. */
static void take_stores_away(struct physmap *pm, struct pfn pfn, uint64_t entry,
                             struct shoot_vcpu *self)
{
    struct frame *frame = entry_frame(pm, entry);
    struct shoot_item item = { DISCO_DROP_WRITE, entry_host(pm, entry),
                               entry_mfn(entry).n };
    struct shoot_wave wave;

    physmap_set(pm, pfn, entry | MAP_CODE);
    if (!(entry & MAP_WRITE))
        return;
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, pm->vcpus.mask, &item, self);
    frame->is_arming = 1;
    frame->dma++; /* it stays where it is while we are away */
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    frame->dma--;
    frame->is_arming = 0;
}

disco_status code_hold(struct physmap *pm, struct pfn pfn, uint32_t node,
                       struct shoot_vcpu *self, uint64_t *entry)
{
    struct frame *frame;
    disco_status status;
    unsigned spins = 0;

    for (;;) {
        status = page_claim(pm, pfn, node, self, entry);
        if (status)
            return status;
        frame = entry_frame(pm, *entry);
        if (frame->write_pins) {
            code_settle(pm, entry_mfn(*entry));
            *entry = physmap_entry(pm, pfn);
            return DISCO_E_BUSY;
        }
        if (frame->code_stores || frame->is_arming) {
            physmap_yield(pm, self, &spins);
            continue;
        }
        if (frame->holders) {
            frame->holders |= bit_of(self);
            return 0;
        }
        frame->holders = bit_of(self);
        take_stores_away(pm, pfn, *entry, self);
    }
}

void code_settle(struct physmap *pm, struct mfn mfn)
{
    struct frame *frame = own_frame(pm, mfn);
    struct pfn pfn;
    uint64_t entry;

    if (!frame || frame->holders || frame->is_arming)
        return;
    pfn.n = frame->pfn;
    entry = physmap_entry(pm, pfn);
    if (entry & MAP_CODE)
        physmap_set(pm, pfn, entry & ~(uint64_t)MAP_CODE);
}

void code_release(struct physmap *pm, struct mfn mfn, struct shoot_vcpu *self)
{
    struct frame *frame;

    mem_lock(pm->mem);
    frame = own_frame(pm, mfn);
    if (frame && (frame->holders & bit_of(self))) {
        frame->holders &= ~bit_of(self);
        code_settle(pm, mfn);
    }
    mem_unlock(pm->mem);
}

void code_drop_holders(struct physmap *pm, struct mfn mfn,
                       struct shoot_vcpu *self)
{
    struct frame *frame = frame_of(&pm->mem->frames, mfn);
    struct shoot_item item = { DISCO_DROP_CODE,
                               frame_host(&pm->mem->frames, mfn), mfn.n };
    uint64_t others = frame->holders & ~bit_of(self);
    struct shoot_wave wave;

    if (!others)
        return;
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, others, &item, self);
    frame->dma++;
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    frame->dma--;
    frame->holders &= ~others;
}

void code_store_begin(struct physmap *pm, struct mfn mfn,
                      struct shoot_vcpu *self)
{
    struct frame *frame;

    mem_lock(pm->mem);
    frame = own_frame(pm, mfn);
    if (frame) {
        frame->code_stores++;
        frame->dma++;
        code_drop_holders(pm, mfn, self);
    }
    mem_unlock(pm->mem);
}

void code_store_end(struct physmap *pm, struct mfn mfn)
{
    struct frame *frame;

    mem_lock(pm->mem);
    frame = own_frame(pm, mfn);
    if (frame && frame->code_stores) {
        frame->code_stores--;
        frame->dma--;
        code_settle(pm, mfn);
    }
    mem_unlock(pm->mem);
}
