/*
 * disk_snapshot.c - the copy-on-write disks that show an image as it was while
 * an exclusive disk goes on to write it: children of a forked VM.
 *
 * Lock: machine->lock for the list, disk->lock for each tree.
 */
#include "core/disk.h"

#include "base/config.h"

void snapshot_add(struct disk *disk)
{
    struct disco_machine *m = disk->machine;

    lock_take(&m->lock);
    disk->is_snapshot = 1;
    disk->next_snapshot = disk->image->snapshots;
    disk->image->snapshots = disk;
    disk->image->snapshot_changes++;
    disk->image->disks++;
    lock_give(&m->lock);
}

void snapshot_remove(struct disk *disk)
{
    struct disco_machine *m = disk->machine;
    struct disk **link;

    lock_take(&m->lock);
    link = &disk->image->snapshots;
    while (*link != disk)
        link = &(*link)->next_snapshot;
    *link = disk->next_snapshot;
    disk->image->disks--;
    lock_give(&m->lock);
}

uint64_t snapshots_changes(struct disco_image *image)
{
    uint64_t changes;

    lock_take(&image->machine->lock);
    changes = image->snapshot_changes;
    lock_give(&image->machine->lock);
    return changes;
}

/* machine->lock held. */
static struct disk *first_lacking(struct disco_image *image, uint64_t block)
{
    struct tree_key key = { 0, block };
    struct tree_node *node;
    struct disk *disk;

    for (disk = image->snapshots; disk; disk = disk->next_snapshot) {
        lock_take(&disk->lock);
        node = tree_find(&disk->mods, key);
        lock_give(&disk->lock);
        if (!node)
            break;
    }
    return disk;
}

int snapshots_lack(struct disco_image *image, uint64_t block)
{
    struct disk *disk;

    lock_take(&image->machine->lock);
    disk = first_lacking(image, block);
    lock_give(&image->machine->lock);
    return disk != NULL;
}

/* Its own write may come first: 0, and then it lacks nothing. */
static int insert(struct disk *disk, struct disk_mod *mod, struct mfn mfn)
{
    int is_in;

    lock_take(&disk->lock);
    is_in = tree_insert(&disk->mods, &mod->node) == 0;
    if (is_in) {
        share_hold(&disk->machine->mem, mfn);
        keep_set(&disk->machine->mem, &mod->mfn, mfn);
    }
    lock_give(&disk->lock);
    return is_in;
}

disco_status snapshots_keep(struct disco_image *image, uint64_t block,
                            struct mfn mfn)
{
    struct disco_machine *m = image->machine;
    struct disk *disk;
    struct disk_mod *mod;
    int is_in = 0;

    do {
        mod = alloc_zeroed(&m->ctx.alloc, sizeof(*mod));
        if (!mod)
            return DISCO_E_NOMEM;
        mod->node.key.block = block;
        lock_take(&m->lock);
        disk = first_lacking(image, block);
        is_in = disk && insert(disk, mod, mfn);
        lock_give(&m->lock);
        if (is_in)
            add_relaxed(&m->disk_figures.private_blocks, 1);
        else
            alloc_free(&m->ctx.alloc, mod, sizeof(*mod));
    } while (disk);
    return 0;
}
