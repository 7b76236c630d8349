/*
 * disk_through.c - writes and flushes of exclusive disks: they go to the image,
 * and then the cache forgets the blocks.
 *
 * Copy-on-write disks of forked VMs may show the image as it was (snapshots in
 * image.h).  Before a write goes to the image they get, as modifications of
 * their own, the blocks it is about to change.  A snapshot that comes meanwhile
 * makes us look again, and one that reads meanwhile looks into its
 * modifications again after it has read (disk_mod_instead).
 */
#include "core/disk_op.h"

#include <string.h>

static void passed(disco_block_request *io, disco_status status)
{
    struct disk_op *op = io->device;

    /* A failed write may have changed something, too. */
    if (io->op == DISCO_BLOCK_WRITE)
        cache_drop(&op->disk->machine->cache, op->disk->image->number,
                   op->first, op->first + op->count - 1);
    op->status = status;
    op_finish(op);
}

static void pass_on(struct disk_op *op)
{
    const disco_block_backend *source = &op->disk->image->source;
    disco_block_request *io = &op->io;

    io->op = op->request->op;
    io->offset_bytes = op->request->offset_bytes;
    io->bytes = op->request->bytes;
    io->data = op->request->data;
    io->device = op;
    io->done = passed;
    source->submit(source->opaque, io);
}

/* One block to the snapshots that lack it.  0: somebody else goes on. */
static int keep_step(struct disk_op *op)
{
    uint64_t block = op->first + op->at;

    if (!op->held && !snapshots_lack(op->disk->image, block)) {
        op->at++;
        return 1;
    }
    if (!op->held && !op_fetch(op, 1))
        return 0;
    if (!op->status)
        op->status = snapshots_keep(op->disk->image, block, op->have[0]);
    op_drop_held(op);
    op->at++;
    return 1;
}

void op_write_through(struct disk_op *op)
{
    struct disco_image *image = op->disk->image;

    if (op->request->op == DISCO_BLOCK_FLUSH) {
        pass_on(op);
        return;
    }
    if (!op->is_through) {
        op->is_through = 1;
        op->snapshots = snapshots_changes(image);
    }
    for (;;) {
        while (!op->status && op->at < op->count)
            if (!keep_step(op))
                return;
        if (op->status) {
            op_finish(op);
            return;
        }
        if (op->snapshots == snapshots_changes(image))
            break;
        op->snapshots = snapshots_changes(image);
        op->at = 0;
    }
    memset(&op->io, 0, sizeof(op->io));
    pass_on(op);
}
