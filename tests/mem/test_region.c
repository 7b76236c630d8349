/*
 * test_region.c - mapping and unmapping: alignment, overlaps, order, lookups,
 * errors as text.
 */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static const disco_mmio_ops ops = { .size = sizeof(ops) };

static void test_map_errors(void **state)
{
    static uint8_t page[8192] __attribute__((aligned(4096)));
    struct fixture f;
    char text[240];

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x100800, 4096, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x200000, 100, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x200000, 0, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_ram(f.vm, UINT64_C(1) << 40, 4096, NULL),
                     DISCO_E_RANGE);
    assert_int_equal(
        disco_vm_map_ram(f.vm, (UINT64_C(1) << 40) - 4096, 8192, NULL),
        DISCO_E_RANGE);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x200000, 0 - UINT64_C(4096), NULL),
                     DISCO_E_RANGE);
    assert_int_equal(disco_vm_map_ram(f.vm, 0xff000, 8192, NULL),
                     DISCO_E_EXISTS);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "0xff000"));
    assert_non_null(strstr(text, "RAM"));
    assert_int_equal(disco_vm_map_rom(f.vm, 0x200000, 4096, NULL, 1, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_rom(f.vm, 0x200000, 4096, page, 4097, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_host(f.vm, 0x200000, 4096, page + 1, DISCO_READ, NULL),
        DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_host(f.vm, 0x200000, 4096, NULL, DISCO_READ, NULL),
        DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_host(f.vm, 0x200000, 4096, page, DISCO_WRITE, NULL),
        DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200000, 4, NULL, &ops, NULL, NULL),
        DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_mmio(f.vm, 0x200000, 4, "", &ops, NULL, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200000, 4, "a", NULL, NULL, NULL),
        DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200000, 4, "a", &ops, NULL, NULL), 0);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200004, 4, "a", &ops, NULL, NULL),
        DISCO_E_EXISTS);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "\"a\""));
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200003, 4, "b", &ops, NULL, NULL),
        DISCO_E_EXISTS);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x200000, 4096, NULL),
                     DISCO_E_EXISTS);
    fixture_drop(&f);
}

/* Odd little regions next to each other, and the page they share. */
static void test_small_mmio(void **state)
{
    struct fixture f;
    char key[8];
    int i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    for (i = 0; i < 40; i++) {
        key[0] = (char)('A' + i);
        key[1] = 0;
        /* From the middle outwards, so that insertion moves others. */
        assert_int_equal(
            disco_vm_map_mmio(
                f.vm, 0x200000u + 3u * (unsigned)(i % 2 ? 50 + i : 50 - i), 3,
                key, &ops, NULL, NULL),
            0);
    }
    fixture_drop(&f);
}

static void test_info_and_unmap(void **state)
{
    disco_region_info info = { .size = sizeof(info) };
    disco_region *high, *low;
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_map_ram(f.vm, 0xfffffff000, 4096, &high), 0);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x300000, 7, "low", &ops, NULL, &low), 0);
    assert_int_equal(disco_vm_region_info(f.vm, 0, &info), 0);
    assert_int_equal(info.kind, DISCO_REGION_RAM);
    assert_int_equal(info.bytes, 1 << 20);
    assert_int_equal(disco_vm_region_info(f.vm, 1, &info), 0);
    assert_int_equal(info.kind, DISCO_REGION_MMIO);
    assert_string_equal(info.key, "low");
    assert_int_equal(info.bytes, 7);
    assert_int_equal(disco_vm_region_info(f.vm, 2, &info), 0);
    assert_true(info.gpa == 0xfffffff000);
    assert_int_equal(disco_vm_region_info(f.vm, 3, &info), DISCO_E_NOENT);
    assert_int_equal(disco_region_unmap(low), 0);
    assert_int_equal(disco_region_unmap(high), 0);
    assert_int_equal(disco_region_unmap(NULL), 0);
    assert_int_equal(disco_vm_region_info(f.vm, 1, &info), DISCO_E_NOENT);
    assert_int_equal(disco_vm_map_ram(f.vm, 0xfffffff000, 4096, &high), 0);
    fixture_drop(&f);
}

static void test_unmap_frees(void **state)
{
    disco_vm_stats s = { .size = sizeof(s) };
    disco_region *r;
    struct fixture f;
    uint8_t byte;
    int i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(disco_vm_map_ram(f.vm, 0x1000000, 8 << 20, &r), 0);
        assert_int_equal(disco_mem_write(f.vm, 0x1000000, "abc", 3), 0);
        assert_int_equal(disco_mem_write(f.vm, 0x17ff000, "abc", 3), 0);
        assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
        assert_int_equal(s.frames, 2);
        assert_int_equal(s.ram_bytes, (8 << 20) + (1 << 20));
        assert_int_equal(disco_region_unmap(r), 0);
        assert_int_equal(disco_mem_read(f.vm, 0x1000000, &byte, 1),
                         DISCO_E_FAULT);
    }
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.frames, 0);
    fixture_drop(&f);
}

/* A vCPU that used the pages does not keep them. */
static void test_unmap_drops_translations(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_LD, 1, 2, 0),
        TOY(TOY_JMP, 0, 0, 0),
    };
    disco_region *r;
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, program, 2);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x1000000, 4096, &r), 0);
    fixture_set_reg(&f, 0, 2, 0x1000000);
    e = fixture_run(&f, 0, 10);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(disco_region_unmap(r), 0);
    e = fixture_run(&f, 0, 10);
    assert_int_equal(e.reason, DISCO_EXIT_CALLBACK);
    assert_int_equal(e.u.callback.status, DISCO_E_FAULT);
    fixture_drop(&f);
}

static void test_rom_and_host(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_LD, 1, 2, 0), /* read */
        TOY(TOY_ST, 3, 2, 0), /* dropped in ROM */
        TOY(TOY_LD, 4, 2, 0),
        TOY(TOY_BREAK, 0, 0, 0),
    };
    static uint64_t page[1024] __attribute__((aligned(4096)));
    uint64_t data = 0x1122334455667788, back;
    struct fixture f;
    disco_region *r;
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        fixture_make(&f, NULL, program, 4);
        page[0] = data;
        if (i == 0)
            assert_int_equal(
                disco_vm_map_rom(f.vm, 0x1000000, 8192, &data, 8, &r), 0);
        else
            assert_int_equal(disco_vm_map_host(
                                 f.vm, 0x1000000, 8192, page,
                                 i == 1 ? DISCO_READ : DISCO_READ | DISCO_WRITE,
                                 &r),
                             0);
        fixture_set_reg(&f, 0, 2, 0x1000000);
        fixture_set_reg(&f, 0, 3, 99);
        fixture_run(&f, 0, 0);
        assert_true(fixture_reg(&f, 0, 1) == data);
        assert_true(fixture_reg(&f, 0, 4) == (i == 2 ? 99 : data));
        if (i == 2)
            assert_int_equal(page[0], 99);
        assert_int_equal(disco_mem_read(f.vm, 0x1000000, &back, 8), 0);
        assert_true(back == (i == 2 ? 99 : data));
        assert_int_equal(disco_mem_write(f.vm, 0x1000000, &data, 8),
                         i == 2 ? 0 : DISCO_E_FAULT);
        assert_int_equal(disco_mem_load(f.vm, 0x1000000, "x", 1),
                         i == 1 ? DISCO_E_FAULT : 0);
        assert_int_equal(disco_region_unmap(r), 0);
        fixture_drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_errors),
        cmocka_unit_test(test_small_mmio),
        cmocka_unit_test(test_info_and_unmap),
        cmocka_unit_test(test_unmap_frees),
        cmocka_unit_test(test_unmap_drops_translations),
        cmocka_unit_test(test_rom_and_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
