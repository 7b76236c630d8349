/*
 * load.c - put kernels and initial RAM disks into a VM so that VMs with the
 * same ones share frames: whole pages are found by their content in the block
 * cache, compared in full, and mapped copy-on-write.
 *
 * Thread: any.  No lock is held but what mem takes.
 */
#include <string.h>
#include <disco/physmap.h>

#include "base/bits.h"
#include "core/vm.h"
#include "mem/copy.h"

static uint64_t rotate(uint64_t value, unsigned by)
{
    return value << by | value >> (64 - by);
}

/* Of a page; two that are equal have the same, the reverse is checked. */
static uint64_t hash_page(const uint8_t *page)
{
    uint64_t lane[4] = { 1, 2, 3, 4 }, hash = 0;
    uint32_t i, k;

    for (i = 0; i < PAGE_BYTES; i += 32)
        for (k = 0; k < 4; k++)
            lane[k] = rotate(lane[k] ^ load_host64(page + i + 8 * k), 29) *
                      UINT64_C(0x9e3779b97f4a7c15);
    for (k = 0; k < 4; k++)
        hash = (hash ^ lane[k] ^ lane[k] >> 31) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static int is_zero(const uint8_t *page)
{
    uint32_t i;

    for (i = 0; i < PAGE_BYTES; i += 8)
        if (load_host64(page + i))
            return 0;
    return 1;
}

/* A reference to a frame with this content: 1, or 0 when there cannot be. */
static int find_content(struct disco_vm *vm, const uint8_t *page,
                        struct mfn *mfn)
{
    struct cache *cache = &vm->machine->cache;
    struct tree_key key = { CACHE_CONTENT, hash_page(page) };
    struct cache_entry *entry;

    switch (cache_get(cache, key, NULL, &entry, mfn)) {
    case CACHE_HIT:
        if (memcmp(share_bytes(&vm->machine->mem, *mfn), page, PAGE_BYTES) == 0)
            return 1;
        share_drop(&vm->machine->mem, *mfn);
        return 0;
    case CACHE_FILL:
        return !cache_publish(cache, entry, vm->pm.home_node, page, mfn);
    default: /* just being made, or no host memory: a copy will do */
        return 0;
    }
}

static int is_ram(struct physmap *pm, uint64_t gpa)
{
    struct disco_region *r;
    int found;

    mem_lock(pm->mem);
    r = region_find(&pm->regions, gpa);
    found = r && r->kind == DISCO_REGION_RAM;
    mem_unlock(pm->mem);
    return found;
}

/* 1: the page is in place. */
static int map_content(struct disco_vm *vm, uint64_t gpa, const uint8_t *page)
{
    disco_status status;
    struct mfn mfn;

    if (!is_ram(&vm->pm, gpa))
        return 0;
    /* What was never touched is zero. */
    if (!(physmap_entry(&vm->pm, pfn_of_gpa(gpa)) & MAP_PRESENT) &&
        is_zero(page))
        return 1;
    if (!find_content(vm, page, &mfn))
        return 0;
    status = share_map(&vm->pm, pfn_of_gpa(gpa), mfn, DISCO_KIND_DATA, NULL);
    share_drop(&vm->machine->mem, mfn);
    return status == 0;
}

/* Is all of it RAM, ROM or host memory?  Else where it is not. */
static int is_memory(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                     uint64_t *where)
{
    struct disco_region *r;
    uint64_t end;

    if (gpa >= GPA_END || bytes > GPA_END - gpa) {
        *where = gpa;
        return 0;
    }
    end = gpa + bytes;
    mem_lock(pm->mem);
    while (gpa < end) {
        r = region_find(&pm->regions, gpa);
        if (!r || !region_is_memory(r))
            break;
        gpa = r->gpa + r->bytes;
    }
    mem_unlock(pm->mem);
    *where = gpa;
    return gpa >= end;
}

static disco_status load(struct disco_vm *vm, uint64_t gpa, const uint8_t *src,
                         uint64_t bytes, uint64_t *where)
{
    disco_status status = 0;
    uint64_t n;

    for (; bytes && !status; gpa += n, src += n, bytes -= n) {
        n = min_u64(bytes, PAGE_BYTES - gpa % PAGE_BYTES);
        if (n < PAGE_BYTES || !map_content(vm, gpa, src))
            status = copy_in(&vm->pm, gpa, src, n, COPY_ROM, where);
    }
    return status;
}

disco_status disco_mem_load_shared(disco_vm *vm, uint64_t gpa, const void *src,
                                   uint64_t bytes)
{
    disco_status status = DISCO_E_FAULT;
    uint64_t where = gpa;

    if (!vm || (bytes && !src))
        return DISCO_E_INVAL;
    if (!bytes)
        return 0;
    if (is_memory(&vm->pm, gpa, bytes, &where))
        status = load(vm, gpa, src, bytes, &where);
    if (!status)
        return 0;
    return vm_fail(vm, status, where,
                   "VM %s: load of 0x%llx bytes at 0x%llx: %s at 0x%llx",
                   vm->name, (unsigned long long)bytes, (unsigned long long)gpa,
                   status == DISCO_E_FAULT ? "no such memory"
                                           : "no machine memory",
                   (unsigned long long)where);
}
