/*
 * copy.c - see copy.h.
 */
#include "mem/copy.h"

#include "base/bits.h"
#include "mem/move.h"

static int region_allows(const struct disco_region *r, uint32_t access,
                         uint32_t flags)
{
    if (!r || !region_is_memory(r))
        return 0;
    if (!(access & DISCO_WRITE) || (r->access & DISCO_WRITE))
        return 1;
    return r->kind == DISCO_REGION_ROM && (flags & COPY_ROM);
}

/* How many of the bytes are accessible without a gap.  Lock held. */
static uint64_t extent_locked(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                              uint32_t access, uint32_t flags)
{
    struct disco_region *r;
    uint64_t done = 0;

    while (done < bytes) {
        r = region_find(&pm->regions, gpa + done);
        if (!region_allows(r, access, flags))
            break;
        done = min_u64(bytes, r->gpa + r->bytes - gpa);
    }
    return done;
}

uint64_t copy_extent(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                     uint32_t access)
{
    uint64_t n;

    mem_lock(pm->mem);
    n = extent_locked(pm, gpa, bytes, access, 0);
    mem_unlock(pm->mem);
    return n;
}

static uint64_t in_page(uint64_t gpa, uint64_t bytes)
{
    return min_u64(bytes, PAGE_BYTES - gpa % PAGE_BYTES);
}

/* One page's part.  Lock held: the page can neither move nor go. */
static void read_page(struct physmap *pm, uint64_t gpa, uint8_t *dst,
                      uint64_t bytes)
{
    struct disco_region *r;
    unsigned spins = 0;
    uint64_t entry;

    while ((entry = physmap_entry(pm, pfn_of_gpa(gpa))) & MAP_MOVING)
        physmap_yield(pm, NULL, &spins);
    r = region_find(&pm->regions, gpa);
    if (entry & MAP_PRESENT)
        mem_copy_from_shared(dst, entry_host(pm, entry) + gpa % PAGE_BYTES,
                             bytes);
    else if (r && r->kind == DISCO_REGION_HOST)
        mem_copy_from_shared(dst, r->host + (gpa - r->gpa), bytes);
    else
        mem_zero_shared(dst, bytes);
}

disco_status copy_out(struct physmap *pm, uint64_t gpa, void *dst,
                      uint64_t bytes, uint64_t *where)
{
    uint8_t *out = dst;
    uint64_t done, n;

    mem_lock(pm->mem);
    done = extent_locked(pm, gpa, bytes, DISCO_READ, 0);
    if (done < bytes) {
        mem_unlock(pm->mem);
        *where = gpa + done;
        return DISCO_E_FAULT;
    }
    for (done = 0; done < bytes; done += n) {
        n = in_page(gpa + done, bytes - done);
        read_page(pm, gpa + done, out + done, n);
        if (done + n < bytes) { /* let others in between pages */
            mem_unlock(pm->mem);
            mem_lock(pm->mem);
        }
    }
    mem_unlock(pm->mem);
    add_relaxed(&pm->stats.dma_read_bytes, bytes);
    return 0;
}

/* Store line by line, each announced: the line monitor's rule for DMA. */
static void write_lines(struct linemon *lm, uint8_t *host, const uint8_t *src,
                        uint64_t bytes)
{
    uint64_t done, n;

    for (done = 0; done < bytes; done += n) {
        n = LINEMON_LINE_BYTES - (uintptr_t)(host + done) % LINEMON_LINE_BYTES;
        n = min_u64(n, bytes - done);
        linemon_store_begin(lm, host + done);
        if (src)
            mem_copy_to_shared(host + done, src + done, n);
        else
            mem_zero_shared(host + done, n);
        linemon_store_end(lm, host + done);
    }
}

/* Common case: part of one page that is there and holds no code. */
static int write_quickly(struct physmap *pm, uint64_t gpa, const void *src,
                         uint64_t bytes)
{
    uint64_t entry = physmap_entry(pm, pfn_of_gpa(gpa));

    if (in_page(gpa, bytes) < bytes || !(entry & MAP_PRESENT) ||
        (entry & MAP_MOVING) || map_page(pm, pfn_of_gpa(gpa))->holders ||
        frame_is_shared(entry_frame(pm, entry)))
        return 0;
    write_lines(pm->mem->lm, entry_host(pm, entry) + gpa % PAGE_BYTES, src,
                bytes);
    return 1;
}

/* Keep the page where it is and free of code until unhold. */
static disco_status hold(struct physmap *pm, struct pfn pfn)
{
    struct map_page *page;
    disco_status status;
    uint64_t entry;

    status = page_unshare(pm, pfn, pm->home_node, NULL, &entry);
    if (status)
        return status;
    page = map_page(pm, pfn);
    page->busy++;
    page->code_stores++;
    code_drop_holders(pm, pfn, NULL);
    return 0;
}

static void unhold(struct physmap *pm, struct pfn pfn)
{
    struct map_page *page = map_page(pm, pfn);

    page->busy--;
    page->code_stores--;
    code_settle(pm, pfn);
}

static disco_status hold_all(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                             uint64_t *where)
{
    struct pfn first = pfn_of_gpa(gpa), last = pfn_of_gpa(gpa + bytes - 1), i;
    disco_status status;

    page_let_pass(pm, first, NULL);
    for (i = first; i.n <= last.n; i.n++) {
        status = hold(pm, i);
        if (!status)
            continue;
        *where = max_u64(gpa, gpa_of_pfn(i));
        while (i.n-- > first.n)
            unhold(pm, i);
        return status;
    }
    return 0;
}

static void write_held(struct physmap *pm, uint64_t gpa, const uint8_t *src,
                       uint64_t bytes)
{
    uint64_t done, n;
    uint8_t *host;

    for (done = 0; done < bytes; done += n) {
        n = in_page(gpa + done, bytes - done);
        host = entry_host(pm, physmap_entry(pm, pfn_of_gpa(gpa + done)));
        mem_unlock(pm->mem);
        write_lines(pm->mem->lm, host + (gpa + done) % PAGE_BYTES,
                    src ? src + done : NULL, n);
        mem_lock(pm->mem);
        unhold(pm, pfn_of_gpa(gpa + done));
    }
}

disco_status copy_in(struct physmap *pm, uint64_t gpa, const void *src,
                     uint64_t bytes, uint32_t flags, uint64_t *where)
{
    disco_status status = 0;
    uint64_t done;

    if (!bytes)
        return 0;
    mem_lock(pm->mem);
    done = extent_locked(pm, gpa, bytes, DISCO_WRITE, flags);
    if (done < bytes) {
        *where = gpa + done;
        status = DISCO_E_FAULT;
    } else if (!write_quickly(pm, gpa, src, bytes)) {
        status = hold_all(pm, gpa, bytes, where);
        if (!status)
            write_held(pm, gpa, src, bytes);
    }
    mem_unlock(pm->mem);
    if (!status)
        add_relaxed(&pm->stats.dma_write_bytes, bytes);
    return status;
}
