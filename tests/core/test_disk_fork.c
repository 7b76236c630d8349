/*
 * test_disk_fork.c - the disk of a forked VM: the same content at first, then
 * each its own.
 */
#include "core/disk_source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fake_alloc.h"
#include "fixture.h"

enum { BLOCK = 4096, BLOCKS = 20, BYTES = BLOCKS * BLOCK };

struct setting {
    struct fake_alloc fake;
    disco_allocator allocator;
    disco_machine *machine;
    struct source source;
    disco_image *image;
};

static void make(struct setting *s)
{
    disco_machine_config c = { .size = sizeof(c) };
    disco_block_backend be;

    memset(s, 0, sizeof(*s));
    s->allocator = fake_alloc_ops(&s->fake);
    c.allocator = &s->allocator;
    assert_int_equal(disco_machine_create(&c, &s->machine, NULL), 0);
    source_init(&s->source, BYTES, 1);
    be = source_backend(&s->source, 0);
    assert_int_equal(disco_image_open_backend(s->machine, &be, &s->image), 0);
}

static void drop(struct setting *s)
{
    disco_image_close(s->image);
    assert_int_equal(disco_machine_verify(s->machine), 0);
    assert_int_equal(disco_machine_destroy(s->machine), 0);
    assert_int_equal(s->source.releases, 1);
    source_destroy(&s->source);
    assert_int_equal(s->fake.live, 0);
    assert_int_equal(s->fake.bad_frees, 0);
}

static disco_block_backend disk_of(struct setting *s, uint32_t mode)
{
    disco_disk_config c = { .size = sizeof(c), .mode = mode };
    disco_block_backend be = { .size = sizeof(be) };

    assert_int_equal(disco_disk_open(s->image, &c, &be), 0);
    return be;
}

static void put(struct setting *s, const disco_block_backend *disk,
                uint64_t block, uint8_t byte)
{
    uint8_t data[BLOCK];

    memset(data, byte, sizeof(data));
    assert_int_equal(disk_do(s->machine, disk, DISCO_BLOCK_WRITE, block * BLOCK,
                             data, BLOCK, 0),
                     0);
}

static uint8_t get(struct setting *s, const disco_block_backend *disk,
                   uint64_t block)
{
    uint8_t data[BLOCK];

    assert_int_equal(disk_do(s->machine, disk, DISCO_BLOCK_READ, block * BLOCK,
                             data, BLOCK, (int)(block & 1)),
                     0);
    return data[100];
}

static uint64_t private_blocks(struct setting *s)
{
    disco_cache_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_cache_stats_get(s->machine, &stats), 0);
    return stats.private_blocks;
}

static uint64_t frames_used(struct setting *s)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_machine_stats_get(s->machine, &stats), 0);
    return stats.frames_used;
}

static void test_each_its_own(void **state)
{
    struct setting s;
    disco_block_backend disk, copy = { .size = sizeof(copy) };
    uint64_t frames;
    uint8_t clean;

    (void)state;
    make(&s);
    disk = disk_of(&s, DISCO_DISK_COW);
    clean = get(&s, &disk, 7);
    put(&s, &disk, 3, 0xa3);
    put(&s, &disk, 4, 0xa4);
    frames = frames_used(&s);
    assert_int_equal(disk.fork(disk.opaque, NULL, &copy), 0);
    assert_int_equal(copy.bytes, disk.bytes);
    assert_int_equal(copy.flags, disk.flags);
    assert_int_equal(private_blocks(&s), 4);
    assert_int_equal(frames_used(&s), frames);
    assert_int_equal(get(&s, &copy, 3), 0xa3);
    assert_int_equal(get(&s, &copy, 4), 0xa4);
    assert_int_equal(get(&s, &copy, 7), clean);
    put(&s, &copy, 3, 0xb3);
    put(&s, &disk, 4, 0xc4);
    put(&s, &copy, 7, 0xb7);
    assert_int_equal(get(&s, &disk, 3), 0xa3);
    assert_int_equal(get(&s, &copy, 3), 0xb3);
    assert_int_equal(get(&s, &disk, 4), 0xc4);
    assert_int_equal(get(&s, &copy, 4), 0xa4);
    assert_int_equal(get(&s, &disk, 7), clean);
    assert_int_equal(get(&s, &copy, 7), 0xb7);
    disk.release(disk.opaque);
    assert_int_equal(get(&s, &copy, 4), 0xa4);
    copy.release(copy.opaque);
    assert_int_equal(private_blocks(&s), 0);
    drop(&s);
}

static void test_read_only(void **state)
{
    struct setting s;
    disco_block_backend disk, copy = { .size = sizeof(copy) };

    (void)state;
    make(&s);
    disk = disk_of(&s, DISCO_DISK_READONLY);
    assert_int_equal(disk.fork(disk.opaque, NULL, &copy), 0);
    assert_int_equal(copy.flags, disk.flags);
    assert_int_equal(get(&s, &copy, 2), get(&s, &disk, 2));
    disk.release(disk.opaque);
    copy.release(copy.opaque);
    drop(&s);
}

/* The child of an exclusive disk keeps what the image was. */
static void test_exclusive(void **state)
{
    disco_block_backend disk, copy = { .size = sizeof(copy) };
    disco_block_backend second = { .size = sizeof(second) }, other;
    disco_disk_config c = { .size = sizeof(c), .mode = DISCO_DISK_EXCLUSIVE };
    uint8_t clean[4];
    struct setting s;
    uint64_t i;

    (void)state;
    make(&s);
    disk = disk_of(&s, DISCO_DISK_EXCLUSIVE);
    put(&s, &disk, 1, 0xa1);
    for (i = 0; i < 4; i++)
        clean[i] = get(&s, &disk, i);
    assert_int_equal(disk.fork(disk.opaque, NULL, &copy), 0);
    put(&s, &disk, 1, 0xb1);
    put(&s, &copy, 2, 0xc2);
    assert_int_equal(copy.fork(copy.opaque, NULL, &second), 0);
    put(&s, &disk, 2, 0xd2);
    put(&s, &disk, 3, 0xd3);
    put(&s, &second, 3, 0xe3);
    assert_int_equal(s.source.bytes[BLOCK], 0xb1);
    assert_int_equal(s.source.bytes[2 * BLOCK], 0xd2);
    assert_int_equal(get(&s, &disk, 3), 0xd3);
    for (i = 0; i < 2; i++) {
        assert_int_equal(get(&s, &copy, i), clean[i]);
        assert_int_equal(get(&s, &second, i), clean[i]);
    }
    assert_int_equal(get(&s, &copy, 2), 0xc2);
    assert_int_equal(get(&s, &second, 2), 0xc2);
    assert_int_equal(get(&s, &copy, 3), clean[3]);
    assert_int_equal(get(&s, &second, 3), 0xe3);
    copy.release(copy.opaque);
    disk.release(disk.opaque);
    /* The image is still theirs. */
    other.size = sizeof(other);
    assert_int_equal(disco_disk_open(s.image, &c, &other), DISCO_E_BUSY);
    assert_int_equal(get(&s, &second, 1), clean[1]);
    second.release(second.opaque);
    assert_int_equal(disco_disk_open(s.image, &c, &other), 0);
    other.release(other.opaque);
    assert_int_equal(private_blocks(&s), 0);
    drop(&s);
}

/* A write waits for the old content, a read overlaps the write. */
static void test_exclusive_late(void **state)
{
    disco_block_backend disk, copy = { .size = sizeof(copy) };
    uint8_t data[BLOCK], old[BLOCK], a[BLOCK], b[BLOCK];
    struct disk_io write, early, late;
    struct setting s;

    (void)state;
    make(&s);
    memcpy(old, s.source.bytes + BLOCK, BLOCK);
    disk = disk_of(&s, DISCO_DISK_EXCLUSIVE);
    assert_int_equal(disk.fork(disk.opaque, NULL, &copy), 0);
    s.source.is_late = 1;
    memset(data, 0x99, sizeof(data));
    disk_start(&copy, &early, DISCO_BLOCK_READ, BLOCK, a, BLOCK, 0);
    disk_start(&disk, &write, DISCO_BLOCK_WRITE, BLOCK, data, BLOCK, 0);
    assert_int_equal(s.source.writes, 0);
    source_step(&s.source, 0); /* the old content */
    assert_int_equal(early.done, 1);
    assert_int_equal(s.source.count, 1);
    disk_start(&copy, &late, DISCO_BLOCK_READ, BLOCK, b, BLOCK, 0);
    while (source_step(&s.source, 0))
        continue;
    assert_int_equal(write.done + late.done, 2);
    assert_int_equal(write.status | early.status | late.status, 0);
    assert_memory_equal(a, old, BLOCK);
    assert_memory_equal(b, old, BLOCK);
    assert_int_equal(s.source.bytes[BLOCK], 0x99);
    s.source.is_late = 0;
    /* What cannot be kept is not overwritten. */
    s.source.status = DISCO_E_IO;
    assert_int_equal(
        disk_do(s.machine, &disk, DISCO_BLOCK_WRITE, 5 * BLOCK, data, BLOCK, 0),
        DISCO_E_IO);
    s.source.status = 0;
    assert_int_equal(s.source.writes, 1);
    disk.release(disk.opaque);
    copy.release(copy.opaque);
    drop(&s);
}

enum { FAMILY = 5, STEPS = 4000 };

struct family {
    struct setting s;
    disco_block_backend disk[FAMILY]; /* the first is exclusive */
    uint8_t *flat[FAMILY];            /* NULL: there is none */
    uint32_t random;
};

static uint32_t next(struct family *f)
{
    f->random = f->random * 1664525 + 1013904223;
    return f->random >> 8;
}

static void fork_or_end(struct family *f, uint32_t i)
{
    uint32_t from = next(f) % FAMILY;

    if (f->flat[i]) {
        f->disk[i].release(f->disk[i].opaque);
        free(f->flat[i]);
        f->flat[i] = NULL;
    } else if (f->flat[from]) {
        f->disk[i].size = sizeof(f->disk[i]);
        assert_int_equal(
            f->disk[from].fork(f->disk[from].opaque, NULL, &f->disk[i]), 0);
        f->flat[i] = malloc(BYTES);
        memcpy(f->flat[i], f->flat[from], BYTES);
    }
}

static void test_family(void **state)
{
    static uint8_t data[12 * 512];
    struct family f = { .random = 11 };
    uint64_t offset, bytes;
    uint32_t step, i;

    (void)state;
    make(&f.s);
    f.disk[0] = disk_of(&f.s, DISCO_DISK_EXCLUSIVE);
    f.flat[0] = malloc(BYTES);
    memcpy(f.flat[0], f.s.source.bytes, BYTES);
    for (step = 0; step < STEPS; step++) {
        i = next(&f) % FAMILY;
        if (i && next(&f) % 16 == 0)
            fork_or_end(&f, i);
        if (!f.flat[i])
            continue;
        offset = next(&f) % (BYTES / 512 - 12) * 512;
        bytes = (1 + next(&f) % 12) * 512;
        if (next(&f) % 2) {
            memset(data, (int)step, bytes);
            memcpy(f.flat[i] + offset, data, bytes);
            assert_int_equal(disk_do(f.s.machine, &f.disk[i], DISCO_BLOCK_WRITE,
                                     offset, data, bytes, 0),
                             0);
        } else {
            assert_int_equal(disk_do(f.s.machine, &f.disk[i], DISCO_BLOCK_READ,
                                     offset, data, bytes, (int)(step & 1)),
                             0);
            assert_memory_equal(data, f.flat[i] + offset, bytes);
        }
    }
    assert_memory_equal(f.flat[0], f.s.source.bytes, BYTES);
    for (i = 0; i < FAMILY; i++) {
        if (f.flat[i])
            f.disk[i].release(f.disk[i].opaque);
        free(f.flat[i]);
    }
    drop(&f.s);
}

/* Children read on other threads while the parent writes. */
struct reader {
    struct setting *s;
    disco_block_backend disk;
    const uint8_t *want;
    uint32_t stop; /* atomic */
    uint32_t failures;
};

static void *read_on(void *opaque)
{
    struct reader *r = opaque;
    uint8_t data[3 * BLOCK];
    uint32_t block = 0;

    while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
        block = (block + 5) % (BLOCKS - 3);
        r->failures += disk_do(r->s->machine, &r->disk, DISCO_BLOCK_READ,
                               block * BLOCK, data, sizeof(data), 0) != 0 ||
                       memcmp(data, r->want + block * BLOCK, sizeof(data)) != 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct reader r[2];
    pthread_t thread[2];
    struct setting s;
    disco_block_backend disk;
    uint8_t *want = malloc(BYTES);
    uint64_t i;

    (void)state;
    make(&s);
    memcpy(want, s.source.bytes, BYTES);
    disk = disk_of(&s, DISCO_DISK_EXCLUSIVE);
    memset(r, 0, sizeof(r));
    for (i = 0; i < 2; i++) {
        r[i].s = &s;
        r[i].want = want;
        r[i].disk.size = sizeof(r[i].disk);
        assert_int_equal(disk.fork(disk.opaque, NULL, &r[i].disk), 0);
        pthread_create(&thread[i], NULL, read_on, &r[i]);
    }
    for (i = 0; i < 600; i++)
        put(&s, &disk, i * 7 % BLOCKS, (uint8_t)i);
    for (i = 0; i < 2; i++) {
        __atomic_store_n(&r[i].stop, 1, __ATOMIC_SEQ_CST);
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].failures, 0);
        r[i].disk.release(r[i].disk.opaque);
    }
    disk.release(disk.opaque);
    free(want);
    drop(&s);
}

static void test_no_memory(void **state)
{
    struct setting s;
    disco_block_backend disk, copy = { .size = sizeof(copy) };
    disco_status status;
    uint64_t n, before;

    (void)state;
    make(&s);
    disk = disk_of(&s, DISCO_DISK_COW);
    for (n = 0; n < 6; n++)
        put(&s, &disk, 2 * n, (uint8_t)n);
    before = s.fake.live;
    for (n = 1;; n++) {
        s.fake.fail_at = s.fake.calls + n;
        status = disk.fork(disk.opaque, NULL, &copy);
        s.fake.fail_at = 0;
        if (!status)
            break;
        assert_int_equal(status, DISCO_E_NOMEM);
        assert_int_equal(s.fake.live, before);
        assert_int_equal(private_blocks(&s), 6);
    }
    assert_int_equal(n, 8);
    for (n = 0; n < 6; n++)
        assert_int_equal(get(&s, &copy, 2 * n), n);
    disk.release(disk.opaque);
    copy.release(copy.opaque);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_its_own),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_exclusive),
        cmocka_unit_test(test_exclusive_late),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
