/*
 * keep.c - see keep.h.  A frame follows one home; a second keeper's reference
 * is a plain one, and then the frame does not move.
 */
#include "mem/keep.h"

void keep_set(struct mem *mem, struct mfn *keep, struct mfn mfn)
{
    struct frame *frame;

    mem_lock(mem);
    *keep = mfn;
    frame = frame_of(&mem->frames, mfn);
    if (!frame->home)
        frame->home = keep;
    mem_unlock(mem);
}

/* A move that began before has the old name until it ends. */
struct mfn keep_hold(struct mem *mem, const struct mfn *keep)
{
    unsigned spins = 0;
    struct mfn mfn;

    mem_lock(mem);
    while (frame_of(&mem->frames, *keep)->is_moving) {
        mem_unlock(mem);
        wait_step(&spins);
        mem_lock(mem);
    }
    mfn = *keep;
    frame_of(&mem->frames, mfn)->holds++;
    mem_unlock(mem);
    return mfn;
}

void keep_drop(struct mem *mem, struct mfn *keep)
{
    struct frame *frame;

    mem_lock(mem);
    frame = frame_of(&mem->frames, *keep);
    if (frame->home == keep)
        frame->home = NULL;
    frame->holds--;
    frame_release(mem, *keep);
    mem_unlock(mem);
}

int keep_is_alone(struct mem *mem, const struct mfn *keep, uint32_t node)
{
    const struct frame *frame;
    int is_alone;

    mem_lock(mem);
    frame = frame_of(&mem->frames, *keep);
    is_alone = frame->maps == 0 && frame->holds == 1 &&
               (node == KEEP_ANY_NODE || mfn_node(*keep) == node);
    mem_unlock(mem);
    return is_alone;
}
