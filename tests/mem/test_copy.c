/*
 * test_copy.c - copies into and out of guest memory, pins, page information.
 */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static void test_round_trips(void **state)
{
    uint8_t out[9000], in[9000];
    struct fixture f;
    unsigned n, at, i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    for (i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + 3);
    for (n = 1; n < 40; n++) {
        for (at = 4080; at < 4100; at++) {
            assert_int_equal(disco_mem_write(f.vm, at, out + n, n), 0);
            memset(in, 0, n);
            assert_int_equal(disco_mem_read(f.vm, at, in, n), 0);
            assert_memory_equal(in, out + n, n);
        }
    }
    assert_int_equal(disco_mem_write(f.vm, 123, out, sizeof(out)), 0);
    assert_int_equal(disco_mem_read(f.vm, 123, in, sizeof(in)), 0);
    assert_memory_equal(in, out, sizeof(out));
    assert_int_equal(disco_mem_read(f.vm, 5, NULL, 0), 0);
    assert_int_equal(disco_mem_write(f.vm, 5, NULL, 0), 0);
    assert_int_equal(disco_mem_write(f.vm, 5, NULL, 1), DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_untouched_reads_zero(void **state)
{
    disco_vm_stats s = { .size = sizeof(s) };
    uint8_t in[8192];
    struct fixture f;
    unsigned i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    memset(in, 1, sizeof(in));
    assert_int_equal(disco_mem_read(f.vm, 100, in, sizeof(in)), 0);
    for (i = 0; i < sizeof(in); i++)
        assert_int_equal(in[i], 0);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.frames, 0);
    assert_int_equal(s.dma_read_bytes, 8192);
    fixture_drop(&f);
}

static void test_all_or_nothing(void **state)
{
    enum { END = 1 << 20 };
    disco_error err = { .size = sizeof(err) };
    uint8_t ones[8192], in[8192];
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    memset(ones, 1, sizeof(ones));
    memset(in, 9, sizeof(in));
    assert_int_equal(disco_mem_write(f.vm, END - 4096, ones, 4097),
                     DISCO_E_FAULT);
    disco_machine_last_error(f.machine, &err);
    assert_int_equal(err.where, END);
    assert_int_equal(err.status, DISCO_E_FAULT);
    assert_int_equal(disco_mem_read(f.vm, END - 10, in, 20), DISCO_E_FAULT);
    assert_int_equal(in[0], 9);
    assert_int_equal(disco_mem_read(f.vm, END - 4096, in, 4096), 0);
    assert_int_equal(in[4095], 0);
    assert_int_equal(disco_mem_read(f.vm, UINT64_MAX - 2, in, 8),
                     DISCO_E_FAULT);
    assert_int_equal(disco_mem_read(f.vm, 0, in, UINT64_MAX), DISCO_E_FAULT);
    disco_machine_last_error(f.machine, &err);
    assert_int_equal(err.where, END);
    /* A ROM in the middle of RAM stops a write, but not a read or a load. */
    assert_int_equal(disco_vm_map_rom(f.vm, END, 4096, NULL, 0, NULL), 0);
    assert_int_equal(disco_vm_map_ram(f.vm, END + 4096, 4096, NULL), 0);
    assert_int_equal(disco_mem_write(f.vm, END - 10, ones, 8192),
                     DISCO_E_FAULT);
    assert_int_equal(disco_mem_read(f.vm, END - 10, in, 8192), 0);
    assert_int_equal(in[0], 0);
    assert_int_equal(disco_mem_load(f.vm, END - 10, ones, 8192), 0);
    assert_int_equal(disco_mem_read(f.vm, END - 10, in, 8192), 0);
    assert_memory_equal(in, ones, 8192);
    fixture_drop(&f);
}

/* Too few frames for a write: nothing changes, nothing stays held. */
static void test_write_without_frames(void **state)
{
    struct fixture_config c = { .node_bytes = 4 * 4096 };
    uint8_t ones[5 * 4096], in[4096];
    struct fixture f;
    unsigned i;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    memset(ones, 1, sizeof(ones));
    assert_int_equal(disco_mem_write(f.vm, 0, ones, sizeof(ones)),
                     DISCO_E_NOMEM);
    assert_int_equal(disco_mem_read(f.vm, 0, in, sizeof(in)), 0);
    for (i = 0; i < sizeof(in); i++)
        assert_int_equal(in[i], 0);
    assert_int_equal(disco_mem_write(f.vm, 0, ones, 4 * 4096), 0);
    fixture_drop(&f);
}

static void test_pins(void **state)
{
    disco_pin p = { .size = sizeof(p) }, q = { .size = sizeof(q) };
    disco_page_info info = { .size = sizeof(info) };
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture_config c = { .nodes = 2 };
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_mem_pin(f.vm, 4090, 6, DISCO_READ, &p), 0);
    assert_int_equal(disco_mem_pin(f.vm, 0, 4096, DISCO_READ | DISCO_WRITE, &q),
                     0);
    assert_ptr_equal((uint8_t *)q.host + 4090, p.host);
    memcpy(q.host, "hello", 5);
    assert_int_equal(disco_page_info_get(f.vm, 77, &info), 0);
    assert_int_equal(info.flags, DISCO_PAGE_PRESENT | DISCO_PAGE_WRITABLE |
                                     DISCO_PAGE_PINNED);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.pins, 2);
    assert_int_equal(disco_page_migrate(f.vm, 0, 1), DISCO_E_BUSY);
    assert_int_equal(disco_vm_destroy(f.vm), DISCO_E_BUSY);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    assert_int_equal(disco_mem_unpin(f.vm, &p), DISCO_E_INVAL);
    assert_int_equal(disco_page_migrate(f.vm, 0, 1), DISCO_E_BUSY);
    assert_int_equal(disco_mem_unpin(f.vm, &q), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0, 1), 0);
    assert_int_equal(disco_page_info_get(f.vm, 77, &info), 0);
    assert_int_equal(info.node, 1);
    assert_int_equal(disco_mem_pin(f.vm, 4090, 7, DISCO_READ, &p),
                     DISCO_E_RANGE);
    assert_int_equal(disco_mem_pin(f.vm, 0, 0, DISCO_READ, &p), DISCO_E_INVAL);
    assert_int_equal(disco_mem_pin(f.vm, 0, 1, DISCO_WRITE, &p), DISCO_E_INVAL);
    assert_int_equal(disco_mem_pin(f.vm, 0x40000000, 1, DISCO_READ, &p),
                     DISCO_E_FAULT);
    fixture_drop(&f);
}

static void test_pins_of_host_and_rom(void **state)
{
    static uint8_t mem[4 * 4096] __attribute__((aligned(4096)));
    disco_pin p = { .size = sizeof(p) };
    disco_region *host, *rom;
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_map_rom(f.vm, 0x200000, 4096, "r", 1, &rom), 0);
    assert_int_equal(disco_vm_map_host(f.vm, 0x300000, sizeof(mem), mem,
                                       DISCO_READ | DISCO_WRITE, &host),
                     0);
    assert_int_equal(
        disco_mem_pin(f.vm, 0x200000, 4, DISCO_READ | DISCO_WRITE, &p),
        DISCO_E_FAULT);
    assert_int_equal(disco_mem_pin(f.vm, 0x200000, 4, DISCO_READ, &p), 0);
    assert_int_equal(*(uint8_t *)p.host, 'r');
    assert_int_equal(disco_region_unmap(rom), DISCO_E_BUSY);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    assert_int_equal(disco_region_unmap(rom), 0);
    assert_int_equal(
        disco_mem_pin(f.vm, 0x300100, 3 * 4096, DISCO_READ | DISCO_WRITE, &p),
        0);
    assert_ptr_equal(p.host, mem + 0x100);
    assert_int_equal(disco_region_unmap(host), DISCO_E_BUSY);
    assert_int_equal(disco_vm_destroy(f.vm), DISCO_E_BUSY);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    assert_int_equal(disco_mem_pin(f.vm, 0x300100, 4 * 4096, DISCO_READ, &p),
                     DISCO_E_RANGE);
    assert_int_equal(disco_region_unmap(host), 0);
    fixture_drop(&f);
}

static void test_page_info(void **state)
{
    static const uint32_t program[] = { TOY(TOY_BREAK, 0, 0, 0) };
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 1);
    assert_int_equal(disco_page_info_get(f.vm, 0x5000, &info), 0);
    assert_int_equal(info.flags, DISCO_PAGE_WRITABLE);
    fixture_run(&f, 0, 0);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_int_equal(info.flags, DISCO_PAGE_PRESENT | DISCO_PAGE_WRITABLE |
                                     DISCO_PAGE_CODE);
    assert_int_equal(disco_page_info_get(f.vm, 0x40000000, &info),
                     DISCO_E_RANGE);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_untouched_reads_zero),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_write_without_frames),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_pins_of_host_and_rom),
        cmocka_unit_test(test_page_info),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
