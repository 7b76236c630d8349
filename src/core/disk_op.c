/*
 * disk_op.c - what a request to a disk does.
 *
 * A read hands out the blocks, as pages or as bytes.  A write to a
 * copy-on-write disk makes pages of its own; where it changes a part of a
 * block, the rest is fetched as for a read.  A write to an exclusive disk goes
 * to the image, and then the cache forgets the blocks, before the request
 * completes: who reads later sees it.
 */
#include "core/disk_op.h"

#include <string.h>

#include "base/bits.h"

enum { SECTOR_BYTES = 512 };

static disco_page page_of(struct mfn mfn)
{
    disco_page page = { mfn.n + 1 };

    return page;
}

static struct mfn mfn_of(disco_page page)
{
    struct mfn mfn = { page.name - 1 };

    return mfn;
}

static int has_pages(const struct disk_op *op)
{
    return (op->request->flags & DISCO_BLOCK_REQUEST_PAGES) != 0;
}

/* The part of block `block` that the request is about. */
struct part {
    uint32_t from; /* in the block */
    uint32_t bytes;
    uint64_t at; /* in the request's data */
};

static struct part part_of(const struct disk_op *op, uint64_t block)
{
    const disco_block_request *r = op->request;
    uint64_t start = max_u64(r->offset_bytes, block * PAGE_BYTES);
    uint64_t end =
        min_u64(r->offset_bytes + r->bytes, (block + 1) * PAGE_BYTES);
    struct part part = { (uint32_t)(start % PAGE_BYTES),
                         (uint32_t)(end - start), start - r->offset_bytes };

    return part;
}

/* Bytes of the image in a block: the last may be short. */
static uint32_t block_bytes(const struct disk_op *op, uint64_t block)
{
    uint64_t left = op->disk->image->source.bytes - block * PAGE_BYTES;

    return (uint32_t)min_u64(left, PAGE_BYTES);
}

/* --- The end ------------------------------------------------------------ */

void op_finish(struct disk_op *op)
{
    struct alloc *alloc = &op->disk->machine->ctx.alloc;
    disco_block_request *request = op->request;
    disco_status status = op->status;
    uint64_t i;

    op_drop_held(op);
    if (status && request->op == DISCO_BLOCK_READ && has_pages(op)) {
        for (i = 0; i < op->at; i++) {
            share_drop(mem_of(op), mfn_of(request->pages[i]));
            request->pages[i].name = 0;
        }
    }
    alloc_free(alloc, op, sizeof(*op));
    disco_block_complete(request, status);
}

/* --- Reads -------------------------------------------------------------- */

static void deliver(struct disk_op *op, struct mfn mfn)
{
    struct part part = part_of(op, op->first + op->at);
    disco_block_request *r = op->request;

    mfn = disk_mod_instead(op->disk, op->first + op->at, mfn);
    if (has_pages(op)) {
        r->pages[op->at] = page_of(mfn); /* with the reference */
        return;
    }
    memcpy((uint8_t *)r->data + part.at,
           share_bytes(mem_of(op), mfn) + part.from, part.bytes);
    share_drop(mem_of(op), mfn);
}

static int read_step(struct disk_op *op)
{
    uint32_t i;

    if (!op->held && !op_fetch(op, RUN_MAX))
        return 0;
    if (op->status)
        return 1;
    for (i = 0; i < RUN_MAX && (op->held >> i & 1); i++) {
        op->held &= ~(UINT32_C(1) << i);
        deliver(op, op->have[i]);
        op->at++;
    }
    return 1;
}

/* --- Writes of copy-on-write disks -------------------------------------- */

/* Give the block a page with this content unless it has changed: BUSY. */
static disco_status put_copy(struct disk_op *op, uint64_t block,
                             const uint8_t *content, const struct mfn *expected)
{
    disco_status status;
    struct mfn mfn;

    status = share_create(mem_of(op), op->disk->node, content, &mfn);
    if (status)
        return status;
    status = disk_mod_put(op->disk, block, mfn, expected);
    if (status)
        share_drop(mem_of(op), mfn);
    return status;
}

/* Take the guest's own page as the block's content. */
static disco_status put_page(struct disk_op *op, uint64_t block,
                             disco_page page)
{
    struct mfn mfn = mfn_of(page);
    disco_status status;

    share_hold(mem_of(op), mfn);
    status = disk_mod_put(op->disk, block, mfn, NULL);
    if (status)
        share_drop(mem_of(op), mfn);
    return status;
}

/* All that the image has of the block. */
static void put_whole(struct disk_op *op, uint64_t block,
                      const struct part *part)
{
    const uint8_t *data = op->request->data;
    uint8_t content[PAGE_BYTES];

    if (has_pages(op) && op->request->pages[op->at].name) {
        op->status = put_page(op, block, op->request->pages[op->at]);
    } else if (part->bytes == PAGE_BYTES) {
        op->status = put_copy(op, block, data + part->at, NULL);
    } else {
        memset(content, 0, sizeof(content));
        memcpy(content, data + part->at, part->bytes);
        op->status = put_copy(op, block, content, NULL);
    }
    op->at++;
}

/*
 * A part of the block, over what is in hand of it.  Somebody else may change
 * the block meanwhile: then we look again.
 */
static int put_part(struct disk_op *op, uint64_t block, const struct part *part)
{
    uint8_t content[PAGE_BYTES];
    struct mfn expected = { DISK_NO_MOD };

    if (!op->held && !op_fetch(op, 1))
        return 0;
    if (op->status)
        return 1;
    if (op->is_mod)
        expected = op->have[0];
    memcpy(content, share_bytes(mem_of(op), op->have[0]), PAGE_BYTES);
    memcpy(content + part->from, (const uint8_t *)op->request->data + part->at,
           part->bytes);
    op->status = put_copy(op, block, content, &expected);
    op_drop_held(op);
    if (op->status == DISCO_E_BUSY)
        op->status = 0;
    else
        op->at++;
    return 1;
}

static int write_step(struct disk_op *op)
{
    uint64_t block = op->first + op->at;
    struct part part = part_of(op, block);

    if (part.from == 0 && part.bytes == block_bytes(op, block)) {
        put_whole(op, block, &part);
        return 1;
    }
    return put_part(op, block, &part);
}

void op_run(struct disk_op *op)
{
    int (*step)(struct disk_op * op) =
        op->request->op == DISCO_BLOCK_READ ? read_step : write_step;

    if (op->is_through) {
        op_write_through(op);
        return;
    }
    while (!op->status && op->at < op->count)
        if (!step(op))
            return;
    op_finish(op);
}

/* --- Start -------------------------------------------------------------- */

static disco_status check(const struct disk *disk, const disco_block_request *r)
{
    if (r->op != DISCO_BLOCK_READ && r->op != DISCO_BLOCK_WRITE)
        return DISCO_E_IO;
    if (r->op == DISCO_BLOCK_WRITE && disk->mode == DISCO_DISK_READONLY)
        return DISCO_E_PERM;
    if (r->op == DISCO_BLOCK_WRITE && disk->mode == DISCO_DISK_EXCLUSIVE &&
        (r->flags & DISCO_BLOCK_REQUEST_PAGES))
        return DISCO_E_UNSUPPORTED;
    if (r->offset_bytes % SECTOR_BYTES || r->bytes % SECTOR_BYTES ||
        r->offset_bytes > disk->image->source.bytes ||
        r->bytes > disk->image->source.bytes - r->offset_bytes)
        return DISCO_E_IO;
    return 0;
}

static struct disk_op *op_new(struct disk *disk, disco_block_request *request)
{
    struct disk_op *op = alloc_zeroed(&disk->machine->ctx.alloc, sizeof(*op));
    uint64_t end = request->offset_bytes + request->bytes;

    if (!op)
        return NULL;
    op->disk = disk;
    op->request = request;
    op->first = request->offset_bytes / PAGE_BYTES;
    op->count = (end + PAGE_BYTES - 1) / PAGE_BYTES - op->first;
    return op;
}

void disk_submit(void *opaque, disco_block_request *request)
{
    int is_flush = request->op == DISCO_BLOCK_FLUSH;
    struct disk *disk = opaque;
    int is_exclusive = disk->mode == DISCO_DISK_EXCLUSIVE;
    disco_status status = is_flush ? 0 : check(disk, request);
    struct disk_op *op;

    /* What shared disks hold lasts as long as they do: nothing to flush. */
    if (status || (is_flush ? !is_exclusive : !request->bytes)) {
        disco_block_complete(request, status);
        return;
    }
    op = op_new(disk, request);
    if (!op)
        disco_block_complete(request, DISCO_E_NOMEM);
    else if (is_exclusive && request->op != DISCO_BLOCK_READ)
        op_write_through(op);
    else
        op_run(op);
}
