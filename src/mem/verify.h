/*
 * verify.h - walk frames and maps and check that they agree.  No vCPU runs and
 * nothing else changes the machine's memory.
 */
#ifndef MEM_VERIFY_H
#define MEM_VERIFY_H

#include "mem/physmap.h"

/* Records, free lists and figures of all pools.  INTERNAL with text. */
disco_status verify_frames(struct mem *mem);
/* One VM's map against the frames. */
disco_status verify_physmap(struct physmap *pm);

#endif
