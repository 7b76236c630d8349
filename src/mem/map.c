/*
 * map.c - see map.h.
 */
#include "mem/map.h"

#include <string.h>

#include "base/bits.h"

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = { "?", "RAM", "ROM", "host", "MMIO" };

    return kind < ARRAY_LEN(names) ? names[kind] : "?";
}

static disco_status check(struct physmap *pm, const struct map_request *q)
{
    const char *kind = kind_name(q->kind);
    uint64_t unit = q->kind == DISCO_REGION_MMIO ? 1 : PAGE_BYTES;
    struct disco_region *r;

    if (!q->bytes || !is_aligned(q->gpa, unit) || !is_aligned(q->bytes, unit))
        return context_fail(pm->ctx, DISCO_E_INVAL, q->gpa,
                            "%s region at 0x%llx, 0x%llx bytes: address and "
                            "size must be multiples of %llu and not empty",
                            kind, (unsigned long long)q->gpa,
                            (unsigned long long)q->bytes,
                            (unsigned long long)unit);
    if (q->gpa >= GPA_END || q->bytes > GPA_END - q->gpa)
        return context_fail(pm->ctx, DISCO_E_RANGE, q->gpa,
                            "%s region at 0x%llx, 0x%llx bytes: physical "
                            "addresses have %d bits",
                            kind, (unsigned long long)q->gpa,
                            (unsigned long long)q->bytes, GPA_BITS);
    if (q->kind == DISCO_REGION_HOST &&
        (!q->host || !is_aligned((uintptr_t)q->host, PAGE_BYTES)))
        return context_fail(pm->ctx, DISCO_E_INVAL, q->gpa,
                            "host region at 0x%llx: memory is not page-aligned",
                            (unsigned long long)q->gpa);
    r = region_overlap(&pm->regions, q->gpa, q->bytes);
    if (r)
        return context_fail(pm->ctx, DISCO_E_EXISTS, r->gpa,
                            "%s region at 0x%llx, 0x%llx bytes: overlaps the "
                            "%s region %s%sat 0x%llx",
                            kind, (unsigned long long)q->gpa,
                            (unsigned long long)q->bytes, kind_name(r->kind),
                            r->key ? r->key : "", r->key ? " " : "",
                            (unsigned long long)r->gpa);
    if (q->key && region_by_key(&pm->regions, q->key))
        return context_fail(pm->ctx, DISCO_E_EXISTS, q->gpa,
                            "MMIO region at 0x%llx: key \"%s\" is taken",
                            (unsigned long long)q->gpa, q->key);
    return 0;
}

/* Room for one more region.  Nobody else changes the set. */
static disco_status set_reserve(struct physmap *pm)
{
    struct region_set *set = &pm->regions;
    uint32_t capacity = set->capacity ? set->capacity * 2 : 8, i;
    struct disco_region **bigger, **old = set->v;
    uint32_t old_capacity = set->capacity;

    if (set->count < set->capacity)
        return 0;
    bigger = alloc_array(pm->mem->alloc, capacity, sizeof(*bigger));
    if (!bigger)
        return DISCO_E_NOMEM;
    mem_lock(pm->mem);
    for (i = 0; i < set->count; i++)
        bigger[i] = old[i];
    set->v = bigger;
    set->capacity = capacity;
    mem_unlock(pm->mem);
    alloc_free(pm->mem->alloc, old, old_capacity * sizeof(*old));
    return 0;
}

static disco_status add_foreign(struct physmap *pm, struct disco_region *r)
{
    struct chunk_grow g;
    disco_status status;

    if (r->kind != DISCO_REGION_HOST)
        return 0;
    mem_lock(pm->mem);
    do {
        status =
            frame_foreign_add(&pm->mem->frames, r->host, r->bytes / PAGE_BYTES,
                              &r->first_foreign, &g);
        if (status != DISCO_E_STATE)
            break;
        status = mem_grow(pm->mem, &g);
    } while (!status);
    mem_unlock(pm->mem);
    return status;
}

static disco_status region_make(struct physmap *pm, const struct map_request *q,
                                struct disco_region **out)
{
    struct disco_region *r = alloc_zeroed(pm->mem->alloc, sizeof(*r));

    if (!r)
        return DISCO_E_NOMEM;
    r->pm = pm;
    r->kind = q->kind;
    r->access = q->access;
    r->gpa = q->gpa;
    r->bytes = q->bytes;
    r->host = q->host;
    r->opaque = q->opaque;
    if (q->ops)
        r->ops = *q->ops;
    if (q->key) {
        r->key = alloc_string(pm->mem->alloc, q->key);
        if (!r->key) {
            alloc_free(pm->mem->alloc, r, sizeof(*r));
            return DISCO_E_NOMEM;
        }
    }
    *out = r;
    return 0;
}

static void region_free(struct disco_region *r)
{
    struct alloc *alloc = r->pm->mem->alloc;

    alloc_string_free(alloc, r->key);
    alloc_free(alloc, r, sizeof(*r));
}

disco_status map_add(struct physmap *pm, const struct map_request *request,
                     struct disco_region **out)
{
    struct disco_region *r = NULL;
    disco_status status;

    status = check(pm, request);
    if (status)
        return status;
    status = set_reserve(pm);
    if (!status && request->kind != DISCO_REGION_MMIO)
        status = physmap_reach(pm, pfn_of_gpa(request->gpa).n +
                                       request->bytes / PAGE_BYTES);
    if (!status)
        status = region_make(pm, request, &r);
    if (!status)
        status = add_foreign(pm, r);
    if (status) {
        if (r)
            region_free(r);
        return context_fail(pm->ctx, status, request->gpa,
                            "%s region at 0x%llx: no host memory for it",
                            kind_name(request->kind),
                            (unsigned long long)request->gpa);
    }
    mem_lock(pm->mem);
    region_insert(&pm->regions, r);
    if (r->kind == DISCO_REGION_RAM)
        pm->ram_bytes += r->bytes;
    mem_unlock(pm->mem);
    *out = r;
    return 0;
}

/* Next page of the region from *pfn on that is mapped; 0: none.  Lock held. */
static int next_mapped(const struct physmap *pm, const struct disco_region *r,
                       struct pfn *pfn)
{
    uint64_t end = pfn_of_gpa(r->gpa).n + r->bytes / PAGE_BYTES;

    while (pfn->n < end) {
        if (!pm->root[pfn->n / MAP_LEAF])
            pfn->n = (pfn->n / MAP_LEAF + 1) * MAP_LEAF;
        else if (!(physmap_entry(pm, *pfn) & MAP_PRESENT))
            pfn->n++;
        else
            return 1;
    }
    return 0;
}

static uint64_t pins_locked(const struct physmap *pm,
                            const struct disco_region *r)
{
    struct pfn pfn = pfn_of_gpa(r->gpa);
    uint64_t pins = r->pins;

    if (!region_is_memory(r))
        return 0;
    for (; next_mapped(pm, r, &pfn); pfn.n++)
        pins += entry_frame(pm, physmap_entry(pm, pfn))->pins;
    return pins;
}

uint64_t map_pins(struct physmap *pm, const struct disco_region *region)
{
    uint64_t pins;

    mem_lock(pm->mem);
    pins = pins_locked(pm, region);
    mem_unlock(pm->mem);
    return pins;
}

/* Pages off the map; copies that began before the region went may still run. */
static void unmap_pages(struct physmap *pm, struct disco_region *r)
{
    struct pfn pfn = pfn_of_gpa(r->gpa);
    unsigned spins = 0, batch = 0;
    uint64_t entry;

    while (next_mapped(pm, r, &pfn)) {
        entry = physmap_entry(pm, pfn);
        page_want(pm, pfn, !page_is_quiet(pm, pfn));
        if (!page_is_quiet(pm, pfn)) {
            physmap_yield(pm, NULL, &spins);
            continue;
        }
        if (pm->vcpus.mask) /* they may have linked lines of it */
            linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
        physmap_set(pm, pfn, 0);
        memset(map_page(pm, pfn), 0, sizeof(struct map_page));
        frame_release(pm->mem, entry_mfn(entry));
        if (++batch % 256 == 0) {
            mem_unlock(pm->mem);
            mem_lock(pm->mem);
        }
    }
}

disco_status map_remove(struct disco_region *region)
{
    struct shoot_item all = { DISCO_DROP_ALL, NULL, 0 };
    struct physmap *pm = region->pm;
    struct shoot_wave wave;
    uint64_t pins;

    mem_lock(pm->mem);
    pins = pins_locked(pm, region);
    if (pins) {
        mem_unlock(pm->mem);
        return context_fail(
            pm->ctx, DISCO_E_BUSY, region->gpa,
            "%s region at 0x%llx: %llu pins are held", kind_name(region->kind),
            (unsigned long long)region->gpa, (unsigned long long)pins);
    }
    region_remove(&pm->regions, region);
    if (region->kind == DISCO_REGION_RAM)
        pm->ram_bytes -= region->bytes;
    /* No vCPU runs: all serve it before they run again. */
    shoot_wave_init(&wave);
    shoot_post(&wave, &pm->vcpus, pm->vcpus.mask, &all, NULL);
    if (region_is_memory(region))
        unmap_pages(pm, region);
    if (region->kind == DISCO_REGION_HOST)
        frame_foreign_remove(&pm->mem->frames, region->first_foreign,
                             region->bytes / PAGE_BYTES);
    mem_unlock(pm->mem);
    region_free(region);
    return 0;
}
