/*
 * pin.c - counted promises that a page stays where it is (copy.h declares
 * them).  A write pin also keeps code of the page from being held translated.
 */
#include "mem/copy.h"

#include <string.h>

#include "mem/move.h"

/* cookie[0] is the frame, cookie[1] the kind. */
enum { PIN_PAGE = 0x50494e31, PIN_HOST = 0x50494e32 };

static void pin_fill(disco_pin *pin, void *host, uint64_t gpa, uint64_t bytes,
                     uint32_t access, struct mfn mfn, uint64_t kind)
{
    pin->host = host;
    pin->gpa = gpa;
    pin->bytes = bytes;
    pin->access = access;
    pin->cookie[0] = mfn.n;
    pin->cookie[1] = kind;
}

static void stop_code(struct physmap *pm, struct pfn pfn, uint64_t entry)
{
    entry_frame(pm, entry)->write_pins++;
    code_drop_holders(pm, pfn, NULL);
    code_settle(pm, pfn);
}

/* First pin: the frame is PRIVATE, or COMMON and stays that. */
static void count_pin(struct physmap *pm, struct frame *frame)
{
    if (!frame->pins++ && frame->state == FRAME_PRIVATE)
        frame_become(&pm->mem->frames, frame, FRAME_PINNED);
}

static void discount_pin(struct physmap *pm, struct frame *frame)
{
    if (!--frame->pins && frame->state == FRAME_PINNED)
        frame_become(&pm->mem->frames, frame, FRAME_PRIVATE);
}

static disco_status pin_page(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                             uint32_t access, disco_pin *pin)
{
    struct frame *frame;
    disco_status status;
    uint64_t entry;

    if (gpa % PAGE_BYTES + bytes > PAGE_BYTES)
        return DISCO_E_RANGE;
    status = page_unshare(pm, pfn_of_gpa(gpa), pm->home_node, NULL, &entry);
    if (status)
        return status;
    frame = entry_frame(pm, entry);
    count_pin(pm, frame);
    if (access & DISCO_WRITE)
        stop_code(pm, pfn_of_gpa(gpa), entry);
    pin_fill(pin, entry_host(pm, entry) + gpa % PAGE_BYTES, gpa, bytes, access,
             entry_mfn(entry), PIN_PAGE);
    return 0;
}

/* Undo stop_code for the pages of [gpa, end). */
static void allow_code(struct physmap *pm, uint64_t gpa, uint64_t end)
{
    struct pfn pfn = pfn_of_gpa(gpa);

    for (; gpa_of_pfn(pfn) < end; pfn.n++)
        entry_frame(pm, physmap_entry(pm, pfn))->write_pins--;
}

static disco_status pin_host(struct physmap *pm, struct disco_region *r,
                             uint64_t gpa, uint64_t bytes, uint32_t access,
                             disco_pin *pin)
{
    struct pfn pfn = pfn_of_gpa(gpa);
    struct mfn none = { 0 };
    disco_status status;
    uint64_t entry;

    r->pins++; /* first: the region stays while the lock is dropped */
    for (; (access & DISCO_WRITE) && gpa_of_pfn(pfn) < gpa + bytes; pfn.n++) {
        status = physmap_touch(pm, pfn, pm->home_node, NULL, &entry);
        if (status) {
            allow_code(pm, gpa, gpa_of_pfn(pfn));
            r->pins--;
            return status;
        }
        stop_code(pm, pfn, entry);
    }
    pin_fill(pin, r->host + (gpa - r->gpa), gpa, bytes, access, none, PIN_HOST);
    return 0;
}

disco_status pin_take(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                      uint32_t access, disco_pin *pin)
{
    struct disco_region *r;
    disco_status status;

    mem_lock(pm->mem);
    r = region_find(&pm->regions, gpa);
    if (!r || !region_is_memory(r) || (access & ~r->access & DISCO_WRITE))
        status = DISCO_E_FAULT;
    else if (r->kind != DISCO_REGION_HOST)
        status = pin_page(pm, gpa, bytes, access, pin);
    else if (bytes > r->gpa + r->bytes - gpa)
        status = DISCO_E_RANGE;
    else
        status = pin_host(pm, r, gpa, bytes, access, pin);
    mem_unlock(pm->mem);
    if (!status)
        add_relaxed(&pm->stats.pins, 1);
    return status;
}

/* Stores through a pin are not announced: reservations end with it. */
static disco_status unpin_page(struct physmap *pm, const disco_pin *pin)
{
    uint64_t entry = physmap_entry(pm, pfn_of_gpa(pin->gpa));
    int is_write = (pin->access & DISCO_WRITE) != 0;
    struct frame *frame;

    if (!(entry & MAP_PRESENT) || entry_mfn(entry).n != pin->cookie[0])
        return DISCO_E_INVAL;
    frame = entry_frame(pm, entry);
    if (!frame->pins || (is_write && !frame->write_pins))
        return DISCO_E_INVAL;
    discount_pin(pm, frame);
    if (is_write) {
        frame->write_pins--;
        linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
    }
    return 0;
}

static disco_status unpin_host(struct physmap *pm, const disco_pin *pin)
{
    struct disco_region *r = region_find(&pm->regions, pin->gpa);
    struct pfn pfn = pfn_of_gpa(pin->gpa);

    if (!r || r->kind != DISCO_REGION_HOST || !r->pins || !pin->bytes ||
        pin->bytes > r->gpa + r->bytes - pin->gpa)
        return DISCO_E_INVAL;
    r->pins--;
    if (!(pin->access & DISCO_WRITE))
        return 0;
    allow_code(pm, pin->gpa, pin->gpa + pin->bytes);
    for (; gpa_of_pfn(pfn) < pin->gpa + pin->bytes; pfn.n++)
        linemon_page_moved(pm->mem->lm, r->host + (gpa_of_pfn(pfn) - r->gpa));
    return 0;
}

disco_status pin_give(struct physmap *pm, disco_pin *pin)
{
    disco_status status = DISCO_E_INVAL;

    mem_lock(pm->mem);
    if (pin->cookie[1] == PIN_PAGE)
        status = unpin_page(pm, pin);
    else if (pin->cookie[1] == PIN_HOST)
        status = unpin_host(pm, pin);
    mem_unlock(pm->mem);
    if (status)
        return status;
    add_relaxed(&pm->stats.pins, (uint64_t)-1);
    pin->host = NULL;
    memset(pin->cookie, 0, sizeof(pin->cookie));
    return 0;
}
