/*
 * disk_model.c - see disk_model.h.
 *
 * Two VMs, each with an own copy-on-write disk of one image and an exclusive
 * disk of another.  Reads and writes go as a device does them: pages mapped and
 * taken where that is possible.  The image may fail, pages may be pinned, and
 * machine memory may run out: a request that fails has done any part of its
 * work, byte by byte, and nothing else.
 */
#include "core/disk_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/disk_source.h"

#include "base/bits.h"
#include "devices/blk_pages.h"

enum {
    VMS = 2,
    DISKS = 3, /* one for each VM, and the exclusive one */
    PAGE = 4096,
    RAM_BYTES = 12 * PAGE,
    IMAGE_BYTES = 9 * PAGE + 1024,
    SECTORS = IMAGE_BYTES / 512,
    RECORD = 8,
    RECORDS_MAX = 4096,
    SEGS_MAX = 4
};

enum {
    OPTION_FRAMES = 3, /* how scarce machine memory is */
    OPTION_CACHE = 12,
    OPTION_VERIFY = 16
};

struct model {
    disco_machine *machine;
    disco_vm *vm[VMS];
    uint8_t ram[VMS][RAM_BYTES];
    disco_pin pin[VMS];
    struct source source[2];
    disco_image *image[2];
    disco_block_backend disk[DISKS];
    uint8_t flat[DISKS][IMAGE_BYTES];
    uint32_t scarce; /* memory may run out */
};

/* One request as the record has it. */
struct job {
    uint32_t vm;
    uint32_t disk;
    uint64_t offset;
    uint64_t bytes;
    struct virtq_chain chain; /* in or out segments only */
};

static void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "disk model: %s\n", what);
    abort();
}

/* --- Making and ending --- */

static void open_disk(struct model *m, uint32_t i)
{
    disco_disk_config c = { .size = sizeof(c) };

    c.mode = i < VMS ? DISCO_DISK_COW : DISCO_DISK_EXCLUSIVE;
    m->disk[i].size = sizeof(m->disk[i]);
    require(disco_disk_open(m->image[i / VMS], &c, &m->disk[i]) == 0, "open");
    memcpy(m->flat[i], m->source[i / VMS].bytes, IMAGE_BYTES);
}

static void make(struct model *m, uint8_t options)
{
    static const uint64_t frames[] = { 512, 64, 40, 28 };
    static const uint64_t cache[] = { 0, 4 * PAGE, 1, 64 * PAGE };
    disco_machine_config c = { .size = sizeof(c) };
    disco_block_backend be;
    uint32_t i;

    memset(m, 0, sizeof(*m));
    c.flags = options & OPTION_VERIFY ? DISCO_MACHINE_VERIFY : 0;
    c.node_bytes = frames[options & OPTION_FRAMES] * PAGE;
    c.cache_bytes = cache[(options & OPTION_CACHE) / 4];
    m->scarce = (options & OPTION_FRAMES) != 0;
    require(disco_machine_create(&c, &m->machine, NULL) == 0, "machine");
    for (i = 0; i < VMS; i++) {
        require(disco_vm_create(m->machine, NULL, &m->vm[i]) == 0 &&
                    disco_vm_map_ram(m->vm[i], 0, RAM_BYTES, NULL) == 0,
                "VM");
        m->pin[i].size = sizeof(m->pin[i]);
    }
    for (i = 0; i < 2; i++) {
        source_init(&m->source[i], IMAGE_BYTES, i + 1);
        be = source_backend(&m->source[i], 0);
        require(disco_image_open_backend(m->machine, &be, &m->image[i]) == 0,
                "image");
    }
    for (i = 0; i < DISKS; i++)
        open_disk(m, i);
}

static void check_all(struct model *m)
{
    static uint8_t data[RAM_BYTES > IMAGE_BYTES ? RAM_BYTES : IMAGE_BYTES];
    uint32_t i;

    for (i = 0; i < VMS; i++) {
        require(disco_mem_read(m->vm[i], 0, data, RAM_BYTES) == 0 &&
                    memcmp(data, m->ram[i], RAM_BYTES) == 0,
                "memory of a VM");
    }
    for (i = 0; i < DISKS; i++) {
        m->source[i / VMS].status = 0;
        /* In pieces: the cache may be small, and memory short. */
        if (disk_do(m->machine, &m->disk[i], DISCO_BLOCK_READ, 0, data,
                    IMAGE_BYTES, 0) == 0)
            require(memcmp(data, m->flat[i], IMAGE_BYTES) == 0, "a disk");
        else
            require((int)m->scarce, "a read of the whole disk failed");
    }
    require(memcmp(m->flat[VMS], m->source[1].bytes, IMAGE_BYTES) == 0,
            "the exclusive image");
}

static void end(struct model *m)
{
    disco_machine_stats s = { .size = sizeof(s) };
    uint32_t i;

    check_all(m);
    require(disco_machine_verify(m->machine) == 0, "verify");
    for (i = 0; i < VMS; i++) {
        if (m->pin[i].host)
            disco_mem_unpin(m->vm[i], &m->pin[i]);
        require(disco_vm_destroy(m->vm[i]) == 0, "end of a VM");
    }
    for (i = 0; i < DISKS; i++)
        m->disk[i].release(m->disk[i].opaque);
    for (i = 0; i < 2; i++) {
        disco_image_close(m->image[i]);
        source_destroy(&m->source[i]);
    }
    require(disco_machine_stats_get(m->machine, &s) == 0 && s.frames_used == 0,
            "frames left");
    require(disco_machine_destroy(m->machine) == 0, "end of the machine");
}

/* --- Requests --- */

/* Segments from two bytes: places in memory that may overlap. */
static void cut(struct job *job, const uint8_t *r, int to_guest)
{
    struct virtq_chain *chain = &job->chain;
    uint64_t left = job->bytes, gpa = (uint64_t)(r[5] % 12) * PAGE, n;

    memset(chain, 0, sizeof(*chain));
    if (r[6] & 0x80)
        gpa += (uint64_t)(r[6] & 7) * 512 + (r[6] >> 3 & 3);
    while (left && chain->segs < SEGS_MAX) {
        n = chain->segs == SEGS_MAX - 1 ? left : (r[6] & 0x40) ? PAGE : left;
        n = min_u64(min_u64(n, left), RAM_BYTES);
        if (gpa + n > RAM_BYTES)
            gpa = (gpa + n) % PAGE == 0 ? 0 : gpa % PAGE;
        if (gpa + n > RAM_BYTES)
            gpa = 0;
        chain->seg[chain->segs].gpa = gpa;
        chain->seg[chain->segs++].bytes = (uint32_t)n;
        left -= n;
        gpa += r[6] & 0x20 ? 0 : n; /* the same page again */
    }
    job->bytes -= left;
    if (to_guest) {
        chain->in_bytes = job->bytes;
    } else {
        chain->out_segs = chain->segs;
        chain->out_bytes = job->bytes;
    }
}

static void make_job(struct job *job, const uint8_t *r, int to_guest)
{
    uint64_t sector = load_le16(r + 2) % SECTORS, n = 1 + r[4] % 48;

    job->vm = r[1] & 1;
    job->disk = (r[1] & 6) == 6 ? VMS : job->vm;
    if (r[1] & 8) {
        sector = sector / 8 * 8;
        n = (n + 7) / 8 * 8;
    }
    job->offset = sector * 512;
    job->bytes = min_u64(n, SECTORS - sector) * 512;
    cut(job, r, to_guest);
}

/* Bytes that a failed request may have changed are the old or the new ones. */
static void settle(uint8_t *flat, const uint8_t *wanted, const uint8_t *got,
                   uint64_t bytes)
{
    uint64_t i;

    for (i = 0; i < bytes; i++)
        require(got[i] == flat[i] || got[i] == wanted[i],
                "a failed request changed something else");
    memcpy(flat, got, bytes);
}

static void read_to_guest(struct model *m, const uint8_t *r)
{
    disco_block_account account = { .size = sizeof(account) };
    uint8_t wanted[RAM_BYTES], got[RAM_BYTES];
    struct disk_io io;
    struct blk_pages pages;
    struct job job;
    uint64_t at = 0;
    uint32_t i;
    disco_status status;

    make_job(&job, r, 1);
    disk_start(&m->disk[job.disk], &io, DISCO_BLOCK_READ, job.offset, NULL,
               job.bytes, 1);
    require(io.done == 1, "completions");
    pages.offset_bytes = job.offset;
    pages.bytes = job.bytes;
    pages.page = io.page;
    if (io.status) {
        require(m->scarce || m->source[job.disk / VMS].status, "a read failed");
        return;
    }
    status = blk_pages_to_guest(m->vm[job.vm], &job.chain, &pages, &account);
    require(!status || m->scarce, "putting pages into memory");
    m->disk[job.disk].account(m->disk[job.disk].opaque, &account);
    blk_pages_drop(m->machine, &pages);
    memcpy(wanted, m->ram[job.vm], RAM_BYTES);
    for (i = 0; i < job.chain.segs; i++) {
        memcpy(wanted + job.chain.seg[i].gpa,
               m->flat[job.disk] + job.offset + at, job.chain.seg[i].bytes);
        at += job.chain.seg[i].bytes;
    }
    if (!status) {
        memcpy(m->ram[job.vm], wanted, RAM_BYTES);
    } else if (!(r[6] & 0x20)) {
        require(disco_mem_read(m->vm[job.vm], 0, got, RAM_BYTES) == 0, "RAM");
        settle(m->ram[job.vm], wanted, got, RAM_BYTES);
    } else {
        disco_mem_read(m->vm[job.vm], 0, m->ram[job.vm], RAM_BYTES);
    }
}

static void gather(const struct model *m, const struct job *job, uint8_t *data)
{
    uint32_t i;

    for (i = 0; i < job->chain.segs; i++) {
        memcpy(data, m->ram[job->vm] + job->chain.seg[i].gpa,
               job->chain.seg[i].bytes);
        data += job->chain.seg[i].bytes;
    }
}

static void write_from_guest(struct model *m, const uint8_t *r)
{
    static uint8_t data[IMAGE_BYTES], wanted[IMAGE_BYTES], got[IMAGE_BYTES];
    struct blk_pages pages;
    struct disk_io io;
    struct job job;
    int with_pages;
    uint8_t *flat;

    make_job(&job, r, 0);
    with_pages = job.disk < VMS;
    flat = m->flat[job.disk] + job.offset;
    gather(m, &job, wanted);
    memset(&io, 0, sizeof(io));
    pages.offset_bytes = job.offset;
    pages.bytes = job.bytes;
    pages.page = io.page;
    if (with_pages)
        require(blk_pages_from_guest(m->vm[job.vm], &job.chain, 0, &pages,
                                     data) == 0,
                "taking pages");
    else
        require(virtq_read(m->vm[job.vm], &job.chain, 0, data, job.bytes) == 0,
                "reading memory");
    disk_resume(&m->disk[job.disk], &io, DISCO_BLOCK_WRITE, job.offset, data,
                job.bytes, with_pages);
    require(io.done == 1, "completions");
    blk_pages_drop(m->machine, &pages);
    if (!io.status) {
        memcpy(flat, wanted, job.bytes);
        return;
    }
    require(m->scarce || m->source[job.disk / VMS].status, "a write failed");
    m->source[job.disk / VMS].status = 0;
    if (disk_do(m->machine, &m->disk[job.disk], DISCO_BLOCK_READ, job.offset,
                got, job.bytes, 0) == 0) {
        settle(flat, wanted, got, job.bytes);
        return;
    }
    /* Not even that: begin anew. */
    m->disk[job.disk].release(m->disk[job.disk].opaque);
    open_disk(m, job.disk);
}

/* --- Records --- */

static void store(struct model *m, const uint8_t *r)
{
    uint32_t vm = r[1] & 1;
    uint64_t gpa = load_le16(r + 2) % RAM_BYTES;
    uint64_t n = min_u64(1 + r[4], RAM_BYTES - gpa);
    uint8_t data[256];

    memset(data, r[5], n);
    if (disco_mem_write(m->vm[vm], gpa, data, n) == 0)
        memcpy(m->ram[vm] + gpa, data, n);
    else
        require((int)m->scarce, "a store failed");
}

static void toggle_pin(struct model *m, const uint8_t *r)
{
    uint32_t vm = r[1] & 1;
    uint64_t gpa = (uint64_t)(r[2] % 12) * PAGE;

    if (m->pin[vm].host)
        require(disco_mem_unpin(m->vm[vm], &m->pin[vm]) == 0, "unpin");
    else if (disco_mem_pin(m->vm[vm], gpa, PAGE, DISCO_READ | DISCO_WRITE,
                           &m->pin[vm]))
        require((int)m->scarce, "a pin failed");
}

static void reopen(struct model *m, const uint8_t *r)
{
    uint32_t i = r[1] % DISKS;

    m->disk[i].release(m->disk[i].opaque);
    open_disk(m, i);
}

static void record(struct model *m, const uint8_t *r)
{
    struct disk_io io;
    uint32_t i = r[1] % DISKS;

    switch (r[0] % 16) {
    case 0:
        m->source[r[1] & 1].status = r[2] & 1 ? DISCO_E_IO : 0;
        break;
    case 1:
        disk_start(&m->disk[i], &io, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0);
        require(io.done == 1, "completions");
        break;
    case 2:
        reopen(m, r);
        break;
    case 3:
        toggle_pin(m, r);
        break;
    case 4:
    case 5:
    case 6:
        store(m, r);
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        write_from_guest(m, r);
        break;
    default:
        read_to_guest(m, r);
    }
}

void disk_model_run(const uint8_t *data, size_t size)
{
    struct model *m = malloc(sizeof(*m));
    uint32_t n;

    if (size < 1 || !m) {
        free(m);
        return;
    }
    make(m, data[0]);
    data++;
    size--;
    for (n = 0; size >= RECORD && n < RECORDS_MAX; n++) {
        record(m, data);
        data += RECORD;
        size -= RECORD;
    }
    end(m);
    free(m);
}
