/*
 * test_lives.c - ten thousand VMs come and go, forked and fresh, with shared
 * pages and copies: frames and host memory are as before each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disco/disco.h>

#include "fake_alloc.h"

enum { LIVES = 10000, PAGE = 4096, PAGES = 8 };

static uint64_t frames_used(disco_machine *m)
{
    disco_machine_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_machine_stats_get(m, &s), 0);
    return s.frames_used;
}

/* It shares pages both ways, has copies of some, and writes others. */
static void live(disco_machine *m, disco_vm *old, disco_vm *vm, uint32_t n)
{
    uint64_t gpa = n % PAGES * PAGE;
    disco_page page;

    assert_int_equal(disco_page_take(old, gpa, &page), 0);
    assert_int_equal(disco_page_map(vm, (n + 3) % PAGES * PAGE, page), 0);
    assert_int_equal(disco_page_replicate(vm, (n + 3) % PAGES * PAGE, 1), 0);
    assert_int_equal(disco_page_drop(m, page), 0);
    assert_int_equal(disco_mem_write(vm, gpa + 8, &n, sizeof(n)), 0);
    if (n % 3 == 0)
        assert_int_equal(disco_page_migrate(vm, gpa, 1), 0);
    if (n % 5 == 0)
        assert_int_equal(disco_mem_write(old, gpa, &n, sizeof(n)), 0);
}

static void test_no_leak(void **state)
{
    struct fake_alloc fake;
    disco_allocator allocator = fake_alloc_ops(&fake);
    disco_machine_config c = { .size = sizeof(c),
                               .nodes = 2,
                               .node_bytes = 64 * PAGE,
                               .allocator = &allocator };
    uint64_t held = 0, n;
    disco_machine *m;
    disco_vm *old, *vm;
    uint32_t i;

    (void)state;
    assert_int_equal(disco_machine_create(&c, &m, NULL), 0);
    assert_int_equal(disco_vm_create(m, NULL, &old), 0);
    assert_int_equal(disco_vm_map_ram(old, 0, PAGES * PAGE, NULL), 0);
    for (n = 0; n < PAGES; n++)
        assert_int_equal(disco_mem_write(old, n * PAGE, &n, sizeof(n)), 0);
    for (i = 0; i < LIVES; i++) {
        if (i % 2) {
            assert_int_equal(disco_vm_fork(old, NULL, &vm), 0);
        } else {
            assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
            assert_int_equal(disco_vm_map_ram(vm, 0, PAGES * PAGE, NULL), 0);
        }
        live(m, old, vm, i);
        assert_int_equal(disco_vm_destroy(vm), 0);
        for (n = 0; n < PAGES; n++) /* copies of what is shared no more */
            disco_page_collapse(old, n * PAGE);
        assert_int_equal(frames_used(m), PAGES);
        if (i == 2)
            held = fake.live;
        assert_true(i < 2 || fake.live == held);
    }
    assert_int_equal(disco_machine_verify(m), 0);
    assert_int_equal(disco_vm_destroy(old), 0);
    assert_int_equal(frames_used(m), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
    assert_int_equal(fake.live, 0);
    assert_int_equal(fake.bad_frees, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_leak) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
