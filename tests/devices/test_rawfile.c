/*
 * test_rawfile.c - the raw file back end: requests, sizes, locks, odd files.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DISK_BYTES = 64 * 512 };

struct fixture {
    disco_machine *machine;
    char dir[64];
    char path[160];
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    const char *tmp = getenv("TMPDIR");
    int fd;

    *state = f;
    f->machine = fake_machine_new();
    snprintf(f->dir, sizeof(f->dir), "%s/disco-rawfile-XXXXXX",
             tmp && strlen(tmp) < 30 ? tmp : P_tmpdir);
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof(f->path), "%.63s/disk", f->dir);
    fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, DISK_BYTES) != 0)
        return -1;
    return close(fd);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    unlink(f->path);
    rmdir(f->dir);
    return fake_machine_free(f->machine) != 0;
}

struct result {
    uint32_t calls;
    disco_status status;
};

static void on_done(disco_block_request *request, disco_status status)
{
    struct result *result = request->cookie;

    result->calls++;
    result->status = status;
}

static disco_status go(const disco_block_backend *be, uint32_t op, uint64_t at,
                       void *data, uint64_t bytes)
{
    struct result result = { 0, 1 };
    disco_block_request request = {
        .op = op,
        .offset_bytes = at,
        .bytes = bytes,
        .data = data,
        .cookie = &result,
        .done = on_done,
    };

    be->submit(be->opaque, &request);
    assert_int_equal(result.calls, 1);
    return result.status;
}

static disco_status open_disk(struct fixture *f, uint32_t flags,
                              disco_block_backend *be)
{
    be->size = sizeof(*be);
    return disco_block_open_file(f->machine, f->path, flags, be);
}

static void read_write_flush(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be;
    uint8_t a[1024], b[1024];

    assert_int_equal(open_disk(f, 0, &be), 0);
    assert_int_equal(be.bytes, DISK_BYTES);
    assert_int_equal(be.size, sizeof(be));
    memset(a, 0x3c, sizeof(a));
    assert_int_equal(go(&be, DISCO_BLOCK_WRITE, DISK_BYTES - 1024, a, 1024), 0);
    assert_int_equal(go(&be, DISCO_BLOCK_FLUSH, 0, NULL, 0), 0);
    assert_int_equal(go(&be, DISCO_BLOCK_READ, DISK_BYTES - 1024, b, 1024), 0);
    assert_memory_equal(a, b, 1024);
    be.release(be.opaque);
    assert_int_equal(open_disk(f, DISCO_BLOCK_READONLY, &be), 0);
    assert_int_equal(go(&be, DISCO_BLOCK_READ, DISK_BYTES - 512, b, 512), 0);
    assert_int_equal(b[511], 0x3c);
    assert_int_equal(go(&be, DISCO_BLOCK_WRITE, 0, a, 512), DISCO_E_IO);
    assert_int_equal(go(&be, DISCO_BLOCK_FLUSH, 0, NULL, 0), 0);
    be.release(be.opaque);
}

static void outside_the_disk(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be;
    uint8_t a[512] = { 0 };

    assert_int_equal(open_disk(f, 0, &be), 0);
    assert_int_equal(go(&be, DISCO_BLOCK_WRITE, DISK_BYTES, a, 512),
                     DISCO_E_IO);
    assert_int_equal(go(&be, DISCO_BLOCK_READ, UINT64_MAX - 511, a, 512),
                     DISCO_E_IO);
    assert_int_equal(go(&be, 99, 0, a, 512), DISCO_E_IO);
    /* The file got shorter behind our back. */
    assert_int_equal(truncate(f->path, 512), 0);
    assert_int_equal(go(&be, DISCO_BLOCK_READ, 512, a, 512), DISCO_E_IO);
    be.release(be.opaque);
}

static void one_writer(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be, second;
    disco_error err = { .size = sizeof(err) };

    assert_int_equal(open_disk(f, 0, &be), 0);
    assert_int_equal(open_disk(f, 0, &second), DISCO_E_BUSY);
    errors_get(&f->machine->context.errors, &err);
    assert_non_null(strstr(err.text, f->path));
    assert_int_equal(open_disk(f, DISCO_BLOCK_READONLY, &second), 0);
    second.release(second.opaque);
    be.release(be.opaque);
    assert_int_equal(open_disk(f, 0, &second), 0);
    second.release(second.opaque);
}

static void files_that_are_no_disks(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be = { .size = sizeof(be) };
    char path[160];

    snprintf(path, sizeof(path), "%s/none", f->dir);
    assert_int_equal(disco_block_open_file(f->machine, path, 0, &be),
                     DISCO_E_NOENT);
    assert_int_equal(disco_block_open_file(f->machine, f->dir, 0, &be),
                     DISCO_E_INVAL);
    assert_int_equal(disco_block_open_file(f->machine, f->dir, 1, &be),
                     DISCO_E_INVAL);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(disco_block_open_file(f->machine, path, 1, &be),
                     DISCO_E_INVAL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(disco_block_open_file(f->machine, "/dev/zero", 1, &be),
                     DISCO_E_INVAL);
    assert_int_equal(truncate(f->path, 700), 0);
    assert_int_equal(open_disk(f, 0, &be), DISCO_E_INVAL);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(open_disk(f, 0, &be), DISCO_E_INVAL);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;
    disco_block_backend be = { .size = 4 };

    assert_int_equal(disco_block_open_file(NULL, f->path, 0, &be),
                     DISCO_E_INVAL);
    assert_int_equal(disco_block_open_file(f->machine, NULL, 0, &be),
                     DISCO_E_INVAL);
    assert_int_equal(disco_block_open_file(f->machine, f->path, 2, &be),
                     DISCO_E_INVAL);
    assert_int_equal(disco_block_open_file(f->machine, f->path, 0, &be),
                     DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(open_disk(f, 0, &be), DISCO_E_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(read_write_flush),        T(outside_the_disk), T(one_writer),
        T(files_that_are_no_disks), T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
