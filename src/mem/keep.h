/*
 * keep.h - references to frames that are kept for long, by the disk cache and
 * by disks: the frame may move meanwhile, and the name of it with it.
 *
 * A kept name changes with mem->lock, so it is only read through here.  Any
 * thread; the owner guards the variable itself.
 */
#ifndef MEM_KEEP_H
#define MEM_KEEP_H

#include "mem/share.h"

/* The caller's reference to the frame goes into *keep. */
void keep_set(struct mem *mem, struct mfn *keep, struct mfn mfn);

/*
 * One more reference to it, for the caller: until that is dropped the frame
 * stays where it is.  Waits for a move under way, so not by a RUNNING vCPU.
 */
struct mfn keep_hold(struct mem *mem, const struct mfn *keep);

/* The end of the kept reference. */
void keep_drop(struct mem *mem, struct mfn *keep);

/* Does nobody else refer to the frame, and is it of this node? */
#define KEEP_ANY_NODE 0xffffffffu
int keep_is_alone(struct mem *mem, const struct mfn *keep, uint32_t node);

#endif
