/*
 * test_board_fork.c - a board VM forked while its guest waits for input, on the
 * real monitor: both go on, each for itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <disco/board.h>
#include <disco/disco.h>
#include <disco/guest.h>

#include "core/disk_source.h"
#include "fake_alloc.h"

enum {
    CODE = 0x100000,
    COUNT = 0x200000,
    TOUCHED = 0x400000,
    TOUCHED_PAGES = 512,
    DISK_BYTES = 64 * 4096
};

/* Adds one to every byte that comes in, says it, and counts at COUNT. */
static const uint32_t echo[] = {
    0x3c08bc02, /*       lui   t0,0xbc02    UART */
    0x3c09bc00, /*       lui   t1,0xbc00    interrupt controller */
    0x3c0abc01, /*       lui   t2,0xbc01    idle register, at 0x1000 */
    0x240b0001, /*       li    t3,1 */
    0xad2b000c, /*       sw    t3,0xc(t1)   unmask */
    0xa10b0001, /*       sb    t3,1(t0)     receive interrupts */
    0x400c6000, /*       mfc0  t4,$12 */
    0x358c0400, /*       ori   t4,t4,0x400 */
    0x408c6000, /*       mtc0  t4,$12 */
    0xad401000, /* loop: sw    zero,0x1000(t2) */
    0x910d0005, /*       lbu   t5,5(t0) */
    0x31ad0001, /*       andi  t5,t5,1 */
    0x11a0fffc, /*       beqz  t5,loop */
    0x00000000, /*       nop */
    0x910d0000, /*       lbu   t5,0(t0) */
    0x25ad0001, /*       addiu t5,t5,1 */
    0x3c0e8020, /*       lui   t6,0x8020 */
    0x8dcf0000, /*       lw    t7,0(t6) */
    0x25ef0001, /*       addiu t7,t7,1 */
    0xadcf0000, /*       sw    t7,0(t6) */
    0xa10d0000, /*       sb    t5,0(t0) */
    0x1000fff3, /*       b     loop */
    0x00000000, /*       nop */
};

struct sink {
    char text[64];
    uint32_t bytes;
};

struct fixture {
    struct fake_alloc fake;
    disco_allocator allocator;
    disco_machine *machine;
    disco_vm *vm;
    disco_board *board;
    struct sink parents;
    struct sink childs;
    struct source source;
    disco_image *image;
    disco_subnet *subnet;
};

static struct fixture fixture;

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct sink *sink = opaque;

    if (bytes < sizeof(sink->text) - sink->bytes)
        memcpy(sink->text + sink->bytes, data, bytes);
    sink->bytes += bytes;
}

static disco_status on_fork(void *opaque, disco_vm *child,
                            disco_char_backend *out)
{
    (void)opaque;
    (void)child;
    out->opaque = &fixture.childs;
    out->write = on_write;
    return 0;
}

/* As many pages as the guest of a small system has, with something in them. */
static void touch(struct fixture *f)
{
    uint32_t i;

    for (i = 0; i < TOUCHED_PAGES; i++)
        assert_int_equal(
            disco_mem_write(f->vm, TOUCHED + 4096u * i, &i, sizeof(i)), 0);
}

static void load(struct fixture *f, uint32_t cpus)
{
    disco_board_config config = { .size = sizeof(config),
                                  .ram_bytes = 16 << 20,
                                  .cpus = cpus,
                                  .wall_ns = 1000 };
    uint8_t raw[sizeof(echo)];
    uint32_t i;

    config.console = (disco_char_backend){ .size = sizeof(config.console),
                                           .opaque = &f->parents,
                                           .write = on_write,
                                           .fork = on_fork };
    assert_int_equal(disco_board_create(f->vm, &config, &f->board), 0);
    for (i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(echo[i / 4] >> (24 - 8 * (i % 4)));
    assert_int_equal(disco_mem_write(f->vm, CODE, raw, sizeof(raw)), 0);
    touch(f);
    assert_int_equal(
        disco_vcpu_start(disco_vm_vcpu(f->vm, 0), 0xffffffff80000000u + CODE),
        0);
}

static int setup(void **state)
{
    disco_machine_config config = { .size = sizeof(config) };
    struct fixture *f = &fixture;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->allocator = fake_alloc_ops(&f->fake);
    config.allocator = &f->allocator;
    return disco_machine_create(&config, &f->machine, NULL) ||
           disco_vm_create(f->machine, NULL, &f->vm);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int failed = disco_vm_destroy(f->vm) != 0;

    disco_image_close(f->image);
    if (f->subnet)
        failed |= disco_subnet_destroy(f->subnet) != 0;
    failed |= disco_machine_destroy(f->machine) != 0;
    if (f->source.bytes)
        source_destroy(&f->source);
    return failed || f->fake.live || f->fake.bad_frees;
}

/* Until it waits for input. */
static void run(disco_vm *vm)
{
    disco_run budget = { .size = sizeof(budget), .max_insns = 10000 };
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_run(disco_vm_vcpu(vm, 0), 0, &budget, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
}

static void type(disco_vm *vm, char c)
{
    disco_board *board = disco_board_of(vm);

    assert_non_null(board);
    assert_int_equal(disco_board_console_input(board, (const uint8_t *)&c, 1),
                     1);
}

static uint32_t count(disco_vm *vm)
{
    uint8_t raw[4];

    assert_int_equal(disco_mem_read(vm, COUNT, raw, 4), 0);
    return (uint32_t)raw[0] << 24 | raw[1] << 16 | raw[2] << 8 | raw[3];
}

static uint64_t frames_used(disco_machine *machine)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_machine_stats_get(machine, &stats), 0);
    return stats.frames_used;
}

static void test_both_go_on(void **state)
{
    struct fixture *f = *state;
    disco_vm *child;
    uint64_t value;

    load(f, 2);
    assert_ptr_equal(disco_board_of(f->vm), f->board);
    run(f->vm);
    type(f->vm, 'a');
    run(f->vm);
    assert_memory_equal(f->parents.text, "b", 2);
    assert_int_equal(disco_vm_fork(f->vm, NULL, &child), 0);
    assert_ptr_not_equal(disco_board_of(child), f->board);
    assert_ptr_equal(disco_board_uart(disco_board_of(child)),
                     disco_uart_of(child, DISCO_BOARD_UART));
    run(child);
    type(child, 'x');
    type(f->vm, 'm');
    run(child);
    assert_memory_equal(f->childs.text, "y", 2);
    assert_memory_equal(f->parents.text, "b", 2);
    assert_int_equal(count(child), 2);
    assert_int_equal(count(f->vm), 1);
    run(f->vm);
    assert_memory_equal(f->parents.text, "bn", 3);
    assert_int_equal(disco_vcpu_is_parked(disco_vm_vcpu(child, 1)), 1);
    /* The child's power register ends the child. */
    assert_int_equal(
        disco_mmio_write(child, DISCO_BOARD_POWER, 4, DISCO_POWER_OFF), 0);
    assert_int_equal(disco_vcpu_runnable(disco_vm_vcpu(child, 0)), 0);
    type(f->vm, 'o');
    run(f->vm);
    assert_memory_equal(f->parents.text, "bnp", 4);
    assert_int_equal(disco_mmio_read(child, DISCO_BOARD_RTC, 4, &value), 0);
    assert_int_equal(disco_vm_destroy(child), 0);
}

/* With a byte that the guest has not seen yet, and the line high. */
static void test_pending_input(void **state)
{
    disco_vm *child, *grandchild;
    struct fixture *f = *state;

    load(f, 1);
    run(f->vm);
    type(f->vm, 'a');
    assert_int_equal(disco_vm_fork(f->vm, NULL, &child), 0);
    assert_int_equal(disco_vm_fork(child, NULL, &grandchild), 0);
    assert_int_equal(disco_vm_destroy(f->vm), 0);
    f->vm = grandchild;
    run(child);
    assert_memory_equal(f->childs.text, "b", 2);
    assert_int_equal(disco_vm_destroy(child), 0);
    run(grandchild);
    assert_memory_equal(f->childs.text, "bb", 3);
}

/* The child's reset is not its parent's, and it can be loaded again. */
static void test_reset(void **state)
{
    struct fixture *f = *state;
    disco_vm *child;

    load(f, 1);
    run(f->vm);
    assert_int_equal(disco_vm_fork(f->vm, NULL, &child), 0);
    assert_int_equal(disco_vm_reset(child), 0);
    assert_int_equal(disco_vcpu_is_parked(disco_vm_vcpu(child, 0)), 1);
    type(f->vm, 'a');
    run(f->vm);
    assert_memory_equal(f->parents.text, "b", 2);
    assert_int_equal(
        disco_vcpu_start(disco_vm_vcpu(child, 0), 0xffffffff80000000u + CODE),
        0);
    run(child);
    type(child, 'c');
    run(child);
    assert_memory_equal(f->childs.text, "d", 2);
    assert_int_equal(disco_vm_destroy(child), 0);
}

/* A device in every kind of slot. */
static void add_devices(struct fixture *f)
{
    disco_disk_config disk = { .size = sizeof(disk), .mode = DISCO_DISK_COW };
    disco_block_backend block = { .size = sizeof(block) };
    disco_net_backend net = { .size = sizeof(net) };
    disco_block_backend be;

    source_init(&f->source, DISK_BYTES, 1);
    be = source_backend(&f->source, 0);
    assert_int_equal(disco_image_open_backend(f->machine, &be, &f->image), 0);
    assert_int_equal(disco_disk_open(f->image, &disk, &block), 0);
    assert_int_equal(disco_board_add_disk(f->board, &block), 0);
    assert_int_equal(disco_subnet_create(f->machine, &f->subnet), 0);
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &net, NULL), 0);
    assert_int_equal(disco_board_add_net(f->board, NULL, &net, NULL), 0);
    assert_int_equal(disco_board_add_console(f->board, NULL, NULL), 0);
    assert_int_equal(disco_board_add_rng(f->board), 0);
}

/* Every allocation fails once: no child, and the parent goes on. */
static void test_no_memory(void **state)
{
    disco_machine_stats stats = { .size = sizeof(stats) };
    struct fixture *f = *state;
    uint64_t n, before, frames;
    disco_status status;
    disco_vm *child;

    load(f, 2);
    add_devices(f);
    run(f->vm);
    frames = frames_used(f->machine);
    for (n = 1;; n++) {
        before = f->fake.live;
        f->fake.fail_at = f->fake.calls + n;
        status = disco_vm_fork(f->vm, NULL, &child);
        f->fake.fail_at = 0;
        if (!status)
            break;
        assert_int_equal(status, DISCO_E_NOMEM);
        assert_int_equal(f->fake.live, before);
        assert_int_equal(disco_machine_stats_get(f->machine, &stats), 0);
        assert_int_equal(stats.vms, 1);
    }
    assert_true(n > 20);
    assert_int_equal(disco_machine_verify(f->machine), 0);
    /* Not a single page was copied. */
    assert_int_equal(frames_used(f->machine), frames);
    type(child, 'a');
    run(child);
    assert_memory_equal(f->childs.text, "b", 2);
    assert_in_range(frames_used(f->machine), frames, frames + 2);
    type(f->vm, 'c');
    run(f->vm);
    assert_memory_equal(f->parents.text, "d", 2);
    assert_int_equal(disco_vm_destroy(child), 0);
    assert_int_equal(disco_machine_verify(f->machine), 0);
}

/* What cannot be copied is named. */
static void test_disk_of_the_host(void **state)
{
    disco_error err = { .size = sizeof(err) };
    struct fixture *f = *state;
    disco_block_backend be;
    disco_vm *child;

    load(f, 1);
    source_init(&f->source, DISK_BYTES, 1);
    be = source_backend(&f->source, 0);
    assert_int_equal(disco_board_add_disk(f->board, &be), 0);
    assert_int_equal(disco_vm_fork(f->vm, NULL, &child), DISCO_E_UNSUPPORTED);
    disco_machine_last_error(f->machine, &err);
    assert_non_null(strstr(err.text, "virtio-blk@1c100000"));
}

static void test_no_board(void **state)
{
    struct fixture *f = *state;

    assert_null(disco_board_of(f->vm));
    assert_null(disco_board_of(NULL));
    assert_null(disco_uart_of(NULL, 0));
    assert_null(disco_vconsole_of(f->vm, 0));
    assert_null(disco_nic_of(f->vm, 0));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_both_go_on), T(test_pending_input),    T(test_reset),
        T(test_no_memory),  T(test_disk_of_the_host), T(test_no_board),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
