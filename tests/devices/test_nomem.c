/*
 * test_nomem.c - the n-th allocation fails, for every n, while a board is made,
 * given devices, loaded, used, reset and loaded again.  What is refused leaves
 * nothing half-made; a guest gets an error from its device, the host none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <disco/board.h>
#include <disco/disco.h>
#include <disco/guest.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "elf_make.h"
#include "fake_alloc.h"

#define KSEG0 0xffffffff80000000u

enum { VMS = 2, RINGS = 0x8000, BUFFERS = 0x20000, STATUS_AT = 0x30000 };

struct world {
    disco_machine *machine;
    disco_subnet *subnet;
    disco_vm *vm[VMS];
    disco_board *board[VMS];
    char disk[32];
    uint8_t kernel[0x2000];
    uint64_t kernel_bytes;
    int has_memory; /* every device must have done its work */
};

/* A step that may fail for lack of memory, and for nothing else. */
static int ok(disco_status status)
{
    if (status)
        assert_int_equal(status, DISCO_E_NOMEM);
    return !status;
}

/* --- A driver, just enough to make a device work --- */

static void put(disco_vm *vm, uint64_t gpa, uint64_t value, uint32_t bytes)
{
    uint8_t data[8];

    elf_make_put(data, value, bytes, DISCO_LITTLE);
    ok(disco_mem_write(vm, gpa, data, bytes));
}

static void reg(disco_vm *vm, uint32_t slot, uint32_t offset, uint32_t value)
{
    uint64_t gpa = DISCO_BOARD_VIRTIO + slot * DISCO_BOARD_VIRTIO_STRIDE;

    assert_int_equal(disco_mmio_write(vm, gpa + offset, 4, value), 0);
}

/* One queue of four descriptors, with its rings in a page of its own. */
static uint64_t start_queue(disco_vm *vm, uint32_t slot, uint32_t queue)
{
    uint64_t page = RINGS + 0x2000 * (uint64_t)slot + 0x1000 * (uint64_t)queue;

    reg(vm, slot, VIRTIO_MMIO_QUEUE_SEL, queue);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_NUM, 4);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)page);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)page + 0x100);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)page + 0x200);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_READY, 1);
    return page;
}

static void start_device(disco_vm *vm, uint32_t slot, uint32_t queues)
{
    reg(vm, slot, VIRTIO_MMIO_STATUS, 0);
    reg(vm, slot, VIRTIO_MMIO_STATUS, 3);
    reg(vm, slot, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    reg(vm, slot, VIRTIO_MMIO_DRIVER_FEATURES, 1); /* VERSION_1 */
    reg(vm, slot, VIRTIO_MMIO_STATUS, 11);
    for (uint32_t q = 0; q < queues; q++)
        start_queue(vm, slot, q);
    reg(vm, slot, VIRTIO_MMIO_STATUS, 15);
}

static void put_desc(disco_vm *vm, uint64_t page, uint32_t index, uint64_t gpa,
                     uint32_t bytes, uint16_t flags)
{
    put(vm, page + 16 * (uint64_t)index, gpa, 8);
    put(vm, page + 16 * (uint64_t)index + 8, bytes, 4);
    put(vm, page + 16 * (uint64_t)index + 12, flags, 2);
    put(vm, page + 16 * (uint64_t)index + 14, index + 1, 2);
}

static void offer(disco_vm *vm, uint32_t slot, uint32_t queue)
{
    uint64_t page = RINGS + 0x2000 * (uint64_t)slot + 0x1000 * (uint64_t)queue;

    put(vm, page + 0x104, 0, 2);
    put(vm, page + 0x102, 1, 2);
    reg(vm, slot, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* Slot 0: read a sector. */
static void use_disk(disco_vm *vm)
{
    start_device(vm, 0, 1);
    put(vm, BUFFERS, 0, 8);
    put(vm, BUFFERS + 8, 0, 8);
    put_desc(vm, RINGS, 0, BUFFERS, 16, VRING_DESC_F_NEXT);
    put_desc(vm, RINGS, 1, BUFFERS + 0x200, 512,
             VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
    put_desc(vm, RINGS, 2, STATUS_AT, 1, VRING_DESC_F_WRITE);
    offer(vm, 0, 0);
}

/* Slot 1: wait for a frame. */
static void receive(disco_vm *vm)
{
    start_device(vm, 1, 2);
    put_desc(vm, RINGS + 0x2000, 0, BUFFERS + 0x1000, 2048, VRING_DESC_F_WRITE);
    offer(vm, 1, 0);
}

static void send(disco_vm *vm)
{
    static const uint8_t frame[12 + 64] = { [12] = 0xff, 0xff, 0xff,
                                            0xff,        0xff, 0xff };

    start_device(vm, 1, 2);
    ok(disco_mem_write(vm, BUFFERS + 0x2000, frame, sizeof(frame)));
    put_desc(vm, RINGS + 0x3000, 0, BUFFERS + 0x2000, sizeof(frame), 0);
    offer(vm, 1, 1);
}

/* Slot 2: a line on the console; slot 3: some entropy. */
static void use_small_devices(disco_vm *vm)
{
    start_device(vm, 2, 2);
    put_desc(vm, RINGS + 0x5000, 0, BUFFERS, 16, 0);
    offer(vm, 2, 1);
    start_device(vm, 3, 1);
    put_desc(vm, RINGS + 0x6000, 0, BUFFERS + 0x3000, 64, VRING_DESC_F_WRITE);
    offer(vm, 3, 0);
}

/* --- The board --- */

static int add_disk(struct world *w, disco_board *board)
{
    disco_block_backend be = { .size = sizeof(be) };

    if (!ok(disco_block_open_file(w->machine, w->disk, DISCO_BLOCK_READONLY,
                                  &be)))
        return 0;
    if (ok(disco_board_add_disk(board, &be)))
        return 1;
    be.release(be.opaque);
    return 0;
}

static int add_net(struct world *w, disco_board *board)
{
    disco_net_backend be = { .size = sizeof(be) };
    disco_nic *nic;

    if (!ok(disco_subnet_port(w->subnet, NULL, &be, NULL)))
        return 0;
    if (ok(disco_board_add_net(board, NULL, &be, &nic)))
        return 1;
    be.release(be.opaque);
    return 0;
}

static int add_devices(struct world *w, disco_board *board)
{
    disco_char_backend be = { .size = sizeof(be) };
    disco_vconsole *console;

    return add_disk(w, board) && add_net(w, board) &&
           ok(disco_board_add_console(board, &be, &console)) &&
           ok(disco_board_add_rng(board));
}

static int load(struct world *w, uint32_t n)
{
    static const char initrd[5000] = "initial RAM disk";
    disco_board_image image = { .size = sizeof(image),
                                .kernel = w->kernel,
                                .kernel_bytes = w->kernel_bytes,
                                .initrd = initrd,
                                .initrd_bytes = sizeof(initrd),
                                .cmdline = "console=ttyS0" };

    return ok(disco_board_load(w->board[n], &image));
}

/* A few instructions; out of memory is an exit, and the next run goes on. */
static void run(disco_vm *vm)
{
    disco_exit e = { .size = sizeof(e) };
    disco_run limit = { .size = sizeof(limit), .max_insns = 100 };

    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(disco_vcpu_run(disco_vm_vcpu(vm, 0), 0, &limit, &e),
                         0);
        if (e.reason != DISCO_EXIT_NO_MEMORY)
            break;
    }
    assert_true(e.reason == DISCO_EXIT_BUDGET ||
                e.reason == DISCO_EXIT_NO_MEMORY);
}

static int make_vm(struct world *w, uint32_t n)
{
    disco_board_config config = { .size = sizeof(config),
                                  .ram_bytes = 8 << 20,
                                  .cpus = 2 };

    return ok(disco_vm_create(w->machine, NULL, &w->vm[n])) &&
           ok(disco_board_create(w->vm[n], &config, &w->board[n])) &&
           add_devices(w, w->board[n]) && load(w, n);
}

static uint8_t byte_at(disco_vm *vm, uint64_t gpa)
{
    uint8_t byte = 0xff;

    assert_int_equal(disco_mem_read(vm, gpa, &byte, 1), 0);
    return byte;
}

/* One chain of each queue came back; the disk says it went well. */
static void check_work(struct world *w)
{
    static const uint64_t used[] = { 0, 0x3000, 0x5000, 0x6000 };

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
        assert_int_equal(byte_at(w->vm[0], RINGS + used[i] + 0x202), 1);
    assert_int_equal(byte_at(w->vm[0], STATUS_AT), 0);
    assert_int_equal(byte_at(w->vm[1], RINGS + 0x2202), 1);
}

static void use(struct world *w)
{
    for (uint32_t n = 0; n < VMS; n++)
        run(w->vm[n]);
    use_disk(w->vm[0]);
    receive(w->vm[1]);
    send(w->vm[0]);
    use_small_devices(w->vm[0]);
    if (w->has_memory)
        check_work(w);
    assert_int_equal(disco_machine_verify(w->machine), 0);
    assert_int_equal(disco_vm_reset(w->vm[0]), 0);
    if (load(w, 0))
        run(w->vm[0]);
}

static void one_life(struct world *w, disco_allocator *allocator)
{
    disco_machine_config c = { .size = sizeof(c),
                               .node_bytes = 64 << 20,
                               .allocator = allocator };

    w->subnet = NULL;
    memset(w->vm, 0, sizeof(w->vm));
    if (!ok(disco_machine_create(&c, &w->machine, NULL)))
        return;
    if (ok(disco_subnet_create(w->machine, &w->subnet)) && make_vm(w, 0) &&
        make_vm(w, 1))
        use(w);
    assert_int_equal(disco_machine_verify(w->machine), 0);
    for (uint32_t n = 0; n < VMS; n++)
        if (w->vm[n])
            assert_int_equal(disco_vm_destroy(w->vm[n]), 0);
    if (w->subnet)
        assert_int_equal(disco_subnet_destroy(w->subnet), 0);
    assert_int_equal(disco_machine_destroy(w->machine), 0);
}

static int setup(void **state)
{
    static const uint8_t loop[16] = { 0x10, 0x00, 0xff, 0xff };
    struct elf_make_segment s = { .vaddr = KSEG0 + 0x100000,
                                  .filesz = sizeof(loop),
                                  .memsz = 0x3000,
                                  .data = loop };
    struct world *w = calloc(1, sizeof(*w));
    int fd;

    *state = w;
    if (!w)
        return -1;
    w->kernel_bytes = elf_make(w->kernel, 64, DISCO_BIG, s.vaddr, &s, 1);
    strcpy(w->disk, "/tmp/disco-nomem-XXXXXX");
    fd = mkstemp(w->disk);
    if (fd < 0 || ftruncate(fd, 1 << 20))
        return -1;
    return close(fd);
}

static int teardown(void **state)
{
    struct world *w = *state;

    unlink(w->disk);
    free(w);
    return 0;
}

static void test_every_allocation_fails_once(void **state)
{
    struct world *w = *state;
    struct fake_alloc fake;
    disco_allocator allocator = fake_alloc_ops(&fake);
    uint64_t all;

    w->has_memory = 1;
    one_life(w, &allocator);
    w->has_memory = 0;
    all = fake.calls;
    assert_true(all > 60);
    for (uint64_t n = 1; n <= all; n++) {
        allocator = fake_alloc_ops(&fake);
        fake.fail_at = n;
        one_life(w, &allocator);
        assert_int_equal(fake.live, 0);
        assert_int_equal(fake.bad_frees, 0);
    }
}

/* And all from the n-th on. */
static void test_no_memory_any_more(void **state)
{
    struct world *w = *state;
    struct fake_alloc fake;
    disco_allocator allocator = fake_alloc_ops(&fake);
    uint64_t all;

    one_life(w, &allocator);
    all = fake.calls;
    for (uint64_t n = 1; n <= all; n++) {
        allocator = fake_alloc_ops(&fake);
        fake.fail_from = n;
        one_life(w, &allocator);
        assert_int_equal(fake.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_allocation_fails_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_any_more, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
