/*
 * test_fdt.c - unit tests of the board's device tree (src/devices/fdt.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/fdt.h"

#ifdef HAVE_FDT

#include <libfdt.h>

static const struct board_tree plain_tree = {
    .ram_bytes = (uint64_t)256 << 20,
    .cpus = 2,
    .order = DISCO_BIG,
    .mode = DISCO_MODE_EXACT,
    .timebase_hz = 100000000,
    .cmdline = "console=ttyS0 quiet",
};

/* A tree in a buffer of the size the module asks for; freed by the caller. */
static void *build(const struct board_tree *tree)
{
    uint64_t bytes = board_tree_bytes_max(tree);
    uint64_t used = 0;
    void *fdt = malloc(bytes);

    assert_int_equal(board_tree_build(tree, fdt, bytes, &used), 0);
    assert_int_equal(used, fdt_totalsize(fdt));
    assert_true(used <= bytes);
    assert_int_equal(fdt_check_full(fdt, used), 0);
    return fdt;
}

static const void *prop(const void *fdt, const char *path, const char *name,
                        int *bytes)
{
    int node = fdt_path_offset(fdt, path);
    const void *value;

    if (node < 0)
        fail_msg("no node %s", path);
    value = fdt_getprop(fdt, node, name, bytes);
    if (!value)
        fail_msg("no property %s in %s", name, path);
    return value;
}

static void expect_text(const void *fdt, const char *path, const char *name,
                        const char *text)
{
    int bytes;
    const char *value = prop(fdt, path, name, &bytes);

    assert_string_equal(value, text);
    assert_int_equal(bytes, strlen(text) + 1);
}

static void expect_cells(const void *fdt, const char *path, const char *name,
                         const uint32_t *cells, int count)
{
    int bytes;
    const fdt32_t *value = prop(fdt, path, name, &bytes);

    assert_int_equal(bytes, 4 * count);
    for (int i = 0; i < count; i++)
        assert_int_equal(fdt32_ld(value + i), cells[i]);
}

static void expect_cell(const void *fdt, const char *path, const char *name,
                        uint32_t cell)
{
    expect_cells(fdt, path, name, &cell, 1);
}

static int has(const void *fdt, const char *path, const char *name)
{
    int node = fdt_path_offset(fdt, path);

    return node >= 0 && (!name || fdt_getprop(fdt, node, name, NULL));
}

static void test_standard(void **state)
{
    static const uint32_t memory[] = { 0, 0, 0, 0x10000000 };
    static const uint32_t windows[] = { 0, 0x1c000000, 0, 0x10,
                                        0, 0x1c000010, 0, 0x10 };
    static const uint32_t lines[] = { 2, 2 };
    static const uint32_t uart[] = { 0, 0x1c020000, 0, 0x100 };
    void *fdt = build(&plain_tree);
    uint32_t intc;

    (void)state;
    expect_text(fdt, "/", "compatible", "disco,r10000");
    expect_text(fdt, "/chosen", "bootargs", "console=ttyS0 quiet");
    expect_text(fdt, "/chosen", "stdout-path", "serial0:115200n8");
    assert_false(has(fdt, "/chosen", "linux,initrd-start"));
    expect_text(fdt, "/aliases", "serial0", "/soc/serial@1c020000");
    expect_cells(fdt, "/memory@0", "reg", memory, 4);
    expect_cell(fdt, "/cpus/cpu@1", "reg", 1);
    expect_cell(fdt, "/cpus/cpu@1", "timebase-frequency", 100000000);
    assert_false(has(fdt, "/cpus/cpu@2", NULL));
    expect_text(fdt, "/soc/interrupt-controller@1c000000", "compatible",
                "brcm,bcm7038-l1-intc");
    expect_cells(fdt, "/soc/interrupt-controller@1c000000", "reg", windows, 8);
    expect_cells(fdt, "/soc/interrupt-controller@1c000000", "interrupts", lines,
                 2);
    expect_text(fdt, "/soc/mailbox@1c010000", "compatible", "disco,mailbox");
    expect_cell(fdt, "/soc/mailbox@1c010000", "interrupts", 3);
    expect_text(fdt, "/soc/idle@1c011000", "compatible", "disco,idle");
    expect_text(fdt, "/soc/serial@1c020000", "compatible", "ns16550a");
    expect_cells(fdt, "/soc/serial@1c020000", "reg", uart, 4);
    expect_cell(fdt, "/soc/serial@1c020000", "interrupts", 0);
    intc = fdt_get_phandle(
        fdt, fdt_path_offset(fdt, "/soc/interrupt-controller@1c000000"));
    expect_cell(fdt, "/soc/serial@1c020000", "interrupt-parent", intc);
    expect_text(fdt, "/soc/rtc@1c040000", "compatible", "google,goldfish-rtc");
    expect_cell(fdt, "/soc/rtc@1c040000", "interrupts", 1);
    expect_text(fdt, "/soc/poweroff", "compatible", "syscon-poweroff");
    expect_cell(fdt, "/soc/poweroff", "value", 0x5555);
    expect_cell(fdt, "/soc/reboot", "value", 0x7777);
    expect_cell(
        fdt, "/soc/reboot", "regmap",
        fdt_get_phandle(fdt, fdt_path_offset(fdt, "/soc/syscon@1c030000")));
    assert_true(has(fdt, "/soc/syscon@1c030000", "big-endian"));
    assert_false(has(fdt, "/hypervisor", NULL));
    assert_false(has(fdt, "/soc/virtio@1c100000", NULL));
    free(fdt);
}

static void test_little_disco(void **state)
{
    struct board_tree tree = plain_tree;
    void *fdt;

    (void)state;
    tree.order = DISCO_LITTLE;
    tree.mode = DISCO_MODE_DISCO;
    tree.cmdline = NULL;
    fdt = build(&tree);
    assert_false(has(fdt, "/soc/syscon@1c030000", "big-endian"));
    expect_text(fdt, "/hypervisor", "compatible", "disco,monitor");
    expect_text(fdt, "/chosen", "bootargs", "");
    free(fdt);
}

static void test_memory_above(void **state)
{
    static const uint32_t memory[] = { 0, 0,          0, 0x1c000000,
                                       0, 0x20000000, 1, 0xe4000000 };
    struct board_tree tree = plain_tree;
    void *fdt;

    (void)state;
    tree.ram_bytes = (uint64_t)8 << 30;
    fdt = build(&tree);
    expect_cells(fdt, "/memory@0", "reg", memory, 8);
    free(fdt);
}

static void test_initrd(void **state)
{
    static const uint32_t start[] = { 0, 0x800000 };
    static const uint32_t end[] = { 0, 0x801234 };
    struct board_tree tree = plain_tree;
    void *fdt;

    (void)state;
    tree.initrd_gpa = 0x800000;
    tree.initrd_bytes = 0x1234;
    fdt = build(&tree);
    expect_cells(fdt, "/chosen", "linux,initrd-start", start, 2);
    expect_cells(fdt, "/chosen", "linux,initrd-end", end, 2);
    free(fdt);
}

/* The largest tree fits in what bytes_max says, and slots are described. */
static void test_largest(void **state)
{
    static const uint32_t last[] = { 0, 0x1c117000, 0, 0x1000 };
    struct board_tree tree = plain_tree;
    char *cmdline = malloc(100001);
    void *fdt;

    (void)state;
    memset(cmdline, 'x', 100000);
    cmdline[100000] = '\0';
    tree.cpus = 32;
    tree.slots = 24;
    tree.mode = DISCO_MODE_DISCO;
    tree.initrd_bytes = 1;
    tree.ram_bytes = (uint64_t)64 << 30;
    tree.cmdline = cmdline;
    fdt = build(&tree);
    expect_text(fdt, "/soc/virtio@1c117000", "compatible", "virtio,mmio");
    expect_cells(fdt, "/soc/virtio@1c117000", "reg", last, 4);
    expect_cell(fdt, "/soc/virtio@1c117000", "interrupts", 31);
    assert_true(has(fdt, "/soc/virtio@1c100000", "dma-coherent"));
    expect_cell(fdt, "/cpus/cpu@1f", "reg", 31);
    free(fdt);
    free(cmdline);
}

static void test_small_buffer(void **state)
{
    uint64_t used = 0;
    void *fdt = build(&plain_tree);
    uint64_t bytes = fdt_totalsize(fdt);

    (void)state;
    free(fdt);
    for (uint64_t n = 0; n < bytes; n += 7) {
        fdt = malloc(n + 1);
        assert_int_equal(board_tree_build(&plain_tree, fdt, n, &used),
                         DISCO_E_RANGE);
        free(fdt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_little_disco),
        cmocka_unit_test(test_memory_above),
        cmocka_unit_test(test_initrd),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_small_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void test_absent(void **state)
{
    struct board_tree tree = { .cpus = 1 };
    uint64_t used = 0;
    char buf[16];

    (void)state;
    assert_int_equal(board_tree_is_built_in(), 0);
    assert_int_equal(board_tree_build(&tree, buf, sizeof(buf), &used),
                     DISCO_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_absent) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
