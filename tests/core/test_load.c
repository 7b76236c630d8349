/*
 * test_load.c - kernels and initial RAM disks that VMs load share frames.
 */
#include <stdlib.h>
#include <string.h>

#include "fake_alloc.h"
#include "fixture.h"

enum { PAGE = 4096, PAGES = 6, BYTES = PAGES * PAGE, RAM_BYTES = 64 * PAGE };

struct pair {
    disco_machine *machine;
    disco_vm *vm[2];
    uint8_t data[BYTES];
    struct fake_alloc fake;
    disco_allocator alloc;
};

static void make(struct pair *p, uint64_t frames)
{
    disco_machine_config c = { .size = sizeof(c),
                               .flags = DISCO_MACHINE_VERIFY };
    uint32_t i;

    memset(p, 0, sizeof(*p));
    p->alloc = fake_alloc_ops(&p->fake);
    c.allocator = &p->alloc;
    c.node_bytes = frames * PAGE;
    assert_int_equal(disco_machine_create(&c, &p->machine, NULL), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(disco_vm_create(p->machine, NULL, &p->vm[i]), 0);
        assert_int_equal(disco_vm_map_ram(p->vm[i], 0, RAM_BYTES, NULL), 0);
    }
    for (i = 0; i < BYTES; i++)
        p->data[i] = (uint8_t)(i / 4096 * 31 + i % 251 + 1);
}

static void drop(struct pair *p)
{
    uint32_t i;

    for (i = 0; i < 2; i++)
        assert_int_equal(disco_vm_destroy(p->vm[i]), 0);
    assert_int_equal(disco_machine_verify(p->machine), 0);
    assert_int_equal(disco_machine_destroy(p->machine), 0);
    assert_int_equal(p->fake.live, 0);
}

static disco_page_info info(struct pair *p, uint32_t vm, uint64_t gpa)
{
    disco_page_info i = { .size = sizeof(i) };

    assert_int_equal(disco_page_info_get(p->vm[vm], gpa, &i), 0);
    return i;
}

static void check(struct pair *p, uint32_t vm, uint64_t gpa)
{
    static uint8_t got[BYTES];

    assert_int_equal(disco_mem_read(p->vm[vm], gpa, got, BYTES), 0);
    assert_memory_equal(got, p->data, BYTES);
}

static void same_content_same_frame(void **state)
{
    struct pair p;
    uint64_t gpa;

    (void)state;
    make(&p, 256);
    /* Other addresses, and a head that fills no page. */
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0x1000, p.data, BYTES), 0);
    assert_int_equal(disco_mem_load_shared(p.vm[1], 0x9000, p.data, BYTES), 0);
    check(&p, 0, 0x1000);
    check(&p, 1, 0x9000);
    for (gpa = 0; gpa < BYTES; gpa += PAGE) {
        assert_int_equal(info(&p, 0, 0x1000 + gpa).mfn,
                         info(&p, 1, 0x9000 + gpa).mfn);
        assert_int_equal(info(&p, 0, 0x1000 + gpa).mappings, 2);
        assert_true(info(&p, 0, 0x1000 + gpa).flags & DISCO_PAGE_SHARED);
    }
    assert_int_equal(
        disco_mem_load_shared(p.vm[1], 0x21800, p.data + 0x800, 2 * PAGE), 0);
    assert_int_equal(info(&p, 1, 0x22000).mfn, info(&p, 0, 0x2000).mfn);
    assert_true(info(&p, 1, 0x21000).mfn != info(&p, 0, 0x1000).mfn);
    drop(&p);
}

static void writes_separate(void **state)
{
    struct pair p;
    uint8_t byte = 0xee, got;

    (void)state;
    make(&p, 256);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, p.data, BYTES), 0);
    assert_int_equal(disco_mem_load_shared(p.vm[1], 0, p.data, BYTES), 0);
    assert_int_equal(disco_mem_write(p.vm[0], 0x2345, &byte, 1), 0);
    assert_true(info(&p, 0, 0x2000).mfn != info(&p, 1, 0x2000).mfn);
    check(&p, 1, 0);
    assert_int_equal(disco_mem_read(p.vm[0], 0x2345, &got, 1), 0);
    assert_int_equal(got, 0xee);
    /* The content is still known. */
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, p.data, BYTES), 0);
    assert_int_equal(info(&p, 0, 0x2000).mfn, info(&p, 1, 0x2000).mfn);
    check(&p, 0, 0);
    drop(&p);
}

/* Also when no VM has it any more, until memory is short. */
static void content_outlives_its_vm(void **state)
{
    disco_cache_stats before = { .size = sizeof(before) };
    disco_cache_stats after = { .size = sizeof(after) };
    struct pair p;
    uint64_t i;

    (void)state;
    make(&p, 68);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, p.data, BYTES), 0);
    assert_int_equal(disco_vm_destroy(p.vm[0]), 0);
    assert_int_equal(disco_cache_stats_get(p.machine, &before), 0);
    assert_int_equal(before.blocks, PAGES);
    assert_int_equal(disco_mem_load_shared(p.vm[1], 0, p.data, BYTES), 0);
    assert_int_equal(disco_cache_stats_get(p.machine, &after), 0);
    assert_int_equal(after.hits, before.hits + PAGES);
    check(&p, 1, 0);
    for (i = 0; i < RAM_BYTES; i += PAGE)
        assert_int_equal(disco_mem_write(p.vm[1], i, &i, sizeof(i)), 0);
    assert_int_equal(disco_vm_create(p.machine, NULL, &p.vm[0]), 0);
    drop(&p);
}

static void zeroes_need_no_frame(void **state)
{
    static const uint8_t zeroes[2 * PAGE];
    uint8_t got[2 * PAGE];
    struct pair p;

    (void)state;
    make(&p, 256);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, zeroes, 2 * PAGE), 0);
    assert_int_equal(info(&p, 0, 0).flags & DISCO_PAGE_PRESENT, 0);
    memset(got, 1, sizeof(got));
    assert_int_equal(disco_mem_write(p.vm[0], 0, got, sizeof(got)), 0);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, zeroes, 2 * PAGE), 0);
    assert_int_equal(disco_mem_read(p.vm[0], 0, got, sizeof(got)), 0);
    assert_memory_equal(got, zeroes, sizeof(got));
    drop(&p);
}

/* ROM, host memory, pinned pages, and places where nothing is. */
static void other_memory(void **state)
{
    static uint8_t host[PAGE] __attribute__((aligned(4096)));
    disco_pin pin = { .size = sizeof(pin) };
    struct pair p;
    uint8_t got[PAGE];

    (void)state;
    make(&p, 256);
    memset(host, 7, sizeof(host));
    assert_int_equal(disco_vm_map_rom(p.vm[0], 0x100000, PAGE, NULL, 0, NULL),
                     0);
    assert_int_equal(disco_vm_map_host(p.vm[0], 0x200000, PAGE, host,
                                       DISCO_READ | DISCO_WRITE, NULL),
                     0);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0x100000, p.data, PAGE), 0);
    assert_int_equal(disco_mem_read(p.vm[0], 0x100000, got, PAGE), 0);
    assert_memory_equal(got, p.data, PAGE);
    memset(got, 0, sizeof(got));
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0x200000, got, PAGE), 0);
    assert_memory_equal(host, got, PAGE);
    assert_int_equal(
        disco_mem_pin(p.vm[0], 0x3000, 8, DISCO_READ | DISCO_WRITE, &pin), 0);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0x3000, p.data, BYTES), 0);
    check(&p, 0, 0x3000);
    assert_memory_equal(pin.host, p.data, 8);
    assert_int_equal(disco_mem_unpin(p.vm[0], &pin), 0);
    /* All or nothing. */
    assert_int_equal(
        disco_mem_load_shared(p.vm[1], RAM_BYTES - PAGE, p.data, 2 * PAGE),
        DISCO_E_FAULT);
    assert_int_equal(info(&p, 1, RAM_BYTES - PAGE).flags & DISCO_PAGE_PRESENT,
                     0);
    assert_int_equal(
        disco_mem_load_shared(p.vm[1], UINT64_MAX - 10, p.data, PAGE),
        DISCO_E_FAULT);
    assert_int_equal(disco_mem_load_shared(p.vm[1], 0, NULL, 1), DISCO_E_INVAL);
    assert_int_equal(disco_mem_load_shared(NULL, 0, NULL, 0), DISCO_E_INVAL);
    assert_int_equal(disco_mem_load_shared(p.vm[1], 0, NULL, 0), 0);
    drop(&p);
}

static void memory_runs_out(void **state)
{
    uint32_t n;
    int failed = 1;
    struct pair p;

    (void)state;
    for (n = 1; failed; n++) {
        make(&p, 256);
        p.fake.fail_at = p.fake.calls + n;
        failed = disco_mem_load_shared(p.vm[0], 0, p.data, BYTES) != 0;
        failed |= p.fake.calls >= p.fake.fail_at;
        p.fake.fail_at = 0;
        assert_int_equal(disco_mem_load_shared(p.vm[0], 0, p.data, BYTES), 0);
        assert_int_equal(disco_mem_load_shared(p.vm[1], 0, p.data, BYTES), 0);
        check(&p, 0, 0);
        check(&p, 1, 0);
        drop(&p);
    }
    make(&p, 4);
    assert_int_equal(disco_mem_load_shared(p.vm[0], 0, p.data, BYTES),
                     DISCO_E_NOMEM);
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_content_same_frame),
        cmocka_unit_test(writes_separate),
        cmocka_unit_test(content_outlives_its_vm),
        cmocka_unit_test(zeroes_need_no_frame),
        cmocka_unit_test(other_memory),
        cmocka_unit_test(memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
