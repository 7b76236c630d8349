/*
 * disk_fetch.c - see disk_op.h: getting the blocks of a request.
 */
#include "core/disk_op.h"

#include <string.h>

#include "base/bits.h"

/* A wait that ends before its starter has left is continued by the starter. */
enum { PHASE_STARTED, PHASE_LEFT, PHASE_CALLED };

static void have(struct disk_op *op, uint32_t i, struct mfn mfn)
{
    op->have[i] = mfn;
    op->held |= UINT32_C(1) << i;
}

void op_drop_held(struct disk_op *op)
{
    uint32_t i;

    for (i = 0; i < RUN_MAX; i++)
        if (op->held >> i & 1)
            share_drop(mem_of(op), op->have[i]);
    op->held = 0;
}

/* The wait is over. */
static void op_continue(struct disk_op *op)
{
    uint32_t phase = exchange_seq(&op->phase, PHASE_CALLED);

    if (phase == PHASE_LEFT)
        op_run(op);
}

/* 1: it is over already, and the caller goes on; 0: somebody else will. */
static int op_leave(struct disk_op *op)
{
    return exchange_seq(&op->phase, PHASE_LEFT) == PHASE_CALLED;
}

static void waited(struct cache_wait *wait, disco_status status, struct mfn mfn)
{
    struct disk_op *op = container_of(wait, struct disk_op, wait);

    if (status)
        op->status = status;
    else
        have(op, 0, mfn);
    op_continue(op);
}

/* The content of a run of blocks is there, or is not. */
static void brought(disco_block_request *io, disco_status status)
{
    struct disk_op *op = io->device;
    struct cache *cache = &op->disk->machine->cache;
    uint8_t *data = io->data;
    struct mfn mfn;
    uint32_t i;

    if (status > 0)
        status = DISCO_E_IO;
    if (!status)
        add_relaxed(&op->disk->machine->disk_figures.read_blocks, op->run);
    for (i = 0; i < op->run; i++) {
        if (status) {
            cache_fail(cache, op->entry[op->run_at + i], status);
            continue;
        }
        status = cache_publish(cache, op->entry[op->run_at + i], op->disk->node,
                               data + (uint64_t)i * PAGE_BYTES, &mfn);
        if (!status)
            have(op, op->run_at + i, mfn);
    }
    op->status = status;
    alloc_free(&op->disk->machine->ctx.alloc, data,
               (uint64_t)op->run * PAGE_BYTES);
    op_continue(op);
}

/* Start to read the run.  The wait begins; it always ends. */
static void bring(struct disk_op *op)
{
    const disco_block_backend *source = &op->disk->image->source;
    uint64_t block = op->first + op->at + op->run_at;
    disco_block_request *io = &op->io;

    memset(io, 0, sizeof(*io));
    io->op = DISCO_BLOCK_READ;
    io->offset_bytes = block * PAGE_BYTES;
    io->bytes = min_u64((uint64_t)op->run * PAGE_BYTES,
                        source->bytes - io->offset_bytes);
    io->device = op;
    io->done = brought;
    io->data = alloc_zeroed(&op->disk->machine->ctx.alloc,
                            (uint64_t)op->run * PAGE_BYTES);
    if (io->data)
        source->submit(source->opaque, io);
    else
        brought(io, DISCO_E_NOMEM);
}

/* What became of a block asked for. */
enum { FETCH_MORE, FETCH_ENOUGH, FETCH_WAITS };

/*
 * Get block i of those wanted, or begin to.  MORE: the next one may be asked
 * for, too.  A run ends at the first block that is there.
 */
static int fetch_one(struct disk_op *op, uint32_t i)
{
    struct tree_key key = { op->disk->image->number, op->first + op->at + i };
    struct mfn mfn;
    int got;

    if (disk_mod_hold(op->disk, key.block, &mfn)) {
        op->is_mod |= i == 0;
        got = CACHE_HIT;
    } else {
        got = cache_get(&op->disk->machine->cache, key,
                        i == 0 ? &op->wait : NULL, &op->entry[i], &mfn);
    }
    if (got == CACHE_HIT) {
        have(op, i, mfn);
        return op->run ? FETCH_ENOUGH : FETCH_MORE;
    }
    if (got == CACHE_FILL) {
        if (!op->run++)
            op->run_at = i;
        return FETCH_MORE;
    }
    if (i > 0)
        return FETCH_ENOUGH;
    if (got == CACHE_WAIT)
        return FETCH_WAITS;
    op->status = DISCO_E_NOMEM;
    return FETCH_ENOUGH;
}

int op_fetch(struct disk_op *op, uint32_t limit)
{
    uint32_t wanted = (uint32_t)min_u64(limit, op->count - op->at), i;
    int what = FETCH_MORE;

    op->run = 0;
    op->is_mod = 0;
    op->wait.done = waited;
    store_seq(&op->phase, PHASE_STARTED);
    for (i = 0; i < wanted && what == FETCH_MORE; i++)
        what = fetch_one(op, i);
    if (what == FETCH_WAITS)
        return op_leave(op);
    if (!op->run)
        return 1;
    bring(op);
    return op_leave(op);
}
