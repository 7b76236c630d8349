/*
 * footprint.h - counts of what VMs believe to use and what the machine uses.
 */
#ifndef MEM_FOOTPRINT_H
#define MEM_FOOTPRINT_H

#include "mem/physmap.h"

/*
 * Add one VM's pages.  Machine bytes of a frame are divided by its mappings
 * when `divided`; else the frame is counted at the first of its mappings, with
 * the kind that weighs most.  Locks itself.
 */
void footprint_add_map(struct physmap *pm, int divided, disco_footprint *out);
/* Add frames that no VM maps: copies, caches, disks.  Locks itself. */
void footprint_add_unmapped(struct mem *mem, disco_footprint *out);

#endif
