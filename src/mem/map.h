/*
 * map.h - make and remove regions.  The VM is quiesced and the caller the only
 * one who changes its regions; copies by other threads may be under way.
 */
#ifndef MEM_MAP_H
#define MEM_MAP_H

#include "mem/physmap.h"

struct map_request {
    uint32_t kind;
    uint32_t access; /* of the guest */
    uint64_t gpa;
    uint64_t bytes;
    void *host;      /* HOST */
    const char *key; /* MMIO, with ops and opaque */
    const disco_mmio_ops *ops;
    void *opaque;
};

/* INVAL, RANGE, EXISTS, NOMEM, with text. */
disco_status map_add(struct physmap *pm, const struct map_request *request,
                     struct disco_region **out);

/* BUSY with pins.  Does not call ops.release. */
disco_status map_remove(struct disco_region *region);

/* Pins of a region's pages, now. */
uint64_t map_pins(struct physmap *pm, const struct disco_region *region);

#endif
