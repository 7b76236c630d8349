/*
 * virtio_blk.c - virtio block device over a host's block back end.
 *
 * A request's data goes through a bounce buffer, or as pages that nobody writes
 * to a back end that takes them: the guest may change its memory, reset the
 * device or end while the host works on it.  Completions come on any thread at
 * any time.  One of a queue that has been reset meanwhile only frees; and until
 * the last such has come, nothing new is submitted, so that an old write cannot
 * land on top of a newer one.
 *
 * Lock: the transport's; the back end is called without it.
 */
#include <disco/board.h>

#include <stdio.h>
#include <string.h>
#include <linux/virtio_blk.h>

#include "base/bits.h"
#include "base/config.h"
#include "devices/blk_pages.h"
#include "devices/dev.h"
#include "devices/virtio_mmio.h"

enum {
    BLK_QUEUE = 0,
    BLK_DEVICE_ID = 2,
    SECTOR_BYTES = 512,
    HEADER_BYTES = 16,

    /* What the driver is told, and what follows for one request. */
    SEG_MAX = 126,
    SEG_BYTES_MAX = 65536,
    REQUEST_BYTES_MAX = SEG_MAX * SEG_BYTES_MAX,

    /* Limits of what the guest can make the host hold. */
    OPEN_REQUESTS_MAX = 64,
    OPEN_BYTES_MAX = 16 << 20,

    /* Places in the configuration space. */
    CONFIG_CAPACITY = 0,
    CONFIG_SIZE_MAX = 8,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_BYTES = 24
};

struct blk {
    struct vio vio;
    disco_block_backend backend;
    char serial[VIRTIO_BLK_ID_BYTES];
    uint32_t open;  /* requests at the host, of the present queue */
    uint32_t stale; /* ... of queues before a reset */
    uint64_t open_bytes;
    struct virtq_chain chain; /* of the running step */
};

/* A request on its way. */
struct blk_request {
    disco_block_request host;
    struct blk *blk;
    uint32_t generation; /* of the queue */
    uint32_t type;       /* VIRTIO_BLK_T_* */
    uint32_t flush_after;
    uint64_t alloc_bytes; /* this struct, the chain and the data behind it */
    uint64_t data_bytes;
    uint64_t held_bytes; /* of host memory and of frames, while it is open */
    struct virtq_chain *chain; /* copy, as long as it needs to be */
    struct blk_pages pages;    /* without page[]: bytes only */
    disco_block_account account;
};

/* --- Answers ------------------------------------------------------------- */

/* Return a chain with a status in its last writable byte. */
static void answer(struct blk *blk, const struct virtq_chain *chain,
                   uint8_t status, uint64_t data_bytes)
{
    uint32_t written = 0;

    if (chain->in_bytes > 0 &&
        virtq_write(blk->vio.vm, chain, chain->in_bytes - 1, &status, 1) == 0)
        written = (uint32_t)data_bytes + 1;
    virtq_push(&blk->vio.queue[BLK_QUEUE], chain->head, written);
    vio_signal(&blk->vio, BLK_QUEUE);
}

/* What was read goes to the guest. */
static disco_status give_data(struct blk *blk, struct blk_request *request)
{
    if (!request->pages.page)
        return virtq_write(blk->vio.vm, request->chain, 0, request->host.data,
                           request->data_bytes);
    request->account.size = sizeof(request->account);
    return blk_pages_to_guest(blk->vio.vm, request->chain, &request->pages,
                              &request->account);
}

static void finish(struct blk *blk, struct blk_request *request,
                   disco_status status)
{
    uint64_t data_bytes = 0;

    if (status == 0 && request->type == VIRTIO_BLK_T_IN) {
        status = give_data(blk, request);
        if (!status)
            data_bytes = request->data_bytes;
    }
    answer(blk, request->chain, status ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK,
           data_bytes);
}

/* Lock held: the host has given the request back. */
static void retire(struct blk *blk, struct blk_request *request,
                   disco_status status)
{
    if (request->generation == blk->vio.queue[BLK_QUEUE].generation) {
        blk->open--;
        finish(blk, request, status);
    } else {
        blk->stale--;
    }
    blk->open_bytes -= request->held_bytes;
}

static void request_free(struct blk_request *request)
{
    disco_machine *machine = request->blk->vio.machine;

    if (request->pages.page)
        blk_pages_drop(machine, &request->pages);
    dev_free(machine, request, request->alloc_bytes);
}

static void request_done(disco_block_request *host, disco_status status)
{
    struct blk_request *request = host->device;
    struct blk *blk = request->blk;
    struct vio *vio = &blk->vio;
    int alive = vio_enter(vio);

    if (alive && status == 0 && request->flush_after) {
        /* A driver without FLUSH expects every write to be stable. */
        request->flush_after = 0;
        host->op = DISCO_BLOCK_FLUSH;
        vio_leave(vio);
        blk->backend.submit(blk->backend.opaque, host);
        return;
    }
    if (alive) {
        retire(blk, request, status);
        vio_leave(vio);
        if (request->account.size && blk->backend.account)
            blk->backend.account(blk->backend.opaque, &request->account);
        vio_pump(vio, BLK_QUEUE);
    }
    request_free(request);
    lock_take(&vio->lock);
    vio_put_give(vio);
}

/* --- Requests ------------------------------------------------------------ */

static int range_bad(const struct blk *blk, uint64_t sector, uint64_t bytes)
{
    uint64_t sectors = blk->backend.bytes / SECTOR_BYTES;

    return bytes % SECTOR_BYTES != 0 || bytes > REQUEST_BYTES_MAX ||
           sector > sectors || bytes / SECTOR_BYTES > sectors - sector;
}

/* Does the back end take such a request with pages? */
static int wants_pages(const struct blk *blk, uint32_t op)
{
    if (op == DISCO_BLOCK_READ)
        return (blk->backend.flags & DISCO_BLOCK_PAGE_READS) != 0;
    return op == DISCO_BLOCK_WRITE &&
           (blk->backend.flags & DISCO_BLOCK_PAGE_WRITES) != 0;
}

/* This struct, pages, data and the chain, in one piece. */
static struct blk_request *request_new(struct blk *blk, uint32_t op,
                                       uint64_t offset_bytes, uint64_t bytes)
{
    uint64_t chain_bytes = virtq_chain_bytes(&blk->chain);
    uint64_t pages_bytes = 0, data_bytes = bytes, alloc_bytes;
    struct blk_request *request;
    uint8_t *at;

    if (wants_pages(blk, op)) {
        pages_bytes = blk_pages_count(offset_bytes, bytes) * sizeof(disco_page);
        data_bytes = op == DISCO_BLOCK_WRITE ? bytes : 0;
    }
    alloc_bytes = sizeof(*request) + pages_bytes + chain_bytes + data_bytes;
    request = dev_alloc(blk->vio.machine, alloc_bytes);
    if (!request)
        return NULL;
    at = (uint8_t *)(request + 1);
    request->blk = blk;
    request->generation = blk->vio.queue[BLK_QUEUE].generation;
    request->alloc_bytes = alloc_bytes;
    request->data_bytes = bytes;
    request->held_bytes = alloc_bytes + bytes - data_bytes;
    request->host.op = op;
    request->host.offset_bytes = offset_bytes;
    request->host.bytes = bytes;
    request->pages.offset_bytes = offset_bytes;
    request->pages.bytes = bytes;
    if (pages_bytes) {
        request->pages.page = (disco_page *)(void *)at;
        request->host.pages = request->pages.page;
        request->host.flags = DISCO_BLOCK_REQUEST_PAGES;
        at += pages_bytes;
    }
    request->chain = (struct virtq_chain *)(void *)at;
    memcpy(request->chain, &blk->chain, chain_bytes);
    request->host.data = data_bytes ? at + chain_bytes : NULL;
    request->host.device = request;
    request->host.done = request_done;
    return request;
}

/* Hand a request to the host, which may be done before this returns. */
static void submit(struct blk *blk, struct blk_request *request)
{
    struct vio *vio = &blk->vio;

    blk->open++;
    blk->open_bytes += request->held_bytes;
    vio_get(vio);
    lock_give(&vio->lock);
    blk->backend.submit(blk->backend.opaque, &request->host);
    lock_take(&vio->lock);
}

/* Each of these returns the status to answer with, or -1 when the host has it.
 */
static int start_read(struct blk *blk, uint64_t sector)
{
    uint64_t bytes = blk->chain.in_bytes - 1;
    struct blk_request *request;

    if (range_bad(blk, sector, bytes))
        return VIRTIO_BLK_S_IOERR;
    if (bytes == 0)
        return VIRTIO_BLK_S_OK;
    request = request_new(blk, DISCO_BLOCK_READ, sector * SECTOR_BYTES, bytes);
    if (!request)
        return VIRTIO_BLK_S_IOERR;
    request->type = VIRTIO_BLK_T_IN;
    submit(blk, request);
    return -1;
}

/* What is to be written comes from the guest, all of it now. */
static disco_status take_data(struct blk *blk, struct blk_request *request)
{
    if (request->pages.page)
        return blk_pages_from_guest(blk->vio.vm, &blk->chain, HEADER_BYTES,
                                    &request->pages, request->host.data);
    return virtq_read(blk->vio.vm, &blk->chain, HEADER_BYTES,
                      request->host.data, request->data_bytes);
}

static int start_write(struct blk *blk, uint64_t sector)
{
    uint64_t bytes = blk->chain.out_bytes - HEADER_BYTES;
    struct blk_request *request;

    if (blk->backend.flags & DISCO_BLOCK_READONLY ||
        range_bad(blk, sector, bytes))
        return VIRTIO_BLK_S_IOERR;
    if (bytes == 0)
        return VIRTIO_BLK_S_OK;
    request = request_new(blk, DISCO_BLOCK_WRITE, sector * SECTOR_BYTES, bytes);
    if (!request)
        return VIRTIO_BLK_S_IOERR;
    if (take_data(blk, request)) {
        request_free(request);
        return VIRTIO_BLK_S_IOERR;
    }
    request->type = VIRTIO_BLK_T_OUT;
    request->flush_after = !vio_has_feature(&blk->vio, VIRTIO_BLK_F_FLUSH);
    submit(blk, request);
    return -1;
}

static int start_flush(struct blk *blk)
{
    struct blk_request *request;

    if (blk->backend.flags & DISCO_BLOCK_READONLY)
        return VIRTIO_BLK_S_OK;
    request = request_new(blk, DISCO_BLOCK_FLUSH, 0, 0);
    if (!request)
        return VIRTIO_BLK_S_IOERR;
    request->type = VIRTIO_BLK_T_FLUSH;
    submit(blk, request);
    return -1;
}

static int get_id(struct blk *blk)
{
    uint64_t bytes = blk->chain.in_bytes - 1;

    if (bytes > sizeof(blk->serial))
        bytes = sizeof(blk->serial);
    if (virtq_write(blk->vio.vm, &blk->chain, 0, blk->serial, bytes))
        return VIRTIO_BLK_S_IOERR;
    return VIRTIO_BLK_S_OK;
}

static int start(struct blk *blk, const uint8_t *header)
{
    uint64_t sector = load_le64(header + 8);

    switch (load_le32(header)) {
    case VIRTIO_BLK_T_IN:
        return start_read(blk, sector);
    case VIRTIO_BLK_T_OUT:
        return start_write(blk, sector);
    case VIRTIO_BLK_T_FLUSH:
        return start_flush(blk);
    case VIRTIO_BLK_T_GET_ID:
        return get_id(blk);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

static uint32_t blk_step(struct vio *vio, uint32_t queue)
{
    struct blk *blk = container_of(vio, struct blk, vio);
    struct virtq_chain *chain = &blk->chain;
    uint8_t header[HEADER_BYTES];
    uint64_t cost;
    int status;

    /* A completion continues. */
    if (blk->stale > 0 || blk->open >= OPEN_REQUESTS_MAX ||
        blk->open_bytes >= OPEN_BYTES_MAX)
        return 0;
    if (!vio_pop(vio, queue, chain))
        return 0;
    cost = chain->out_bytes + chain->in_bytes;
    if (cost > REQUEST_BYTES_MAX)
        cost = REQUEST_BYTES_MAX;
    if (chain->in_bytes == 0) {
        /* No place for a status; the name goes back all the same. */
        answer(blk, chain, VIRTIO_BLK_S_IOERR, 0);
        return VIO_STEP_COST;
    }
    status = VIRTIO_BLK_S_IOERR;
    if (virtq_read(vio->vm, chain, 0, header, sizeof(header)) == 0)
        status = start(blk, header);
    if (status >= 0)
        answer(blk, chain, (uint8_t)status, 0);
    return VIO_STEP_COST + (uint32_t)cost;
}

static void blk_stop(struct vio *vio, uint32_t queue)
{
    struct blk *blk = container_of(vio, struct blk, vio);

    (void)queue;
    blk->stale += blk->open;
    blk->open = 0;
}

static void blk_destroy(struct vio *vio)
{
    struct blk *blk = container_of(vio, struct blk, vio);

    if (blk->backend.release)
        blk->backend.release(blk->backend.opaque);
    vio_destroy(vio);
    dev_free(vio->machine, blk, sizeof(*blk));
}

static void blk_copy(struct vio *from, struct vio *to)
{
    const struct blk *blk = container_of(from, struct blk, vio);

    memcpy(container_of(to, struct blk, vio)->serial, blk->serial,
           sizeof(blk->serial));
}

/* A back end that shows another disk is of no use to a running guest. */
static int is_like(const disco_block_backend *a, const disco_block_backend *b)
{
    return b->submit && a->bytes == b->bytes &&
           !((a->flags ^ b->flags) & DISCO_BLOCK_READONLY);
}

static disco_status blk_fork(struct vio *from, struct vio *to)
{
    const disco_block_backend *be =
        &container_of(from, struct blk, vio)->backend;
    disco_block_backend *copy = &container_of(to, struct blk, vio)->backend;
    disco_block_backend given = { .size = sizeof(given) };
    disco_status err = DISCO_E_UNSUPPORTED;

    if (be->fork)
        err = be->fork(be->opaque, to->vm, &given);
    if (err)
        return err;
    err = config_copy(copy, sizeof(*copy), &given);
    if (!err && is_like(be, copy))
        return 0;
    if (given.release)
        given.release(given.opaque);
    return err ? err : DISCO_E_MISMATCH;
}

/* --- Making one ---------------------------------------------------------- */

static void set_config(struct blk *blk, uint64_t gpa)
{
    struct vio *vio = &blk->vio;

    vio->features |=
        VIO_FEATURE(VIRTIO_BLK_F_SIZE_MAX) | VIO_FEATURE(VIRTIO_BLK_F_SEG_MAX) |
        VIO_FEATURE(VIRTIO_BLK_F_BLK_SIZE) | VIO_FEATURE(VIRTIO_BLK_F_FLUSH);
    if (blk->backend.flags & DISCO_BLOCK_READONLY)
        vio->features |= VIO_FEATURE(VIRTIO_BLK_F_RO);
    store_le64(vio->config + CONFIG_CAPACITY,
               blk->backend.bytes / SECTOR_BYTES);
    store_le32(vio->config + CONFIG_SIZE_MAX, SEG_BYTES_MAX);
    store_le32(vio->config + CONFIG_SEG_MAX, SEG_MAX);
    store_le32(vio->config + CONFIG_BLK_SIZE, SECTOR_BYTES);
    vio->config_bytes = CONFIG_BYTES;
    snprintf(blk->serial, sizeof(blk->serial), "disco-%llx",
             (unsigned long long)gpa);
}

disco_status disco_virtio_blk_create(disco_vm *vm, uint64_t gpa, uint32_t irq,
                                     const disco_block_backend *be)
{
    static const struct vio_class class = {
        .name = "virtio-blk",
        .device_id = BLK_DEVICE_ID,
        .queues = 1,
        .step = blk_step,
        .bytes = sizeof(struct blk),
        .stop = blk_stop,
        .destroy = blk_destroy,
        .copy = blk_copy,
        .fork = blk_fork,
    };
    disco_block_backend copy;
    struct blk *blk;
    disco_status err;

    if (!be)
        return DISCO_E_INVAL;
    err = dev_check(vm, gpa, class.name, irq);
    if (!err)
        err = config_copy(&copy, sizeof(copy), be);
    if (err)
        return err;
    if (!copy.submit || copy.bytes % SECTOR_BYTES != 0)
        return dev_fail(vm, DISCO_E_INVAL, class.name, gpa,
                        "back end without submit, or of no whole sectors");
    blk = dev_alloc(disco_vm_machine(vm), sizeof(*blk));
    if (!blk)
        return DISCO_E_NOMEM;
    blk->backend = copy;
    err = vio_init(&blk->vio, &class, vm, irq);
    if (err) {
        dev_free(disco_vm_machine(vm), blk, sizeof(*blk));
        return err;
    }
    set_config(blk, gpa);
    err = vio_map(&blk->vio, gpa);
    if (err) {
        /* The back end stays the caller's. */
        blk->backend.release = NULL;
        blk_destroy(&blk->vio);
    }
    return err;
}

void disco_block_complete(disco_block_request *request, disco_status status)
{
    request->done(request, status);
}
