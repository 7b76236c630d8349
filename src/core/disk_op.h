/*
 * disk_op.h - one request on its way through a disk: its state, and how it gets
 * blocks to look at.
 *
 * A block comes from the disk's own modifications, else from the cache, else
 * from the image, in runs.  The operation may have to wait: for the image, or
 * for a block that another request is bringing.  Who ends the wait continues
 * it, on his thread: no thread ever sleeps here.
 */
#ifndef CORE_DISK_OP_H
#define CORE_DISK_OP_H

#include "core/disk.h"

enum {
    RUN_MAX = 32 /* blocks brought at once: 128 KiB */
};

struct disk_op {
    struct cache_wait wait;
    struct disk *disk;
    disco_block_request *request;
    uint64_t first; /* block */
    uint64_t count;
    uint64_t at; /* blocks that are done */
    disco_status status;
    uint32_t phase;  /* atomic */
    uint32_t held;   /* bit i: have[i], block first + at + i, is a reference */
    uint32_t is_mod; /* have[0] is the disk's own */
    uint32_t
        is_through;     /* write of an exclusive disk; below, of its children */
    uint64_t snapshots; /* image->snapshot_changes when it began */
    uint32_t run_at;    /* blocks being brought: index and count */
    uint32_t run;
    struct mfn have[RUN_MAX];
    struct cache_entry *entry[RUN_MAX];
    disco_block_request io; /* to the image */
};

_Static_assert((int)DISCO_BLOCK_BYTES == (int)PAGE_BYTES, "a block is a frame");
_Static_assert((int)RUN_MAX <= 32, "bits of held");

static inline struct mem *mem_of(const struct disk_op *op)
{
    return &op->disk->machine->mem;
}

/*
 * Get up to `limit` blocks from first + at on into have.  1: at least one is in
 * hand, or status is set; 0: somebody else goes on with the operation.
 */
int op_fetch(struct disk_op *op, uint32_t limit);
/* Give back what is in hand. */
void op_drop_held(struct disk_op *op);

/* Go on until the end, or until somebody else goes on. */
void op_run(struct disk_op *op);
/* The same for a write or flush that goes through to the image. */
void op_write_through(struct disk_op *op);

/* Complete the request.  Nothing of the disk is touched afterwards. */
void op_finish(struct disk_op *op);

#endif
