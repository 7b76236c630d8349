/*
 * disk.h - a disk: an image as one VM sees it, with a tree of the blocks that
 * this VM has changed when it is copy-on-write; and one request on its way
 * through it.
 *
 * Locks: disk->lock guards the tree of modifications and is taken after
 * machine->lock and before mem->lock.  The cache is called without it.  An
 * operation belongs to one thread at a time and needs no lock.
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
    struct tree mods;           /* struct disk_mod by block; COW only */
    struct disk *next_snapshot; /* of the image, with machine->lock */
    uint32_t is_snapshot;
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

/*
 * What is to be shown of the block, given what the image has: for a snapshot
 * the image may have changed since it was looked at.  Takes and gives a
 * reference.
 */
struct mfn disk_mod_instead(struct disk *disk, uint64_t block, struct mfn mfn);

/*
 * Snapshots of an image (disk_snapshot.c): copy-on-write disks that show it as
 * it was when they came, though an exclusive disk writes it.
 */
void snapshot_add(struct disk *disk);
void snapshot_remove(struct disk *disk);
/* How often there was a new one. */
uint64_t snapshots_changes(struct disco_image *image);
/* Is there one that has no modification of this block? */
int snapshots_lack(struct disco_image *image, uint64_t block);
/* Make the frame the modification of each that lacks it.  NOMEM. */
disco_status snapshots_keep(struct disco_image *image, uint64_t block,
                            struct mfn mfn);

/* Start a request; completes it, perhaps at once. */
void disk_submit(void *opaque, disco_block_request *request);

#endif
