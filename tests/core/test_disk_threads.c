/*
 * test_disk_threads.c - VMs on threads of their own read and write disks of one
 * image, with pages mapped and taken, while another thread moves and copies
 * their pages between nodes and memory is short.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/disk_source.h"
#include "fixture.h"

#include "base/compiler.h"
#include "devices/blk_pages.h"

enum {
    PAGE = 4096,
    VMS = 3,
    PAGES = 16, /* of a VM's memory, and blocks of the image */
    BYTES = PAGES * PAGE,
    STEPS = 1500
};

struct world {
    disco_machine *machine;
    disco_vm *vm[VMS];
    disco_image *image;
    struct source source;
    uint32_t stop; /* atomic */
};

struct worker {
    struct world *w;
    disco_vm *vm;
    disco_block_backend disk;
    uint8_t ram[BYTES];
    uint8_t flat[BYTES];
    uint32_t random;
    uint32_t failures;
    uint32_t short_of_memory;
};

static uint32_t next(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 8;
}

static void one_segment(struct virtq_chain *chain, uint64_t gpa, uint64_t bytes,
                        int to_guest)
{
    memset(chain, 0, sizeof(*chain));
    chain->seg[0].gpa = gpa;
    chain->seg[0].bytes = (uint32_t)bytes;
    chain->segs = 1;
    chain->out_segs = !to_guest;
}

/* Blocks `block`.. to or from memory at `gpa`; the status of the whole. */
static disco_status transfer(struct worker *k, int to_guest, uint64_t block,
                             uint64_t gpa, uint64_t bytes)
{
    disco_block_account account = { .size = sizeof(account) };
    uint8_t data[4 * PAGE];
    struct virtq_chain chain;
    struct blk_pages pages;
    struct disk_io io;
    disco_status status = 0;

    memset(&io, 0, sizeof(io));
    one_segment(&chain, gpa, bytes, to_guest);
    pages.offset_bytes = block * PAGE;
    pages.bytes = bytes;
    pages.page = io.page;
    if (!to_guest)
        status = blk_pages_from_guest(k->vm, &chain, 0, &pages, data);
    if (status)
        return status;
    disk_resume(&k->disk, &io, to_guest ? DISCO_BLOCK_READ : DISCO_BLOCK_WRITE,
                block * PAGE, data, bytes, 1);
    disk_wait(&io);
    status = io.status;
    if (!status && to_guest)
        status = blk_pages_to_guest(k->vm, &chain, &pages, &account);
    blk_pages_drop(k->w->machine, &pages);
    return status;
}

/* A failure for want of memory may have done a part: look what is there. */
static void settle(struct worker *k, disco_status status)
{
    if (!status)
        return;
    k->short_of_memory++;
    k->failures += status != DISCO_E_NOMEM;
    disco_mem_read(k->vm, 0, k->ram, BYTES);
    while (disk_do(k->w->machine, &k->disk, DISCO_BLOCK_READ, 0, k->flat, BYTES,
                   0))
        spin_pause();
}

static void step(struct worker *k)
{
    uint64_t bytes = (1 + next(&k->random) % 3) * PAGE;
    uint64_t block = next(&k->random) % (PAGES - 3);
    uint64_t gpa = (uint64_t)(next(&k->random) % (PAGES - 3)) * PAGE;
    uint8_t data[700], got[3 * PAGE];
    disco_status status;

    switch (next(&k->random) % 4) {
    case 0:
        memset(data, (int)next(&k->random), sizeof(data));
        status = disco_mem_write(k->vm, gpa + 100, data, sizeof(data));
        if (!status)
            memcpy(k->ram + gpa + 100, data, sizeof(data));
        break;
    case 1:
        status = transfer(k, 0, block, gpa, bytes);
        if (!status)
            memcpy(k->flat + block * PAGE, k->ram + gpa, bytes);
        break;
    default:
        status = transfer(k, 1, block, gpa, bytes);
        if (!status)
            memcpy(k->ram + gpa, k->flat + block * PAGE, bytes);
    }
    settle(k, status);
    disco_mem_read(k->vm, gpa, got, bytes);
    k->failures += memcmp(got, k->ram + gpa, bytes) != 0;
}

static void *work(void *opaque)
{
    struct worker *k = opaque;
    uint32_t i;

    for (i = 0; i < STEPS; i++)
        step(k);
    return NULL;
}

static void *shuffle(void *opaque)
{
    struct world *w = opaque;
    uint32_t random = 99;

    while (!load_acquire(&w->stop)) {
        disco_vm *vm = w->vm[next(&random) % VMS];
        uint64_t gpa = (uint64_t)(next(&random) % PAGES) * PAGE;

        if (next(&random) % 2)
            disco_page_migrate(vm, gpa, next(&random) % 2);
        else
            disco_page_replicate(vm, gpa, next(&random) % 2);
    }
    return NULL;
}

static void open_all(struct world *w, struct worker *k, uint64_t node_frames)
{
    disco_machine_config c = { .size = sizeof(c), .nodes = 2 };
    disco_disk_config d = { .size = sizeof(d), .mode = DISCO_DISK_COW };
    disco_block_backend be;
    uint32_t i;

    memset(w, 0, sizeof(*w));
    c.node_bytes = node_frames * PAGE;
    assert_int_equal(disco_machine_create(&c, &w->machine, NULL), 0);
    source_init(&w->source, BYTES, 1);
    be = source_backend(&w->source, 0);
    assert_int_equal(disco_image_open_backend(w->machine, &be, &w->image), 0);
    for (i = 0; i < VMS; i++) {
        assert_int_equal(disco_vm_create(w->machine, NULL, &w->vm[i]), 0);
        assert_int_equal(disco_vm_map_ram(w->vm[i], 0, BYTES, NULL), 0);
        k[i].w = w;
        k[i].vm = w->vm[i];
        k[i].random = i;
        k[i].disk.size = sizeof(k[i].disk);
        d.node = i % 2;
        assert_int_equal(disco_disk_open(w->image, &d, &k[i].disk), 0);
        memcpy(k[i].flat, w->source.bytes, BYTES);
    }
}

static void close_all(struct world *w, struct worker *k)
{
    disco_machine_stats s = { .size = sizeof(s) };
    uint32_t i;

    assert_int_equal(disco_machine_verify(w->machine), 0);
    for (i = 0; i < VMS; i++) {
        assert_int_equal(k[i].failures, 0);
        assert_int_equal(disco_vm_destroy(w->vm[i]), 0);
        k[i].disk.release(k[i].disk.opaque);
    }
    disco_image_close(w->image);
    assert_int_equal(disco_machine_stats_get(w->machine, &s), 0);
    assert_int_equal(s.frames_used, 0);
    assert_int_equal(disco_machine_destroy(w->machine), 0);
    source_destroy(&w->source);
}

static void run(uint64_t node_frames)
{
    struct worker *k = calloc(VMS, sizeof(*k));
    pthread_t thread[VMS], mover;
    struct world w;
    uint32_t i;

    open_all(&w, k, node_frames);
    for (i = 0; i < VMS; i++)
        pthread_create(&thread[i], NULL, work, &k[i]);
    pthread_create(&mover, NULL, shuffle, &w);
    for (i = 0; i < VMS; i++)
        pthread_join(thread[i], NULL);
    store_release(&w.stop, 1);
    pthread_join(mover, NULL);
    close_all(&w, k);
    free(k);
}

static void with_plenty(void **state)
{
    (void)state;
    run(256);
}

/* Enough for all memory and all changes, and little for the cache. */
static void with_little(void **state)
{
    (void)state;
    run(56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_plenty),
        cmocka_unit_test(with_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
