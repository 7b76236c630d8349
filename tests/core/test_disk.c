/*
 * test_disk.c - images and disks over the block cache, against flat copies of
 * what each disk must show.
 */
#include "core/disk_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#include "base/compiler.h"
#include "fake_alloc.h"

enum {
    BLOCK = 4096,
    /* 37 blocks and three sectors. */
    IMAGE_BYTES = 37 * BLOCK + 1536,
    SECTORS = IMAGE_BYTES / 512,
    COW_DISKS = 3
};

struct setting {
    disco_machine *machine;
    struct source source;
    disco_image *image;
    struct fake_alloc fake;
    disco_allocator alloc;
};

static void make(struct setting *s, uint64_t frames, uint64_t cache_blocks)
{
    disco_machine_config c = { .size = sizeof(c) };
    disco_block_backend be;

    memset(s, 0, sizeof(*s));
    s->alloc = fake_alloc_ops(&s->fake);
    c.node_bytes = frames * BLOCK;
    c.cache_bytes = cache_blocks ? cache_blocks * BLOCK : DISCO_CACHE_NONE;
    c.allocator = &s->alloc;
    assert_int_equal(disco_machine_create(&c, &s->machine, NULL), 0);
    source_init(&s->source, IMAGE_BYTES, 1);
    be = source_backend(&s->source, 0);
    assert_int_equal(disco_image_open_backend(s->machine, &be, &s->image), 0);
}

static uint64_t frames_used(disco_machine *machine)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_machine_stats_get(machine, &stats), 0);
    return stats.frames_used;
}

static disco_cache_stats figures(disco_machine *machine)
{
    disco_cache_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_cache_stats_get(machine, &stats), 0);
    return stats;
}

/* Everything is given back. */
static void drop(struct setting *s)
{
    assert_int_equal(disco_machine_verify(s->machine), 0);
    assert_int_equal(disco_machine_destroy(s->machine), DISCO_E_BUSY);
    disco_image_close(s->image);
    assert_int_equal(s->source.releases, 1);
    assert_int_equal(figures(s->machine).blocks, 0);
    assert_int_equal(figures(s->machine).private_blocks, 0);
    assert_int_equal(frames_used(s->machine), 0);
    assert_int_equal(disco_machine_destroy(s->machine), 0);
    assert_int_equal(s->fake.live, 0);
    assert_int_equal(s->fake.bad_frees, 0);
    source_destroy(&s->source);
}

static disco_block_backend open_disk(disco_image *image, uint32_t mode)
{
    disco_disk_config c = { .size = sizeof(c), .mode = mode };
    disco_block_backend be = { .size = sizeof(be) };

    assert_int_equal(disco_disk_open(image, &c, &be), 0);
    assert_int_equal(be.bytes, disco_image_bytes(image));
    return be;
}

static void close_disk(disco_block_backend *be)
{
    be->release(be->opaque);
}

static void reads_come_from_the_cache(void **state)
{
    static uint8_t data[IMAGE_BYTES];
    struct setting s;
    disco_block_backend a, b;
    disco_cache_stats f;

    (void)state;
    make(&s, 256, 128);
    a = open_disk(s.image, DISCO_DISK_READONLY);
    b = open_disk(s.image, DISCO_DISK_COW);
    assert_int_equal(a.flags, DISCO_BLOCK_READONLY | DISCO_BLOCK_PAGE_READS);
    assert_int_equal(
        disk_do(s.machine, &a, DISCO_BLOCK_READ, 0, data, IMAGE_BYTES, 0), 0);
    assert_memory_equal(data, s.source.bytes, IMAGE_BYTES);
    assert_int_equal(s.source.reads, 2); /* runs of 32 blocks */
    assert_int_equal(frames_used(s.machine), 38);
    memset(data, 0, sizeof(data));
    assert_int_equal(disk_do(s.machine, &b, DISCO_BLOCK_READ, 512, data,
                             IMAGE_BYTES - 512, 1),
                     0);
    assert_memory_equal(data, s.source.bytes + 512, IMAGE_BYTES - 512);
    assert_int_equal(s.source.reads, 2);
    f = figures(s.machine);
    assert_int_equal(f.read_blocks, 38);
    assert_int_equal(f.misses, 38);
    assert_int_equal(f.hits, 38);
    assert_int_equal(f.blocks, 38);
    assert_int_equal(f.limit_blocks, 128);
    assert_int_equal(f.images, 1);
    close_disk(&a);
    close_disk(&b);
    drop(&s);
}

static void bad_requests(void **state)
{
    static uint8_t data[BLOCK];
    static const uint64_t bad[][2] = {
        { IMAGE_BYTES, 512 },
        { IMAGE_BYTES - 512, 1024 },
        { UINT64_MAX - 511, 512 },
        { 0, UINT64_MAX - 511 },
        { 100, 512 },
        { 0, 100 },
        { IMAGE_BYTES + 512, 0 },
    };
    disco_block_backend a, b;
    struct setting s;
    uint32_t i;

    (void)state;
    make(&s, 256, 128);
    a = open_disk(s.image, DISCO_DISK_READONLY);
    b = open_disk(s.image, DISCO_DISK_COW);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(disk_do(s.machine, &b, DISCO_BLOCK_READ, bad[i][0],
                                 data, bad[i][1], 1),
                         DISCO_E_IO);
        assert_int_equal(disk_do(s.machine, &b, DISCO_BLOCK_WRITE, bad[i][0],
                                 data, bad[i][1], 0),
                         DISCO_E_IO);
    }
    assert_int_equal(disk_do(s.machine, &b, 99, 0, data, 512, 0), DISCO_E_IO);
    assert_int_equal(
        disk_do(s.machine, &b, DISCO_BLOCK_READ, IMAGE_BYTES, data, 0, 1), 0);
    assert_int_equal(disk_do(s.machine, &a, DISCO_BLOCK_WRITE, 0, data, 512, 0),
                     DISCO_E_PERM);
    assert_int_equal(disk_do(s.machine, &a, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0),
                     0);
    assert_int_equal(disk_do(s.machine, &b, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0),
                     0);
    assert_int_equal(s.source.reads + s.source.writes + s.source.flushes, 0);
    close_disk(&a);
    close_disk(&b);
    drop(&s);
}

static void who_may_open(void **state)
{
    disco_disk_config c = { .size = sizeof(c), .mode = DISCO_DISK_EXCLUSIVE };
    disco_block_backend a, b = { .size = sizeof(b) }, be;
    disco_image *readonly;
    struct setting s;
    struct source other;

    (void)state;
    make(&s, 256, 128);
    a = open_disk(s.image, DISCO_DISK_COW);
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_BUSY);
    close_disk(&a);
    a = open_disk(s.image, DISCO_DISK_EXCLUSIVE);
    assert_int_equal(a.flags, DISCO_BLOCK_PAGE_READS);
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_BUSY);
    c.mode = DISCO_DISK_READONLY;
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_BUSY);
    close_disk(&a);
    c.mode = 0;
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_INVAL);
    c.mode = 4;
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_INVAL);
    c.mode = DISCO_DISK_COW;
    c.overlay = "file";
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_UNSUPPORTED);
    c.overlay = NULL;
    c.node = 1;
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_INVAL);
    c.node = 0;
    b.size = 4;
    assert_int_equal(disco_disk_open(s.image, &c, &b), DISCO_E_INVAL);
    b.size = sizeof(b);
    assert_int_equal(disco_disk_open(NULL, &c, &b), DISCO_E_INVAL);
    source_init(&other, 4096, 1);
    be = source_backend(&other, DISCO_BLOCK_READONLY);
    assert_int_equal(disco_image_open_backend(s.machine, &be, &readonly), 0);
    c.mode = DISCO_DISK_EXCLUSIVE;
    assert_int_equal(disco_disk_open(readonly, &c, &b), DISCO_E_PERM);
    disco_image_close(readonly);
    be.bytes = 1000;
    assert_int_equal(disco_image_open_backend(s.machine, &be, &readonly),
                     DISCO_E_INVAL);
    assert_int_equal(other.releases, 1);
    source_destroy(&other);
    drop(&s);
}

/* A write is in the image when it completes, and what was cached is gone. */
static void exclusive_writes_through(void **state)
{
    static uint8_t data[3 * BLOCK], got[3 * BLOCK];
    disco_block_backend a;
    struct setting s;

    (void)state;
    make(&s, 256, 128);
    a = open_disk(s.image, DISCO_DISK_EXCLUSIVE);
    assert_int_equal(
        disk_do(s.machine, &a, DISCO_BLOCK_READ, 0, got, sizeof(got), 1), 0);
    memset(data, 0x5a, sizeof(data));
    assert_int_equal(
        disk_do(s.machine, &a, DISCO_BLOCK_WRITE, 512, data, 4608, 0), 0);
    assert_memory_equal(s.source.bytes + 512, data, 4608);
    assert_int_equal(s.source.writes, 1);
    assert_int_equal(figures(s.machine).blocks, 1);
    assert_int_equal(
        disk_do(s.machine, &a, DISCO_BLOCK_READ, 0, got, sizeof(got), 1), 0);
    assert_memory_equal(s.source.bytes, got, sizeof(got));
    assert_int_equal(disk_do(s.machine, &a, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0),
                     0);
    assert_int_equal(s.source.flushes, 1);
    s.source.status = DISCO_E_IO;
    assert_int_equal(disk_do(s.machine, &a, DISCO_BLOCK_WRITE, 0, data, 512, 0),
                     DISCO_E_IO);
    assert_int_equal(disk_do(s.machine, &a, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0),
                     DISCO_E_IO);
    s.source.status = 0;
    close_disk(&a);
    drop(&s);
}

/* --- Random operations against flat copies --- */

struct model {
    struct setting s;
    disco_block_backend disk[COW_DISKS + 1];
    uint8_t *flat[COW_DISKS + 1]; /* what it must show */
    uint32_t random;
};

static uint32_t next(struct model *m)
{
    m->random = m->random * 1664525 + 1013904223;
    return m->random >> 8;
}

static void pick_range(struct model *m, uint64_t *offset, uint64_t *bytes)
{
    uint64_t from = next(m) % SECTORS, n = 1 + next(m) % 40;

    if (next(m) % 2) { /* whole blocks */
        from = from / 8 * 8;
        n = 8 + n / 8 * 8;
    }
    if (n > SECTORS - from)
        n = SECTORS - from;
    *offset = from * 512;
    *bytes = n * 512;
}

static void random_read(struct model *m, uint32_t i)
{
    static uint8_t data[64 * 512];
    uint64_t offset, bytes;

    pick_range(m, &offset, &bytes);
    assert_int_equal(disk_do(m->s.machine, &m->disk[i], DISCO_BLOCK_READ,
                             offset, data, bytes, (int)(next(m) % 2)),
                     0);
    assert_memory_equal(data, m->flat[i] + offset, bytes);
}

static void random_write(struct model *m, uint32_t i)
{
    static uint8_t data[64 * 512];
    uint64_t offset, bytes, k;

    pick_range(m, &offset, &bytes);
    for (k = 0; k < bytes; k++)
        data[k] = (uint8_t)(next(m));
    memcpy(m->flat[i] + offset, data, bytes);
    assert_int_equal(disk_do(m->s.machine, &m->disk[i], DISCO_BLOCK_WRITE,
                             offset, data, bytes, i < COW_DISKS && next(m) % 2),
                     0);
}

static void model_make(struct model *m, uint64_t cache_blocks)
{
    uint32_t i;

    make(&m->s, 256, cache_blocks);
    for (i = 0; i <= COW_DISKS; i++) {
        m->disk[i] = open_disk(m->s.image, i < COW_DISKS ? DISCO_DISK_COW
                                                         : DISCO_DISK_READONLY);
        m->flat[i] = malloc(IMAGE_BYTES);
        memcpy(m->flat[i], m->s.source.bytes, IMAGE_BYTES);
    }
}

static void model_drop(struct model *m)
{
    uint32_t i;

    for (i = 0; i <= COW_DISKS; i++) {
        close_disk(&m->disk[i]);
        free(m->flat[i]);
    }
    drop(&m->s);
}

static void random_operations(void **state)
{
    static const uint64_t limits[] = { 128, 5, 0 };
    uint32_t round, step, i;
    struct model m;

    (void)state;
    for (round = 0; round < 3; round++) {
        m.random = round + 1;
        model_make(&m, limits[round]);
        for (step = 0; step < 1500; step++) {
            i = next(&m) % (COW_DISKS + 1);
            if (i < COW_DISKS && next(&m) % 2)
                random_write(&m, i);
            else
                random_read(&m, i);
            if (step % 64 == 0)
                assert_int_equal(disco_machine_verify(m.s.machine), 0);
            /* And what the last requests held while they ran. */
            assert_true(figures(m.s.machine).blocks <= limits[round] + 16);
        }
        if (round > 0)
            assert_true(figures(m.s.machine).evictions > 0);
        model_drop(&m);
    }
}

static void random_exclusive(void **state)
{
    struct model m = { .random = 9 };
    uint32_t step;

    (void)state;
    make(&m.s, 256, 20);
    m.disk[COW_DISKS] = open_disk(m.s.image, DISCO_DISK_EXCLUSIVE);
    m.flat[COW_DISKS] = malloc(IMAGE_BYTES);
    memcpy(m.flat[COW_DISKS], m.s.source.bytes, IMAGE_BYTES);
    for (step = 0; step < 2000; step++) {
        if (next(&m) % 2)
            random_write(&m, COW_DISKS);
        else
            random_read(&m, COW_DISKS);
    }
    assert_memory_equal(m.flat[COW_DISKS], m.s.source.bytes, IMAGE_BYTES);
    free(m.flat[COW_DISKS]);
    close_disk(&m.disk[COW_DISKS]);
    drop(&m.s);
}

/* --- A source that takes its time --- */

static void missed_together_read_once(void **state)
{
    static uint8_t a[8 * BLOCK], b[8 * BLOCK], c[BLOCK];
    struct disk_io x, y, z;
    disco_block_backend one, two;
    struct setting s;

    (void)state;
    make(&s, 256, 128);
    one = open_disk(s.image, DISCO_DISK_COW);
    two = open_disk(s.image, DISCO_DISK_COW);
    s.source.is_late = 1;
    disk_start(&one, &x, DISCO_BLOCK_READ, 0, a, sizeof(a), 0);
    disk_start(&two, &y, DISCO_BLOCK_READ, 0, b, sizeof(b), 0);
    /* Half a block, whose other half is on its way. */
    memset(c, 0x77, sizeof(c));
    disk_start(&two, &z, DISCO_BLOCK_WRITE, 3 * BLOCK + 512, c, 1024, 0);
    assert_int_equal(s.source.count, 1);
    assert_int_equal(x.done + y.done + z.done, 0);
    while (source_step(&s.source, 0))
        continue;
    assert_int_equal(x.done, 1);
    assert_int_equal(y.done, 1);
    assert_int_equal(z.done, 1);
    assert_int_equal(x.status | y.status | z.status, 0);
    assert_memory_equal(a, s.source.bytes, sizeof(a));
    assert_int_equal(s.source.read_bytes, sizeof(a));
    assert_true(figures(s.machine).waits > 0);
    s.source.is_late = 0;
    assert_int_equal(
        disk_do(s.machine, &two, DISCO_BLOCK_READ, 3 * BLOCK, b, BLOCK, 1), 0);
    memcpy(s.source.bytes + 3 * BLOCK + 512, c, 1024);
    assert_memory_equal(b, s.source.bytes + 3 * BLOCK, BLOCK);
    assert_int_equal(
        disk_do(s.machine, &one, DISCO_BLOCK_READ, 3 * BLOCK, b, BLOCK, 1), 0);
    assert_memory_equal(a + 3 * BLOCK, b, BLOCK);
    close_disk(&one);
    close_disk(&two);
    drop(&s);
}

/* Parts of one block of one disk: no write is lost. */
static void parts_meet(void **state)
{
    uint8_t a[512], b[512], got[BLOCK];
    struct disk_io x, y;
    disco_block_backend disk;
    struct setting s;

    (void)state;
    make(&s, 256, 128);
    disk = open_disk(s.image, DISCO_DISK_COW);
    s.source.is_late = 1;
    memset(a, 0xaa, 512);
    memset(b, 0xbb, 512);
    disk_start(&disk, &x, DISCO_BLOCK_WRITE, 512, a, 512, 0);
    disk_start(&disk, &y, DISCO_BLOCK_WRITE, 1024, b, 512, 0);
    while (source_step(&s.source, 0))
        continue;
    assert_int_equal(x.done + y.done, 2);
    s.source.is_late = 0;
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, got, BLOCK, 0), 0);
    assert_memory_equal(got, s.source.bytes, 512);
    assert_memory_equal(got + 512, a, 512);
    assert_memory_equal(got + 1024, b, 512);
    assert_memory_equal(got + 1536, s.source.bytes + 1536, BLOCK - 1536);
    close_disk(&disk);
    drop(&s);
}

/* A read that began before a write reaches its asker, and nobody later. */
static void written_while_it_is_read(void **state)
{
    uint8_t a[BLOCK], b[BLOCK], c[512];
    struct disk_io x, y, z;
    disco_block_backend disk;
    struct setting s;

    (void)state;
    make(&s, 256, 128);
    disk = open_disk(s.image, DISCO_DISK_EXCLUSIVE);
    s.source.is_late = 1;
    memset(c, 0xcc, 512);
    disk_start(&disk, &x, DISCO_BLOCK_READ, 0, a, BLOCK, 0);
    disk_start(&disk, &y, DISCO_BLOCK_WRITE, 0, c, 512, 0);
    assert_int_equal(s.source.count, 2);
    source_step(&s.source, 1);
    assert_int_equal(y.done, 1);
    disk_start(&disk, &z, DISCO_BLOCK_READ, 0, b, BLOCK, 0);
    assert_int_equal(s.source.count, 2);
    while (source_step(&s.source, 1))
        continue;
    assert_int_equal(x.done + z.done, 2);
    assert_memory_equal(b, c, 512);
    s.source.is_late = 0;
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, a, BLOCK, 1), 0);
    assert_memory_equal(a, c, 512);
    close_disk(&disk);
    drop(&s);
}

static void sources_fail(void **state)
{
    static uint8_t a[8 * BLOCK], b[8 * BLOCK];
    struct disk_io x, y;
    disco_block_backend disk;
    struct setting s;

    (void)state;
    make(&s, 256, 128);
    disk = open_disk(s.image, DISCO_DISK_COW);
    s.source.is_late = 1;
    s.source.status = DISCO_E_IO;
    disk_start(&disk, &x, DISCO_BLOCK_READ, 0, a, sizeof(a), 1);
    disk_start(&disk, &y, DISCO_BLOCK_WRITE, 512, b, 512, 0);
    while (source_step(&s.source, 0))
        continue;
    assert_int_equal(x.done + y.done, 2);
    assert_int_equal(x.status, DISCO_E_IO);
    assert_int_equal(y.status, DISCO_E_IO);
    assert_int_equal(x.page[0].name, 0);
    s.source.is_late = 0;
    s.source.status = 0;
    assert_int_equal(figures(s.machine).blocks, 0);
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, a, sizeof(a), 1), 0);
    assert_memory_equal(a, s.source.bytes, sizeof(a));
    close_disk(&disk);
    drop(&s);
}

/* --- Threads --- */

struct worker {
    struct setting *s;
    uint8_t *flat;
    uint32_t random;
    uint32_t failures;
};

static void *work(void *opaque)
{
    struct worker *w = opaque;
    disco_disk_config c = { .size = sizeof(c), .mode = DISCO_DISK_COW };
    disco_block_backend disk = { .size = sizeof(disk) };
    uint8_t data[6 * 512];
    uint32_t step;

    if (disco_disk_open(w->s->image, &c, &disk)) {
        w->failures++;
        return NULL;
    }
    for (step = 0; step < 400; step++) {
        uint64_t from, n;

        w->random = w->random * 1664525 + 1013904223;
        from = (w->random >> 8) % (SECTORS - 6) * 512;
        n = (1 + (w->random >> 24) % 6) * 512;
        if (w->random >> 20 & 1) {
            memset(data, (int)step, n);
            memcpy(w->flat + from, data, n);
            w->failures += disk_do(w->s->machine, &disk, DISCO_BLOCK_WRITE,
                                   from, data, n, 0) != 0;
        } else {
            w->failures += disk_do(w->s->machine, &disk, DISCO_BLOCK_READ, from,
                                   data, n, 0) != 0 ||
                           memcmp(data, w->flat + from, n) != 0;
        }
    }
    disk.release(disk.opaque);
    return NULL;
}

static void several_threads(void **state)
{
    struct worker w[4];
    pthread_t thread[4];
    struct setting s;
    uint32_t i;

    (void)state;
    make(&s, 512, 8);
    for (i = 0; i < 4; i++) {
        w[i].s = &s;
        w[i].random = i;
        w[i].failures = 0;
        w[i].flat = malloc(IMAGE_BYTES);
        memcpy(w[i].flat, s.source.bytes, IMAGE_BYTES);
        pthread_create(&thread[i], NULL, work, &w[i]);
    }
    for (i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        free(w[i].flat);
        assert_int_equal(w[i].failures, 0);
    }
    drop(&s);
}

/* --- What runs out --- */

/* Every allocation of a few requests fails once: an error, or all right. */
static void host_memory_runs_out(void **state)
{
    static uint8_t data[3 * BLOCK], flat[3 * BLOCK];
    uint32_t n, failed = 1;
    disco_block_backend disk, other;
    disco_status status;
    struct setting s;

    (void)state;
    for (n = 1; failed; n++) {
        failed = 0;
        make(&s, 256, 128);
        disk = open_disk(s.image, DISCO_DISK_COW);
        other = open_disk(s.image, DISCO_DISK_COW);
        memcpy(flat, s.source.bytes, sizeof(flat));
        s.fake.fail_at = s.fake.calls + n;
        memset(data, 0x11, sizeof(data));
        status = disk_do(s.machine, &disk, DISCO_BLOCK_WRITE, 512, data,
                         2 * BLOCK, 0);
        failed |= status != 0;
        if (!status) {
            memcpy(flat + 512, data, 2 * BLOCK);
            status = disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, data,
                             sizeof(data), 1);
            failed |= status != 0;
            if (!status)
                assert_memory_equal(data, flat, sizeof(data));
        }
        s.fake.fail_at = 0;
        assert_int_equal(disk_do(s.machine, &other, DISCO_BLOCK_READ, 0, data,
                                 sizeof(data), 1),
                         0);
        assert_memory_equal(data, s.source.bytes, sizeof(data));
        close_disk(&disk);
        close_disk(&other);
        drop(&s);
    }
    assert_true(n > 6);
}

/* Private blocks fill the machine: its writer is refused, another reads on. */
static void frames_run_out(void **state)
{
    static uint8_t data[BLOCK];
    disco_block_backend disk, other;
    struct setting s;
    uint64_t block, i;

    (void)state;
    make(&s, 24, 128);
    disk = open_disk(s.image, DISCO_DISK_COW);
    other = open_disk(s.image, DISCO_DISK_READONLY);
    /* Blocks that are cached go first. */
    for (i = 0; i < 20; i++)
        assert_int_equal(disk_do(s.machine, &other, DISCO_BLOCK_READ, i * BLOCK,
                                 data, BLOCK, 1),
                         0);
    for (block = 0; block < 37; block++) {
        memset(data, (int)block, BLOCK);
        if (disk_do(s.machine, &disk, DISCO_BLOCK_WRITE, block * BLOCK, data,
                    BLOCK, 0))
            break;
    }
    assert_int_equal(block, 24);
    assert_int_equal(
        disk_do(s.machine, &other, DISCO_BLOCK_READ, 0, data, BLOCK, 1),
        DISCO_E_NOMEM);
    for (i = 0; i < block; i++) {
        assert_int_equal(disk_do(s.machine, &disk, DISCO_BLOCK_READ, i * BLOCK,
                                 data, BLOCK, 1),
                         0);
        assert_int_equal(data[77], i);
    }
    close_disk(&disk);
    assert_int_equal(
        disk_do(s.machine, &other, DISCO_BLOCK_READ, 0, data, BLOCK, 1), 0);
    assert_memory_equal(data, s.source.bytes, BLOCK);
    close_disk(&other);
    drop(&s);
}

/* A VM that touches memory gets the frames of the cache. */
static void the_cache_gives_way(void **state)
{
    static uint8_t data[32 * BLOCK];
    disco_block_backend disk;
    struct setting s;
    disco_vm *vm;
    uint64_t i;

    (void)state;
    make(&s, 40, 128);
    disk = open_disk(s.image, DISCO_DISK_READONLY);
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, data, sizeof(data), 1),
        0);
    assert_int_equal(frames_used(s.machine), 32);
    assert_int_equal(disco_vm_create(s.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 40 * BLOCK, NULL), 0);
    for (i = 0; i < 40; i++)
        assert_int_equal(disco_mem_write(vm, i * BLOCK, &i, sizeof(i)), 0);
    assert_int_equal(figures(s.machine).blocks, 0);
    assert_true(figures(s.machine).evictions >= 32);
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_READ, 0, data, BLOCK, 1),
        DISCO_E_NOMEM);
    assert_int_equal(disco_vm_destroy(vm), 0);
    close_disk(&disk);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_come_from_the_cache),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(who_may_open),
        cmocka_unit_test(exclusive_writes_through),
        cmocka_unit_test(random_operations),
        cmocka_unit_test(random_exclusive),
        cmocka_unit_test(missed_together_read_once),
        cmocka_unit_test(parts_meet),
        cmocka_unit_test(written_while_it_is_read),
        cmocka_unit_test(sources_fail),
        cmocka_unit_test(several_threads),
        cmocka_unit_test(host_memory_runs_out),
        cmocka_unit_test(frames_run_out),
        cmocka_unit_test(the_cache_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
