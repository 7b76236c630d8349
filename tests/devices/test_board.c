/*
 * test_board.c - unit tests of the disco board (src/devices/board.c,
 * board_load.c) on the real monitor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <disco/disco.h>
#include <disco/guest.h>

#include "devices/board.h"
#include "devices/fdt.h"

#include "elf_make.h"

#define KSEG0 0xffffffff80000000u

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_board *board;
    uint8_t file[4096];
    uint64_t bytes;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return !f || disco_machine_create(NULL, &f->machine, NULL) ||
           disco_vm_create(f->machine, NULL, &f->vm);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int failed = disco_vm_destroy(f->vm) || disco_machine_destroy(f->machine);

    free(f);
    return failed;
}

static void make_board(struct fixture *f, uint64_t ram_bytes, uint32_t cpus,
                       uint32_t order)
{
    disco_vcpu_config vcpu = { .size = sizeof(vcpu), .order = order };
    disco_board_config config = { .size = sizeof(config),
                                  .ram_bytes = ram_bytes,
                                  .cpus = cpus,
                                  .vcpu = &vcpu };

    assert_int_equal(disco_board_create(f->vm, &config, &f->board), 0);
}

/* A kernel of 64 bytes and 0x2000 bytes of bss at physical 1 MiB. */
static void make_kernel(struct fixture *f, uint32_t bits, uint32_t order)
{
    static const char text[64] = "the kernel's text and data";
    struct elf_make_segment s = { .vaddr = KSEG0 + 0x100000,
                                  .filesz = sizeof(text),
                                  .memsz = 0x2000,
                                  .data = text };

    f->bytes = elf_make(f->file, bits, order, KSEG0 + 0x100000, &s, 1);
}

static disco_board_image image_of(const struct fixture *f)
{
    disco_board_image image = { .size = sizeof(image),
                                .kernel = f->file,
                                .kernel_bytes = f->bytes };

    return image;
}

static uint64_t reg(disco_vcpu *vcpu, uint64_t id)
{
    uint64_t value = 0;

    assert_int_equal(disco_vcpu_get_regs(vcpu, &id, &value, 1), 0);
    return value;
}

static void expect_error(struct fixture *f, const char *text)
{
    disco_error err = { .size = sizeof(err) };

    disco_machine_last_error(f->machine, &err);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static void test_create(void **state)
{
    struct fixture *f = *state;
    disco_board *other;
    uint8_t byte;

    make_board(f, (uint64_t)512 << 20, 3, DISCO_BIG);
    assert_int_equal(disco_vm_vcpu_count(f->vm), 3);
    assert_non_null(disco_board_uart(f->board));
    assert_int_equal(disco_mem_read(f->vm, 0x1bffffff, &byte, 1), 0);
    assert_int_equal(disco_mem_read(f->vm, 0x1c000000, &byte, 1),
                     DISCO_E_FAULT);
    assert_int_equal(disco_mem_read(f->vm, 0x23ffffff, &byte, 1), 0);
    assert_int_equal(disco_mem_read(f->vm, 0x24000000, &byte, 1),
                     DISCO_E_FAULT);
    assert_int_equal(disco_mem_read(f->vm, 0x1fffffff, &byte, 1), 0);
    assert_int_equal(disco_board_create(f->vm, NULL, &other), DISCO_E_STATE);
    expect_error(f, "not empty");
}

static void test_create_refuses(void **state)
{
    static const disco_board_config bad[] = {
        { .size = sizeof(bad[0]), .ram_bytes = 4096 },
        { .size = sizeof(bad[0]), .ram_bytes = ((uint64_t)64 << 30) + 4096 },
        { .size = sizeof(bad[0]), .ram_bytes = (1 << 20) + 1 },
        { .size = sizeof(bad[0]), .cpus = 33 },
        { .size = sizeof(bad[0]), .flags = 1 },
        { .size = 4 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(disco_board_create(f->vm, &bad[i], &f->board),
                         DISCO_E_INVAL);
    assert_int_equal(disco_board_create(NULL, NULL, &f->board), DISCO_E_INVAL);
    assert_int_equal(disco_board_create(f->vm, NULL, NULL), DISCO_E_INVAL);
    /* The VM is still usable. */
    make_board(f, 1 << 20, 1, DISCO_BIG);
}

static void check_entry(struct fixture *f, uint32_t bits)
{
    disco_vcpu *vcpu = disco_vm_vcpu(f->vm, 0);
    uint64_t status = reg(vcpu, DISCO_REG_CP0(12));

    assert_int_equal(reg(vcpu, DISCO_REG_PC), KSEG0 + 0x100000);
    /* BEV, SX, UX, KSU, ERL, EXL, IE are 0; KX follows the kernel. */
    assert_int_equal(status & 0x4000ff, bits == 64 ? 0x80 : 0);
    assert_int_equal(reg(vcpu, DISCO_REG_CP0(16)) & 7, 5);
    assert_int_equal(disco_vcpu_runnable(vcpu), 1);
    assert_int_equal(disco_vcpu_runnable(disco_vm_vcpu(f->vm, 1)), 0);
}

static void check_tree(struct fixture *f)
{
    disco_vcpu *vcpu = disco_vm_vcpu(f->vm, 0);
    uint64_t at = reg(vcpu, DISCO_REG_GPR(5)) - KSEG0;
    uint64_t bytes = 0;
    uint8_t *ours;
    uint8_t *guests;

    if (!board_tree_is_built_in()) {
        assert_int_equal(reg(vcpu, DISCO_REG_GPR(4)), 0);
        assert_int_equal(reg(vcpu, DISCO_REG_GPR(5)), 0);
        assert_int_equal(disco_board_dtb(f->board, NULL, &bytes),
                         DISCO_E_NOENT);
        return;
    }
    assert_int_equal(reg(vcpu, DISCO_REG_GPR(4)), ~(uint64_t)1);
    assert_int_equal(at % 8, 0);
    assert_true(at >= 0x102000);
    assert_int_equal(disco_board_dtb(f->board, NULL, &bytes), 0);
    ours = malloc(bytes);
    guests = malloc(bytes);
    assert_int_equal(disco_board_dtb(f->board, ours, &bytes), 0);
    assert_int_equal(disco_mem_read(f->vm, at, guests, bytes), 0);
    assert_memory_equal(ours, guests, bytes);
    bytes--;
    assert_int_equal(disco_board_dtb(f->board, ours, &bytes), DISCO_E_RANGE);
    free(ours);
    free(guests);
}

static void load_kind(struct fixture *f, uint32_t bits, uint32_t order)
{
    disco_board_image image;
    uint8_t memory[0x2000];

    make_board(f, 16 << 20, 2, order);
    make_kernel(f, bits, order);
    image = image_of(f);
    memset(memory, 0xaa, sizeof(memory));
    assert_int_equal(disco_mem_write(f->vm, 0x100000, memory, sizeof(memory)),
                     0);
    assert_int_equal(disco_board_load(f->board, &image), 0);
    assert_int_equal(disco_mem_read(f->vm, 0x100000, memory, sizeof(memory)),
                     0);
    assert_string_equal((char *)memory, "the kernel's text and data");
    for (size_t i = 64; i < sizeof(memory); i++)
        assert_int_equal(memory[i], 0);
    check_entry(f, bits);
    check_tree(f);
}

static void test_load_64_big(void **state)
{
    load_kind(*state, 64, DISCO_BIG);
}

static void test_load_32_big(void **state)
{
    load_kind(*state, 32, DISCO_BIG);
}

static void test_load_64_little(void **state)
{
    load_kind(*state, 64, DISCO_LITTLE);
}

static void test_load_again(void **state)
{
    struct fixture *f = *state;
    disco_board_image image;

    make_board(f, 16 << 20, 2, DISCO_BIG);
    make_kernel(f, 64, DISCO_BIG);
    image = image_of(f);
    assert_int_equal(disco_board_load(f->board, &image), 0);
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_STATE);
    expect_error(f, "reset the VM first");
    assert_int_equal(disco_vm_reset(f->vm), 0);
    assert_int_equal(disco_board_load(f->board, &image), 0);
    check_entry(f, 64);
}

static void test_initrd(void **state)
{
    struct fixture *f = *state;
    disco_board_image image;
    uint8_t initrd[10000];
    uint8_t back[10000];
    uint64_t at;

    if (!board_tree_is_built_in())
        return;
    memset(initrd, 0x5a, sizeof(initrd));
    make_board(f, 16 << 20, 1, DISCO_BIG);
    make_kernel(f, 64, DISCO_BIG);
    image = image_of(f);
    image.initrd = initrd;
    image.initrd_bytes = sizeof(initrd);
    image.cmdline = "root=/dev/ram0";
    assert_int_equal(disco_board_load(f->board, &image), 0);
    /* It is the only 0x5a around: find it page by page. */
    for (at = 0x102000; at < 16 << 20; at += 4096) {
        assert_int_equal(disco_mem_read(f->vm, at, back, 1), 0);
        if (back[0] == 0x5a)
            break;
    }
    assert_int_equal(disco_mem_read(f->vm, at, back, sizeof(back)), 0);
    assert_memory_equal(back, initrd, sizeof(back));
}

static void test_load_refuses(void **state)
{
    static const char initrd[3 << 20] = { 0 };
    struct fixture *f = *state;
    disco_board_image image;
    uint8_t byte = 0;

    make_board(f, 4 << 20, 1, DISCO_BIG);
    make_kernel(f, 64, DISCO_LITTLE);
    image = image_of(f);
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_MISMATCH);
    expect_error(f, "little-endian");
    make_kernel(f, 64, DISCO_BIG);
    if (board_tree_is_built_in()) {
        image.initrd = initrd;
        image.initrd_bytes = sizeof(initrd);
        assert_int_equal(disco_board_load(f->board, &image), DISCO_E_RANGE);
        expect_error(f, "do not fit");
        image.initrd_bytes = 0;
    }
    f->file[4] = 9;
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_CORRUPT);
    expect_error(f, "class 9");
    make_kernel(f, 64, DISCO_BIG);
    f->file[19] = 2;
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_UNSUPPORTED);
    image.kernel = NULL;
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_INVAL);
    assert_int_equal(disco_mem_read(f->vm, 0x100000, &byte, 1), 0);
    assert_int_equal(byte, 0);
}

/* A kernel that reaches into the hole above 448 MiB, or beyond the RAM. */
static void test_load_outside(void **state)
{
    struct elf_make_segment s = { .filesz = 4, .memsz = 0x2000 };
    struct fixture *f = *state;
    disco_board_image image;

    make_board(f, 8 << 20, 1, DISCO_BIG);
    s.vaddr = KSEG0 + (8 << 20) - 0x1000;
    f->bytes = elf_make(f->file, 64, DISCO_BIG, s.vaddr, &s, 1);
    image = image_of(f);
    assert_int_equal(disco_board_load(f->board, &image), DISCO_E_RANGE);
    expect_error(f, "no memory at 0x800000");
    assert_int_equal(disco_elf_load(f->vm, f->file, f->bytes, NULL),
                     DISCO_E_RANGE);
    expect_error(f, "no memory at 0x800000");
}

static void test_elf_load(void **state)
{
    struct fixture *f = *state;
    disco_image_info info = { .size = sizeof(info) };
    char text[16] = { 0 };

    make_kernel(f, 32, DISCO_LITTLE);
    assert_int_equal(disco_vm_map_ram(f->vm, 0x100000, 0x2000, NULL), 0);
    assert_int_equal(disco_elf_load(f->vm, f->file, f->bytes, &info), 0);
    assert_int_equal(info.high_gpa, 0x102000);
    assert_int_equal(disco_mem_read(f->vm, 0x100000, text, 10), 0);
    assert_string_equal(text, "the kernel");
}

static void test_slots(void **state)
{
    struct fixture *f = *state;

    make_board(f, 0, 0, 0);
    for (uint32_t i = 0; i < DISCO_BOARD_VIRTIO_SLOTS; i++)
        assert_int_equal(disco_board_add_rng(f->board), 0);
    assert_int_equal(disco_board_add_rng(f->board), DISCO_E_RANGE);
    assert_int_equal(disco_board_add_rng(NULL), DISCO_E_INVAL);
}

static void test_place(void **state)
{
    struct elf_image image = { .count = 1 };
    struct board_place place;

    (void)state;
    image.segment[0].gpa = 0x100000;
    image.segment[0].mem_bytes = 0x1001;
    assert_int_equal(board_place(&image, 16 << 20, 0x2000, 0x5000, &place), 0);
    assert_int_equal(place.dtb_gpa, 0x102000);
    assert_int_equal(place.initrd_gpa, 0x104000);
    /* No room above: below, clear of the vectors. */
    image.segment[0].mem_bytes = (16 << 20) - 0x100000;
    assert_int_equal(board_place(&image, 16 << 20, 0x2000, 0x5000, &place), 0);
    assert_int_equal(place.dtb_gpa, 0x1000);
    assert_int_equal(place.initrd_gpa, 0x3000);
    assert_int_equal(board_place(&image, 16 << 20, 0x2000, 0x100000, &place),
                     DISCO_E_RANGE);
    /* A large initrd goes to high memory, the tree never does. */
    image.segment[0].mem_bytes = 0x1000;
    assert_int_equal(
        board_place(&image, (uint64_t)1 << 30, 0x2000, 500 << 20, &place), 0);
    assert_int_equal(place.dtb_gpa, 0x101000);
    assert_int_equal(place.initrd_gpa, 0x20000000);
    /* So does a kernel, and then the tree stands at the bottom. */
    image.segment[0].gpa = 0x20000000;
    assert_int_equal(board_place(&image, (uint64_t)1 << 30, 0x2000, 0, &place),
                     0);
    assert_int_equal(place.dtb_gpa, 0x1000);
    assert_int_equal(board_place(&image, 0x2000, 0x2000, 0, &place),
                     DISCO_E_RANGE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create),         TEST(test_create_refuses),
        TEST(test_load_64_big),    TEST(test_load_32_big),
        TEST(test_load_64_little), TEST(test_load_again),
        TEST(test_initrd),         TEST(test_load_refuses),
        TEST(test_load_outside),   TEST(test_elf_load),
        TEST(test_slots),          cmocka_unit_test(test_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
