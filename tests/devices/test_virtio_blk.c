/*
 * test_virtio_blk.c - the block device: requests good and bad, completions at
 * once, later and on other threads, resets and the VM's end meanwhile.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_mmio.h>

#include "base/compiler.h"

enum {
    GPA = 0x1c100000,
    IRQ = 8,
    NUM = 64,
    DISK_BYTES = 256 * 1024,
    HEADER = DRIVER_BUFFERS,
    STATUS = DRIVER_BUFFERS + 0x100,
    DATA = DRIVER_BUFFERS + 0x1000,
    PENDING_MAX = 256,

    F_FLUSH = 9,
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_GET_ID = 8,
    S_OK = 0,
    S_IOERR = 1,
    S_UNSUPP = 2,
    S_NONE = 0xee
};

enum { NOW, LATER, THREAD };

/* A disk in memory that completes when the test likes. */
struct disk {
    struct lock lock;
    uint8_t *bytes;
    int when;
    disco_status fail;
    uint32_t submitted;
    uint32_t flushes;
    uint32_t released;
    uint32_t stop;
    uint32_t count;
    disco_block_request *pending[PENDING_MAX];
    disco_machine *machine;
    disco_block_account account; /* sums */
};

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    struct disk disk;
    struct driver driver;
};

/* The same with pages: block by block. */
static void disk_serve_pages(struct disk *disk, disco_block_request *r)
{
    uint64_t first = r->offset_bytes / DISCO_BLOCK_BYTES * DISCO_BLOCK_BYTES;
    uint64_t end = r->offset_bytes + r->bytes, at, from, to;
    disco_page *page = r->pages;

    for (at = first; at < end; at += DISCO_BLOCK_BYTES, page++) {
        from = at < r->offset_bytes ? r->offset_bytes : at;
        to = at + DISCO_BLOCK_BYTES < end ? at + DISCO_BLOCK_BYTES : end;
        if (r->op == DISCO_BLOCK_READ)
            disco_page_create(disk->machine, 0, disk->bytes + at, page);
        else if (!page->name)
            memcpy(disk->bytes + from,
                   (uint8_t *)r->data + (from - r->offset_bytes), to - from);
        else if (to - from != DISCO_BLOCK_BYTES)
            abort();
        else
            disco_page_read(disk->machine, *page, 0, disk->bytes + at,
                            DISCO_BLOCK_BYTES);
    }
}

static void disk_account(void *opaque, const disco_block_account *a)
{
    struct disk *disk = opaque;

    add_relaxed(&disk->account.mapped_bytes, a->mapped_bytes);
    add_relaxed(&disk->account.copied_unaligned_bytes,
                a->copied_unaligned_bytes);
    add_relaxed(&disk->account.copied_short_bytes, a->copied_short_bytes);
    add_relaxed(&disk->account.copied_refused_bytes, a->copied_refused_bytes);
}

static void disk_serve(struct disk *disk, disco_block_request *r)
{
    disco_status status = disk->fail;

    if (r->op == DISCO_BLOCK_FLUSH)
        add_relaxed(&disk->flushes, 1);
    else if (r->offset_bytes + r->bytes > DISK_BYTES || r->bytes % 512)
        abort();
    else if (r->flags & DISCO_BLOCK_REQUEST_PAGES && !status)
        disk_serve_pages(disk, r);
    else if (r->op == DISCO_BLOCK_READ && !status)
        memcpy(r->data, disk->bytes + r->offset_bytes, r->bytes);
    else if (!status)
        memcpy(disk->bytes + r->offset_bytes, r->data, r->bytes);
    disco_block_complete(r, status);
}

static void disk_submit(void *opaque, disco_block_request *r)
{
    struct disk *disk = opaque;

    add_relaxed(&disk->submitted, 1);
    if (disk->when == NOW) {
        disk_serve(disk, r);
        return;
    }
    lock_take(&disk->lock);
    if (disk->count == PENDING_MAX)
        abort();
    disk->pending[disk->count++] = r;
    lock_give(&disk->lock);
}

static void disk_release(void *opaque)
{
    struct disk *disk = opaque;

    disk->released++;
}

/* Complete one of the waiting requests; 0 when there is none. */
static int disk_step(struct disk *disk, uint32_t which)
{
    disco_block_request *r = NULL;

    lock_take(&disk->lock);
    if (disk->count > 0) {
        which %= disk->count;
        r = disk->pending[which];
        disk->pending[which] = disk->pending[--disk->count];
    }
    lock_give(&disk->lock);
    if (r)
        disk_serve(disk, r);
    return r != NULL;
}

static void *disk_thread(void *opaque)
{
    struct disk *disk = opaque;
    uint32_t random = 1;
    uint32_t stop;

    /* Nothing comes in after `stop`: look before, not after. */
    do {
        stop = load_acquire(&disk->stop);
        random = random * 1664525 + 1013904223;
    } while (disk_step(disk, random >> 8) || !stop);
    return NULL;
}

static int make(struct fixture *f, uint32_t flags)
{
    disco_block_backend be = {
        .size = sizeof(be),
        .flags = flags,
        .bytes = DISK_BYTES,
        .opaque = &f->disk,
        .submit = disk_submit,
        .release = disk_release,
        .account = disk_account,
    };
    uint32_t i;

    memset(f, 0, sizeof(*f));
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm0");
    lock_init(&f->disk.lock);
    f->disk.machine = f->machine;
    f->disk.bytes = malloc(DISK_BYTES);
    for (i = 0; i < DISK_BYTES; i++)
        f->disk.bytes[i] = (uint8_t)(i / 512 + i);
    return disco_virtio_blk_create(f->vm, GPA, IRQ, &be);
}

static int setup(void **state)
{
    static struct fixture fixture;
    int err;

    *state = &fixture;
    err = make(&fixture, 0);
    driver_start(&fixture.driver, fixture.vm, GPA, 1 << F_FLUSH, 1, NUM);
    return err;
}

/* A back end that takes and gives pages. */
static int setup_pages(void **state)
{
    static struct fixture fixture;
    int err;

    *state = &fixture;
    err = make(&fixture, DISCO_BLOCK_PAGE_READS | DISCO_BLOCK_PAGE_WRITES);
    driver_start(&fixture.driver, fixture.vm, GPA, 1 << F_FLUSH, 1, NUM);
    return err;
}

static int setup_readonly(void **state)
{
    static struct fixture fixture;
    int err;

    *state = &fixture;
    err = make(&fixture, DISCO_BLOCK_READONLY);
    driver_start(&fixture.driver, fixture.vm, GPA, 1 << F_FLUSH, 1, NUM);
    return err;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->vm)
        fake_vm_free(f->vm);
    while (disk_step(&f->disk, 0))
        continue;
    free(f->disk.bytes);
    lock_destroy(&f->disk.lock);
    if (f->machine->live_pages)
        return -1;
    return f->disk.released != 1 || fake_machine_free(f->machine) != 0;
}

static int line(struct fixture *f)
{
    return (int)(disco_vm_irq_levels(f->vm) >> IRQ & 1);
}

/* Slot s has its own header and status, and descriptors 3s .. 3s+2. */
static void prepare(struct fixture *f, uint32_t s, uint32_t type,
                    uint64_t sector, uint64_t gpa, uint32_t bytes)
{
    struct driver *d = &f->driver;
    uint64_t table = driver_desc_at(0);
    uint32_t header = HEADER + s * 16;
    uint16_t first = (uint16_t)(3 * s);

    fake_store32(f->vm, header, type);
    fake_store32(f->vm, header + 4, 0);
    fake_store64(f->vm, header + 8, sector);
    f->vm->ram[STATUS + s] = S_NONE;
    driver_desc(d, table, first, header, 16, DESC_NEXT,
                (uint16_t)(first + (bytes ? 1 : 2)));
    driver_desc(d, table, first + 1u, gpa, bytes,
                DESC_NEXT | (type == T_OUT ? 0 : DESC_WRITE),
                (uint16_t)(first + 2));
    driver_desc(d, table, first + 2u, STATUS + s, 1, DESC_WRITE, 0);
    driver_offer(d, 0, first);
}

static void request(struct fixture *f, uint32_t type, uint64_t sector,
                    uint64_t gpa, uint32_t bytes)
{
    prepare(f, 0, type, sector, gpa, bytes);
    driver_notify(&f->driver, 0);
}

/* The request of slot s came back with this status and length. */
static void assert_done(struct fixture *f, uint32_t s, uint8_t status,
                        uint32_t bytes)
{
    uint32_t id = 0, written = 0;

    assert_int_equal(driver_used(&f->driver, 0, &id, &written), 1);
    assert_int_equal(id, 3 * s);
    assert_int_equal(written, bytes);
    assert_int_equal(fake_load8(f->vm, STATUS + s), status);
}

static void configuration(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(driver_reg(&f->driver, VIRTIO_MMIO_DEVICE_ID), 2);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x100, 8), DISK_BYTES / 512);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x10c, 4), 126);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x114, 4), 512);
    assert_int_equal(driver_features(&f->driver) & 0x220, 0x200);
}

static void read_and_write(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    request(f, T_IN, 3, DATA, 1024);
    assert_done(f, 0, S_OK, 1025);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 1536, 1024);
    assert_int_equal(line(f), 1);
    for (i = 0; i < 2048; i++)
        f->vm->ram[DATA + i] = (uint8_t)(7 * i);
    request(f, T_OUT, 508, DATA, 2048);
    assert_done(f, 0, S_OK, 1);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 508 * 512, 2048);
    assert_int_equal(f->disk.flushes, 0);
    request(f, T_FLUSH, 0, 0, 0);
    assert_done(f, 0, S_OK, 1);
    assert_int_equal(f->disk.flushes, 1);
}

static void identifier(void **state)
{
    struct fixture *f = *state;

    request(f, T_GET_ID, 0, DATA, 20);
    assert_done(f, 0, S_OK, 1);
    assert_string_equal((char *)f->vm->ram + DATA, "disco-1c100000");
    request(f, T_GET_ID, 0, DATA, 4);
    assert_done(f, 0, S_OK, 1);
}

static void many_segments(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint64_t table = DRIVER_BUFFERS + 0x800;
    uint32_t i;

    /* Header and status cut in pieces, data in odd ones. */
    fake_store32(f->vm, HEADER, T_IN);
    fake_store64(f->vm, HEADER + 8, 1);
    driver_desc(d, table, 0, HEADER, 5, DESC_NEXT, 1);
    driver_desc(d, table, 1, HEADER + 5, 11, DESC_NEXT, 2);
    for (i = 0; i < 32; i++)
        driver_desc(d, table, i + 2, DATA + i * 100, 32, DESC_NEXT | DESC_WRITE,
                    (uint16_t)(i + 3));
    driver_desc(d, table, 34, STATUS, 1, DESC_WRITE, 0);
    driver_desc(d, driver_desc_at(0), 0, table, 35 * 16, DESC_INDIRECT, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_done(f, 0, S_OK, 1025);
    for (i = 0; i < 32; i++)
        assert_memory_equal(f->vm->ram + DATA + i * 100,
                            f->disk.bytes + 512 + i * 32, 32);
}

static void bad_ranges(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t sector;
        uint32_t bytes;
    } bad[] = {
        { DISK_BYTES / 512, 512 },
        { DISK_BYTES / 512 - 1, 1024 },
        { UINT64_MAX, 512 },
        { UINT64_MAX / 512, 512 },
        { UINT64_MAX - 1, 1024 },
        { UINT64_C(1) << 55, 512 },
        { 0, 511 },
        { 0, 513 },
        { 0, DISK_BYTES + 512 },
        { 0, UINT32_MAX - 511 },
        { 0, 126 * 65536 + 512 },
    };
    uint32_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request(f, T_IN, bad[i].sector, DATA, bad[i].bytes);
        assert_done(f, 0, S_IOERR, 1);
        request(f, T_OUT, bad[i].sector, DATA, bad[i].bytes);
        assert_done(f, 0, S_IOERR, 1);
    }
    assert_int_equal(f->disk.submitted, 0);
    request(f, T_IN, DISK_BYTES / 512, 0, 0);
    assert_done(f, 0, S_OK, 1);
    request(f, 1234, 0, DATA, 512);
    assert_done(f, 0, S_UNSUPP, 1);
    request(f, T_OUT | 2, 0, DATA, 512);
    assert_done(f, 0, S_UNSUPP, 1);
}

/* Buffers that are no RAM: beyond it, or the device's own registers. */
static void bad_buffers(void **state)
{
    struct fixture *f = *state;

    request(f, T_IN, 0, FAKE_RAM_BYTES - 256, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_OUT, 0, FAKE_RAM_BYTES - 256, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_IN, 0, GPA, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_IN, 1, DATA, 512);
    assert_done(f, 0, S_OK, 513);
}

static void bad_shapes(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint64_t table = driver_desc_at(0);
    uint32_t id, bytes;

    /* Header only: no status to write, yet the name returns. */
    driver_desc(d, table, 0, HEADER, 16, 0, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(bytes, 0);
    /* Half a header. */
    driver_desc(d, table, 0, HEADER, 15, DESC_NEXT, 1);
    driver_desc(d, table, 1, STATUS, 1, DESC_WRITE, 0);
    f->vm->ram[STATUS] = S_NONE;
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_done(f, 0, S_IOERR, 1);
    /* Nothing readable. */
    driver_desc(d, table, 0, STATUS, 1, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_done(f, 0, S_IOERR, 1);
    /* A status that is no RAM. */
    driver_desc(d, table, 0, HEADER, 16, DESC_NEXT, 1);
    driver_desc(d, table, 1, GPA, 1, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(bytes, 0);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 15);
}

static void read_only_disk(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(driver_features(&f->driver) & 0x20, 0x20);
    request(f, T_OUT, 0, DATA, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_FLUSH, 0, 0, 0);
    assert_done(f, 0, S_OK, 1);
    assert_int_equal(f->disk.submitted, 0);
    request(f, T_IN, 0, DATA, 512);
    assert_done(f, 0, S_OK, 513);
}

static void host_errors(void **state)
{
    struct fixture *f = *state;

    f->disk.fail = DISCO_E_IO;
    request(f, T_IN, 0, DATA, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_OUT, 0, DATA, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_FLUSH, 0, 0, 0);
    assert_done(f, 0, S_IOERR, 1);
    f->disk.fail = 0;
    f->machine->fail_in = 0;
    request(f, T_IN, 0, DATA, 512);
    assert_done(f, 0, S_IOERR, 1);
    request(f, T_IN, 0, DATA, 512);
    assert_done(f, 0, S_OK, 513);
}

/* Without FLUSH the driver takes a finished write for stable. */
static void write_through(void **state)
{
    struct fixture *f = *state;

    driver_start(&f->driver, f->vm, GPA, 0, 1, NUM);
    f->disk.when = LATER;
    request(f, T_OUT, 0, DATA, 512);
    assert_int_equal(disk_step(&f->disk, 0), 1);
    assert_int_equal(fake_load8(f->vm, STATUS), S_NONE);
    assert_int_equal(disk_step(&f->disk, 0), 1);
    assert_done(f, 0, S_OK, 1);
    assert_int_equal(f->disk.flushes, 1);
    request(f, T_IN, 0, DATA, 512);
    disk_step(&f->disk, 0);
    assert_done(f, 0, S_OK, 513);
    assert_int_equal(f->disk.flushes, 1);
}

static void out_of_order(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    f->disk.when = LATER;
    for (i = 0; i < 4; i++)
        prepare(f, i, T_IN, i, DATA + i * 512, 512);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->disk.count, 4);
    assert_int_equal(line(f), 0);
    disk_step(&f->disk, 2);
    assert_done(f, 2, S_OK, 513);
    assert_int_equal(line(f), 1);
    disk_step(&f->disk, 0);
    assert_done(f, 0, S_OK, 513);
    disk_step(&f->disk, 0);
    disk_step(&f->disk, 0);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes, 2048);
}

/* The guest writes its buffer while the host works: the copy counts. */
static void write_is_taken_at_once(void **state)
{
    struct fixture *f = *state;

    f->disk.when = LATER;
    memset(f->vm->ram + DATA, 0x11, 512);
    request(f, T_OUT, 0, DATA, 512);
    memset(f->vm->ram + DATA, 0x22, 512);
    disk_step(&f->disk, 0);
    assert_int_equal(f->disk.bytes[0], 0x11);
    assert_int_equal(f->disk.bytes[511], 0x11);
}

/* A guest that never waits makes the host hold 64 requests, no more. */
static void open_requests_are_bounded(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    f->disk.when = LATER;
    for (i = 0; i < 200; i++) {
        prepare(f, 0, T_IN, 0, DATA, 512);
        if (i % 10 == 9)
            driver_notify(&f->driver, 0);
        if (f->disk.count == 64)
            break;
    }
    for (i = 0; i < 50; i++)
        prepare(f, 0, T_IN, 0, DATA, 512);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->disk.count, 64);
    /* Each completion takes the next. */
    disk_step(&f->disk, 0);
    assert_int_equal(f->disk.count, 64);
    while (disk_step(&f->disk, 0))
        continue;
    assert_int_equal(f->disk.count, 0);
}

static void open_bytes_are_bounded(void **state)
{
    struct fixture *f = *state;
    int64_t before = f->machine->live_bytes;
    uint32_t i;

    f->disk.when = LATER;
    for (i = 0; i < NUM; i++)
        prepare(f, 0, T_IN, 0, DATA, DISK_BYTES);
    driver_notify(&f->driver, 0);
    assert_true(f->disk.count >= 16);
    assert_true(f->machine->live_bytes - before < 26 << 20);
    while (disk_step(&f->disk, 0))
        continue;
    assert_int_equal(f->disk.submitted, NUM);
}

/* CVE-2021-3748, CVE-2023-5088: a reset while the host works. */
static void reset_in_flight(void **state)
{
    struct fixture *f = *state;

    f->disk.when = LATER;
    prepare(f, 0, T_IN, 0, DATA, 512);
    prepare(f, 1, T_OUT, 1, DATA + 512, 512);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->disk.count, 2);
    memset(f->vm->ram + DATA, 0x77, 1024);
    driver_start(&f->driver, f->vm, GPA, 1 << F_FLUSH, 1, NUM);
    /* The new driver's write waits until the old one is out of the way. */
    prepare(f, 2, T_OUT, 1, DATA, 512);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->disk.count, 2);
    disk_step(&f->disk, 0);
    disk_step(&f->disk, 0);
    assert_int_equal(f->vm->ram[DATA], 0x77); /* the old read left it alone */
    assert_int_equal(f->vm->ram[STATUS], S_NONE);
    assert_int_equal(f->disk.count, 1);
    disk_step(&f->disk, 0);
    assert_done(f, 2, S_OK, 1);
    assert_int_equal(f->disk.bytes[512], 0x77);
}

static void vm_reset_in_flight(void **state)
{
    struct fixture *f = *state;

    f->disk.when = LATER;
    request(f, T_IN, 0, DATA, 512);
    fake_vm_reset(f->vm);
    disk_step(&f->disk, 0);
    assert_int_equal(f->vm->ram[STATUS], S_NONE);
    assert_int_equal(line(f), 0);
}

/* Completions after the VM is gone; the last one lets the back end go. */
static void end_in_flight(void **state)
{
    struct fixture *f = *state;

    f->disk.when = LATER;
    prepare(f, 0, T_IN, 0, DATA, 512);
    prepare(f, 1, T_OUT, 1, DATA, 512);
    driver_notify(&f->driver, 0);
    fake_vm_free(f->vm);
    f->vm = NULL;
    assert_int_equal(f->disk.released, 0);
    disk_step(&f->disk, 0);
    assert_int_equal(f->disk.released, 0);
    disk_step(&f->disk, 0);
    assert_int_equal(f->disk.released, 1);
}

static void from_other_threads(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[2];
    uint32_t round, i, id, bytes;
    uint32_t got = 0;

    f->disk.when = THREAD;
    for (i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, disk_thread, &f->disk);
    for (round = 0; round < 40; round++) {
        for (i = 0; i < 16; i++)
            prepare(f, i, T_IN, i, DATA + i * 512, 512);
        driver_notify(&f->driver, 0);
        for (i = 0; i < 16;) {
            if (driver_used(&f->driver, 0, &id, &bytes)) {
                assert_int_equal(bytes, 513);
                i++;
                got++;
            }
        }
        driver_set(&f->driver, VIRTIO_MMIO_INTERRUPT_ACK, 3);
        if (round % 10 == 9) {
            /* Reset with work in flight. */
            for (i = 0; i < 16; i++)
                prepare(f, i, T_OUT, i, DATA + i * 512, 512);
            driver_notify(&f->driver, 0);
            driver_start(&f->driver, f->vm, GPA, 1 << F_FLUSH, 1, NUM);
        }
    }
    assert_int_equal(got, 40 * 16);
    for (i = 0; i < 16; i++)
        prepare(f, i, T_IN, i, DATA, 512);
    driver_notify(&f->driver, 0);
    /* The VM's end meets completions under way. */
    fake_vm_free(f->vm);
    f->vm = NULL;
    store_release(&f->disk.stop, 1);
    for (i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(f->disk.released, 1);
}

/* Whole pages are mapped, the rest is copied, and why is told. */
static void mapped_or_copied(void **state)
{
    struct fixture *f = *state;
    disco_block_account *a = &f->disk.account;

    request(f, T_IN, 0, DATA, 8192);
    assert_done(f, 0, S_OK, 8193);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes, 8192);
    assert_int_equal(a->mapped_bytes, 8192);
    assert_int_equal(f->vm->pages_mapped, 2);
    /* Head and tail of blocks, both aligned alike. */
    request(f, T_IN, 7, DATA + 7 * 512, 512 + 4096 + 1024);
    assert_done(f, 0, S_OK, 512 + 4096 + 1025);
    assert_memory_equal(f->vm->ram + DATA + 7 * 512, f->disk.bytes + 7 * 512,
                        512 + 4096 + 1024);
    assert_int_equal(a->mapped_bytes, 12288);
    assert_int_equal(a->copied_short_bytes, 1536);
    /* The disk's blocks and the guest's pages are shifted. */
    request(f, T_IN, 1, DATA, 8192);
    assert_done(f, 0, S_OK, 8193);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 512, 8192);
    assert_int_equal(a->copied_unaligned_bytes, 8192);
    f->vm->pinned_gpa = DATA;
    request(f, T_IN, 16, DATA, 8192);
    assert_done(f, 0, S_OK, 8193);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 8192, 8192);
    assert_int_equal(a->copied_refused_bytes, 4096);
    assert_int_equal(a->mapped_bytes, 16384);
    assert_int_equal(f->machine->live_pages, 0);
}

static void taken_or_copied(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    for (i = 0; i < 16384; i++)
        f->vm->ram[DATA + i] = (uint8_t)(i / 256 + i);
    request(f, T_OUT, 7, DATA + 7 * 512, 512 + 4096 + 1024);
    assert_done(f, 0, S_OK, 1);
    assert_memory_equal(f->vm->ram + DATA + 7 * 512, f->disk.bytes + 7 * 512,
                        512 + 4096 + 1024);
    assert_int_equal(f->vm->pages_taken, 1);
    request(f, T_OUT, 9, DATA, 8192);
    assert_done(f, 0, S_OK, 1);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 9 * 512, 8192);
    assert_int_equal(f->vm->pages_taken, 1);
    f->vm->pinned_gpa = DATA + 4096;
    request(f, T_OUT, 24, DATA, 12288);
    assert_done(f, 0, S_OK, 1);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 24 * 512, 12288);
    assert_int_equal(f->vm->pages_taken, 3);
}

/* One page of the guest twice, the last one wins; then its own ring. */
static void strange_targets(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint64_t table = driver_desc_at(0);
    uint32_t id, bytes;

    fake_store32(f->vm, HEADER, T_IN);
    fake_store64(f->vm, HEADER + 8, 8);
    driver_desc(d, table, 0, HEADER, 16, DESC_NEXT, 1);
    driver_desc(d, table, 1, DATA, 4096, DESC_NEXT | DESC_WRITE, 2);
    driver_desc(d, table, 2, DATA, 4096, DESC_NEXT | DESC_WRITE, 3);
    driver_desc(d, table, 3, STATUS, 1, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(fake_load8(f->vm, STATUS), S_OK);
    assert_memory_equal(f->vm->ram + DATA, f->disk.bytes + 8192, 4096);
    /* Over its descriptors, its status and its used ring. */
    request(f, T_IN, 0, driver_desc_at(0) & ~UINT64_C(4095), 4096);
    driver_start(d, f->vm, GPA, 1 << F_FLUSH, 1, NUM);
    request(f, T_IN, 0, driver_used_at(0) & ~UINT64_C(4095), 4096);
    driver_start(d, f->vm, GPA, 1 << F_FLUSH, 1, NUM);
    request(f, T_IN, 0, STATUS & ~4095u, 4096);
    assert_int_equal(fake_load8(f->vm, STATUS), S_OK);
    assert_int_equal(f->machine->live_pages, 0);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be = { .size = sizeof(be), .bytes = 512 };
    disco_error err = { .size = sizeof(err) };

    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, &be), DISCO_E_INVAL);
    be.submit = disk_submit;
    be.bytes = 513;
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, &be), DISCO_E_INVAL);
    errors_get(&f->machine->context.errors, &err);
    assert_non_null(strstr(err.text, "virtio-blk"));
    be.bytes = 512;
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 64, &be), DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, &be), DISCO_E_NOMEM);
    f->machine->fail_in = 1;
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, &be), DISCO_E_NOMEM);
    f->vm->refuse_map = 1;
    assert_int_equal(disco_virtio_blk_create(f->vm, 0, 1, &be), DISCO_E_EXISTS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, setup_pages, teardown)
    /* What holds for both kinds of back end. */
#define BOTH(X)                                                           \
    X(configuration), X(read_and_write), X(identifier), X(many_segments), \
        X(bad_ranges), X(bad_buffers), X(bad_shapes), X(host_errors),     \
        X(write_through), X(out_of_order), X(write_is_taken_at_once),     \
        X(open_requests_are_bounded), X(reset_in_flight),                 \
        X(vm_reset_in_flight), X(end_in_flight), X(from_other_threads)
    const struct CMUnitTest tests[] = {
        BOTH(T),
        BOTH(P),
        T(open_bytes_are_bounded),
        P(open_bytes_are_bounded),
        T(bad_arguments),
        P(mapped_or_copied),
        P(taken_or_copied),
        P(strange_targets),
        cmocka_unit_test_setup_teardown(read_only_disk, setup_readonly,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
