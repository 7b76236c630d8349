/*
 * test_image.c - images over files: one image a file by whatever name, locks
 * against writers, and what is in the file when.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "core/disk_source.h"
#include "fixture.h"

enum { BLOCK = 4096, FILE_BYTES = 5 * BLOCK + 512 };

struct files {
    disco_machine *machine;
    char dir[64];
    char path[96];
    char other[96];
    uint8_t bytes[FILE_BYTES];
};

static int setup(void **state)
{
    static struct files f;
    FILE *file;
    uint32_t i;

    *state = &f;
    memset(&f, 0, sizeof(f));
    strcpy(f.dir, "/tmp/disco-image-XXXXXX");
    if (!mkdtemp(f.dir))
        return -1;
    snprintf(f.path, sizeof(f.path), "%s/disk", f.dir);
    snprintf(f.other, sizeof(f.other), "%s/other", f.dir);
    for (i = 0; i < FILE_BYTES; i++)
        f.bytes[i] = (uint8_t)(i / 512 + i);
    file = fopen(f.path, "wb");
    if (!file || fwrite(f.bytes, 1, FILE_BYTES, file) != FILE_BYTES ||
        fclose(file))
        return -1;
    return disco_machine_create(NULL, &f.machine, NULL);
}

static int teardown(void **state)
{
    struct files *f = *state;

    unlink(f->path);
    unlink(f->other);
    rmdir(f->dir);
    return disco_machine_destroy(f->machine);
}

static void check_file(struct files *f, const uint8_t *want)
{
    static uint8_t got[FILE_BYTES];
    FILE *file = fopen(f->path, "rb");

    assert_non_null(file);
    assert_int_equal(fread(got, 1, FILE_BYTES, file), FILE_BYTES);
    fclose(file);
    assert_memory_equal(got, want, FILE_BYTES);
}

static disco_status open_disk(disco_image *image, uint32_t mode,
                              disco_block_backend *out)
{
    disco_disk_config c = { .size = sizeof(c), .mode = mode };

    out->size = sizeof(*out);
    return disco_disk_open(image, &c, out);
}

static void one_file_is_one_image(void **state)
{
    struct files *f = *state;
    disco_cache_stats stats = { .size = sizeof(stats) };
    disco_image *a, *b, *c;

    assert_int_equal(disco_image_open(f->machine, f->path, &a), 0);
    assert_int_equal(disco_image_bytes(a), FILE_BYTES);
    assert_int_equal(disco_image_open(f->machine, f->path, &b), 0);
    assert_ptr_equal(a, b);
    assert_int_equal(symlink("disk", f->other), 0);
    assert_int_equal(disco_image_open(f->machine, f->other, &c), 0);
    assert_ptr_equal(a, c);
    disco_image_close(c);
    assert_int_equal(unlink(f->other), 0);
    assert_int_equal(link(f->path, f->other), 0);
    assert_int_equal(disco_image_open(f->machine, f->other, &c), 0);
    assert_ptr_equal(a, c);
    assert_int_equal(disco_cache_stats_get(f->machine, &stats), 0);
    assert_int_equal(stats.images, 1);
    disco_image_close(a);
    disco_image_close(b);
    disco_image_close(c);
    disco_image_close(NULL);
    assert_int_equal(disco_image_bytes(NULL), 0);
    assert_int_equal(disco_cache_stats_get(f->machine, &stats), 0);
    assert_int_equal(stats.images, 0);
}

/* The image stays as long as a disk needs it, and warm as long as it is open.
 */
static void images_are_counted(void **state)
{
    struct files *f = *state;
    disco_cache_stats stats = { .size = sizeof(stats) };
    disco_block_backend a, b;
    uint8_t got[BLOCK];
    disco_image *image;

    assert_int_equal(disco_image_open(f->machine, f->path, &image), 0);
    assert_int_equal(open_disk(image, DISCO_DISK_COW, &a), 0);
    assert_int_equal(
        disk_do(f->machine, &a, DISCO_BLOCK_READ, BLOCK, got, BLOCK, 1), 0);
    assert_memory_equal(got, f->bytes + BLOCK, BLOCK);
    memset(got, 9, sizeof(got));
    assert_int_equal(
        disk_do(f->machine, &a, DISCO_BLOCK_WRITE, BLOCK, got, BLOCK, 0), 0);
    a.release(a.opaque);
    assert_int_equal(open_disk(image, DISCO_DISK_READONLY, &b), 0);
    disco_image_close(image);
    assert_int_equal(
        disk_do(f->machine, &b, DISCO_BLOCK_READ, BLOCK, got, BLOCK, 1), 0);
    assert_memory_equal(got, f->bytes + BLOCK, BLOCK);
    assert_int_equal(disco_cache_stats_get(f->machine, &stats), 0);
    assert_int_equal(stats.read_blocks, 1);
    assert_int_equal(stats.blocks, 1);
    b.release(b.opaque);
    check_file(f, f->bytes);
    assert_int_equal(disco_cache_stats_get(f->machine, &stats), 0);
    assert_int_equal(stats.blocks, 0);
}

/* In the file when the request completes, and what others read then. */
static void exclusive_is_persistent(void **state)
{
    struct files *f = *state;
    disco_block_backend a;
    uint8_t data[1024], got[FILE_BYTES];
    disco_image *image;

    assert_int_equal(disco_image_open(f->machine, f->path, &image), 0);
    assert_int_equal(open_disk(image, DISCO_DISK_EXCLUSIVE, &a), 0);
    assert_int_equal(
        disk_do(f->machine, &a, DISCO_BLOCK_READ, 0, got, FILE_BYTES, 1), 0);
    memset(data, 0x5c, sizeof(data));
    assert_int_equal(disk_do(f->machine, &a, DISCO_BLOCK_WRITE,
                             FILE_BYTES - 1024, data, 1024, 0),
                     0);
    memcpy(f->bytes + FILE_BYTES - 1024, data, 1024);
    check_file(f, f->bytes);
    assert_int_equal(disk_do(f->machine, &a, DISCO_BLOCK_FLUSH, 0, NULL, 0, 0),
                     0);
    assert_int_equal(
        disk_do(f->machine, &a, DISCO_BLOCK_READ, 0, got, FILE_BYTES, 1), 0);
    assert_memory_equal(got, f->bytes, FILE_BYTES);
    a.release(a.opaque);
    /* The cache did not miss it. */
    assert_int_equal(open_disk(image, DISCO_DISK_COW, &a), 0);
    assert_int_equal(
        disk_do(f->machine, &a, DISCO_BLOCK_READ, 0, got, FILE_BYTES, 1), 0);
    assert_memory_equal(got, f->bytes, FILE_BYTES);
    a.release(a.opaque);
    disco_image_close(image);
}

/* A second machine stands for a second process: locks are of the open file. */
static void writers_exclude_others(void **state)
{
    struct files *f = *state;
    disco_block_backend a, b, raw = { .size = sizeof(raw) };
    disco_image *one, *two;
    disco_machine *machine;

    assert_int_equal(disco_machine_create(NULL, &machine, NULL), 0);
    assert_int_equal(disco_image_open(f->machine, f->path, &one), 0);
    /* Readers together. */
    assert_int_equal(disco_image_open(machine, f->path, &two), 0);
    assert_int_equal(open_disk(one, DISCO_DISK_COW, &a), 0);
    assert_int_equal(open_disk(two, DISCO_DISK_COW, &b), 0);
    b.release(b.opaque);
    a.release(a.opaque);
    assert_int_equal(open_disk(one, DISCO_DISK_EXCLUSIVE, &a), DISCO_E_BUSY);
    assert_int_equal(disco_block_open_file(machine, f->path, 0, &raw),
                     DISCO_E_BUSY);
    disco_image_close(two);
    /* A writer alone. */
    assert_int_equal(open_disk(one, DISCO_DISK_EXCLUSIVE, &a), 0);
    assert_int_equal(disco_image_open(machine, f->path, &two), DISCO_E_BUSY);
    assert_int_equal(disco_block_open_file(machine, f->path, 0, &raw),
                     DISCO_E_BUSY);
    a.release(a.opaque);
    assert_int_equal(disco_image_open(machine, f->path, &two), 0);
    disco_image_close(two);
    disco_image_close(one);
    assert_int_equal(disco_block_open_file(machine, f->path, 0, &raw), 0);
    assert_int_equal(disco_image_open(f->machine, f->path, &one), DISCO_E_BUSY);
    raw.release(raw.opaque);
    assert_int_equal(disco_machine_destroy(machine), 0);
}

static void what_is_no_image(void **state)
{
    struct files *f = *state;
    disco_block_backend a;
    disco_image *image;

    assert_int_equal(disco_image_open(f->machine, f->other, &image),
                     DISCO_E_NOENT);
    assert_int_equal(disco_image_open(f->machine, f->dir, &image),
                     DISCO_E_INVAL);
    assert_int_equal(disco_image_open(NULL, f->path, &image), DISCO_E_INVAL);
    assert_int_equal(disco_image_open(f->machine, NULL, &image), DISCO_E_INVAL);
    assert_int_equal(disco_image_open_backend(f->machine, NULL, &image),
                     DISCO_E_INVAL);
    assert_int_equal(disco_cache_stats_get(f->machine, NULL), DISCO_E_INVAL);
    assert_int_equal(truncate(f->path, 700), 0);
    assert_int_equal(disco_image_open(f->machine, f->path, &image),
                     DISCO_E_INVAL);
    assert_int_equal(truncate(f->path, 1024), 0);
    assert_int_equal(chmod(f->path, 0400), 0);
    assert_int_equal(disco_image_open(f->machine, f->path, &image), 0);
    if (geteuid() != 0)
        assert_int_equal(open_disk(image, DISCO_DISK_EXCLUSIVE, &a),
                         DISCO_E_PERM);
    disco_image_close(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(one_file_is_one_image),   T(images_are_counted),
        T(exclusive_is_persistent), T(writers_exclude_others),
        T(what_is_no_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
