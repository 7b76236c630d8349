/*
 * disk_source.c - see disk_source.h.
 */
#include "core/disk_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum { WAIT_STEPS = 200000 }; /* some seconds */

void source_init(struct source *s, uint64_t size, uint32_t seed)
{
    uint64_t i;

    memset(s, 0, sizeof(*s));
    lock_init(&s->lock);
    s->size = size;
    s->bytes = malloc(size);
    for (i = 0; i < size; i++)
        s->bytes[i] = (uint8_t)(i / 512 * 7 + i + seed);
}

void source_destroy(struct source *s)
{
    free(s->bytes);
    lock_destroy(&s->lock);
}

static void serve(struct source *s, disco_block_request *r)
{
    disco_status status = s->status;

    if (r->flags || r->offset_bytes % 512 || r->bytes % 512 ||
        (r->op != DISCO_BLOCK_FLUSH && r->offset_bytes + r->bytes > s->size))
        abort();
    if (r->op == DISCO_BLOCK_FLUSH) {
        s->flushes++;
    } else if (r->op == DISCO_BLOCK_READ) {
        add_relaxed(&s->reads, 1);
        add_relaxed(&s->read_bytes, r->bytes);
        lock_take(&s->lock);
        memcpy(r->data, s->bytes + r->offset_bytes, r->bytes);
        lock_give(&s->lock);
    } else {
        lock_take(&s->lock);
        s->writes++;
        if (!status)
            memcpy(s->bytes + r->offset_bytes, r->data, r->bytes);
        lock_give(&s->lock);
    }
    disco_block_complete(r, status);
}

static void submit(void *opaque, disco_block_request *r)
{
    struct source *s = opaque;

    if (!s->is_late) {
        serve(s, r);
        return;
    }
    lock_take(&s->lock);
    if (s->count == SOURCE_PENDING_MAX)
        abort();
    s->pending[s->count++] = r;
    lock_give(&s->lock);
}

static void release(void *opaque)
{
    struct source *s = opaque;

    s->releases++;
}

disco_block_backend source_backend(struct source *s, uint32_t flags)
{
    disco_block_backend be = {
        .size = sizeof(be),
        .flags = flags,
        .bytes = s->size,
        .opaque = s,
        .submit = submit,
        .release = release,
    };

    return be;
}

int source_step(struct source *s, uint32_t which)
{
    disco_block_request *r = NULL;

    lock_take(&s->lock);
    if (s->count > 0) {
        which %= s->count;
        r = s->pending[which];
        s->pending[which] = s->pending[--s->count];
    }
    lock_give(&s->lock);
    if (r)
        serve(s, r);
    return r != NULL;
}

static void done(disco_block_request *request, disco_status status)
{
    struct disk_io *io = request->device;

    io->status = status;
    add_seq(&io->done, 1);
}

void disk_resume(const disco_block_backend *disk, struct disk_io *io,
                 uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                 int with_pages)
{
    memset(&io->request, 0, sizeof(io->request));
    io->request.op = op;
    io->request.offset_bytes = offset;
    io->request.bytes = bytes;
    io->request.data = data;
    io->request.device = io;
    io->request.done = done;
    if (with_pages) {
        io->request.flags = DISCO_BLOCK_REQUEST_PAGES;
        io->request.pages = io->page;
        if (op == DISCO_BLOCK_READ)
            io->request.data = NULL;
    }
    disk->submit(disk->opaque, &io->request);
}

void disk_start(const disco_block_backend *disk, struct disk_io *io,
                uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                int with_pages)
{
    memset(io, 0, sizeof(*io));
    disk_resume(disk, io, op, offset, data, bytes, with_pages);
}

static void take_pages(disco_machine *machine, struct disk_io *io,
                       uint8_t *data)
{
    uint64_t at = 0, n;
    uint32_t from = (uint32_t)(io->request.offset_bytes % 4096), i;

    for (i = 0; at < io->request.bytes; i++, at += n, from = 0) {
        n = 4096 - from;
        if (n > io->request.bytes - at)
            n = io->request.bytes - at;
        if (disco_page_read(machine, io->page[i], from, data + at, (uint32_t)n))
            abort();
        disco_page_drop(machine, io->page[i]);
    }
}

void disk_wait(struct disk_io *io)
{
    unsigned spins = 0;

    while (!load_acquire(&io->done) && spins < WAIT_STEPS)
        wait_step(&spins);
    if (load_acquire(&io->done) != 1)
        abort();
}

disco_status disk_do(disco_machine *machine, const disco_block_backend *disk,
                     uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                     int with_pages)
{
    struct disk_io io;
    uint32_t i;

    disk_start(disk, &io, op, offset, data, bytes, with_pages);
    disk_wait(&io);
    if (op == DISCO_BLOCK_READ && with_pages && !io.status)
        take_pages(machine, &io, data);
    else if (op == DISCO_BLOCK_READ)
        for (i = 0; i < 80; i++)
            if (io.page[i].name)
                abort();
    return io.status;
}
