/*
 * region.h - what lies where in a VM's physical address space: a sorted array
 * of RAM, ROM, host memory and device registers.
 *
 * It does not hold page mappings (physmap.h).  The set changes only while the
 * VM is quiesced and with mem->lock: a vCPU in run reads it without the lock,
 * everybody else with it.
 */
#ifndef MEM_REGION_H
#define MEM_REGION_H

#include <disco/device.h>
#include <disco/physmap.h>

#include "mem/addr.h"

struct physmap;

struct disco_region {
    struct physmap *pm;
    uint32_t kind;   /* DISCO_REGION_* */
    uint32_t access; /* of the guest */
    uint64_t gpa;
    uint64_t bytes;
    /* MMIO */
    disco_mmio_ops ops;
    void *opaque;
    char *key; /* owned; NULL but for MMIO */
    /* HOST */
    uint8_t *host;
    uint64_t first_foreign; /* frame index of the first page */
    uint64_t pins;
};

struct region_set {
    struct disco_region **v; /* by address */
    uint32_t count;
    uint32_t capacity;
    uint32_t generation; /* changes with the set: for caches */
};

/* The region that a vCPU used last. */
struct region_cache {
    struct disco_region *region;
    uint32_t generation;
};

/* The region that holds `gpa`, or NULL. */
struct disco_region *region_find(const struct region_set *set, uint64_t gpa);
/* The lowest region that has a byte in [gpa, gpa + bytes). */
struct disco_region *region_overlap(const struct region_set *set, uint64_t gpa,
                                    uint64_t bytes);
struct disco_region *region_by_key(const struct region_set *set,
                                   const char *key);

static inline struct disco_region *
region_find_cached(const struct region_set *set, struct region_cache *cache,
                   uint64_t gpa)
{
    struct disco_region *r = cache->region;

    if (r && cache->generation == set->generation && gpa - r->gpa < r->bytes)
        return r;
    r = region_find(set, gpa);
    if (r) {
        cache->region = r;
        cache->generation = set->generation;
    }
    return r;
}

static inline int region_is_memory(const struct disco_region *r)
{
    return r->kind != DISCO_REGION_MMIO;
}

/* Put in; there is room (capacity) and no overlap. */
void region_insert(struct region_set *set, struct disco_region *region);
void region_remove(struct region_set *set, struct disco_region *region);

#endif
