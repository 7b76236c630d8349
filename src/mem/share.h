/*
 * share.h - references to the content of frames: by the disk cache, by disks,
 * by packets on their way.  A frame with such a reference is SHARED: its
 * content stays, and VMs that map it and write get a copy.
 *
 * All functions lock for themselves.  `self` is the calling thread's vCPU when
 * it is RUNNING, else NULL.
 */
#ifndef MEM_SHARE_H
#define MEM_SHARE_H

#include "mem/physmap.h"

/*
 * Refer to what is behind a page.  NOENT: never touched; BUSY: pinned, kept
 * busy for too long, or written by several VMs; UNSUPPORTED: host memory;
 * FAULT: no memory there.
 */
disco_status share_take(struct physmap *pm, struct pfn pfn,
                        struct shoot_vcpu *self, struct mfn *out);

/* A new frame with this content (NULL: zeroes), one reference.  NOMEM. */
disco_status share_create(struct mem *mem, uint32_t node, const void *data,
                          struct mfn *out);

/*
 * Map the frame at a page of RAM in place of what was there.  `kind`: what the
 * VM uses it for, or NONE: what others use it for.  The caller holds a
 * reference and keeps it.  FAULT: no RAM; BUSY: pinned; UNSUPPORTED: host
 * memory; NOMEM.
 */
disco_status share_map(struct physmap *pm, struct pfn pfn, struct mfn mfn,
                       uint32_t kind, struct shoot_vcpu *self);

void share_hold(struct mem *mem, struct mfn mfn);
void share_drop(struct mem *mem, struct mfn mfn);

/* Is there a frame of this name, and does somebody refer to it? */
int share_is_held(struct mem *mem, struct mfn mfn);
/* References and mappings besides the caller's own one. */
uint64_t share_others(struct mem *mem, struct mfn mfn);

/* The content; good while the reference is held. */
static inline const uint8_t *share_bytes(const struct mem *mem, struct mfn mfn)
{
    return frame_host(&mem->frames, mfn);
}

#endif
