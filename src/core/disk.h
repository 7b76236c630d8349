/*
 * disk.h - a disk: an image as one VM sees it, with a tree of the blocks that
 * this VM has changed when it is copy-on-write; and one request on its way
 * through it.
 *
 * Locks: disk->lock guards the tree of modifications and is taken before
 * mem->lock.  The cache is called without it.  An operation belongs to one
 * thread at a time and needs no lock.
 */
#ifndef CORE_DISK_H
#define CORE_DISK_H

#include "core/image.h"

struct disk {
    struct disco_machine *machine;
    struct disco_image *image; /* counted */
    uint32_t mode;             /* DISCO_DISK_* */
    uint32_t node;
    struct lock lock;
    struct tree mods; /* struct disk_mod by block; COW only */
};

/* A block that differs from the image's. */
struct disk_mod {
    struct tree_node node; /* first */
    struct mfn mfn;        /* kept */
};

/* The block as this disk has changed it: 1 with a reference, or 0. */
int disk_mod_hold(struct disk *disk, uint64_t block, struct mfn *mfn);

/*
 * Make `mfn`, whose reference is taken when this is 0, the block's content.
 * With `expected` only when the block still is that, and with expected->n
 * DISK_NO_MOD only when it was not changed yet: else BUSY.  NOMEM.
 */
#define DISK_NO_MOD UINT64_MAX
disco_status disk_mod_put(struct disk *disk, uint64_t block, struct mfn mfn,
                          const struct mfn *expected);

/* Start a request; completes it, perhaps at once. */
void disk_submit(void *opaque, disco_block_request *request);

#endif
