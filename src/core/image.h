/*
 * image.h - an image: a source of blocks with a number in the cache, counted by
 * the embedder and by its disks; who may use it how at the same time.
 *
 * Lock: machine->lock for the list, counts and modes.
 */
#ifndef CORE_IMAGE_H
#define CORE_IMAGE_H

#include <disco/device.h>

#include "core/machine.h"
#include "devices/rawfile.h"

struct disco_image {
    struct disco_machine *machine;
    struct disco_image *next; /* machine->images */
    uint64_t number;          /* in the cache; never used again */
    uint32_t refs;
    uint32_t disks;         /* shared ones */
    uint32_t is_written;    /* by the one exclusive disk */
    struct disk *snapshots; /* disks that show it as it was */
    uint64_t snapshot_changes;
    struct rawfile_id id;
    disco_block_backend source; /* owned */
};

/* A reference more. */
void image_hold(struct disco_image *image);

/* The right to use it in a mode, and back.  BUSY, PERM, with text. */
disco_status image_claim(struct disco_image *image, uint32_t mode);
void image_unclaim(struct disco_image *image, uint32_t mode);

#endif
