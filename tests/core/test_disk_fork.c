/*
 * test_disk_fork.c - the disk of a forked VM: the same content at first, then
 * each its own.
 */
#include "core/disk_source.h"

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
    disk = disk_of(&s, DISCO_DISK_EXCLUSIVE);
    assert_null(disk.fork);
    disk.release(disk.opaque);
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
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
