/*
 * test_cpucache.c - sets, ways and replacement by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "numa/cpucache.h"

static struct alloc alloc;

static disco_backend_line *put(struct cpu_cache *c, uint64_t name)
{
    disco_backend_line *line = cpu_cache_victim(c, name);

    cpu_cache_set(line, name, LINE_SHARED);
    cpu_cache_use(line);
    return line;
}

static void test_least_recently_used_goes(void **state)
{
    struct cpu_cache c;
    disco_backend_line *a, *b;

    (void)state;
    alloc_init(&alloc, NULL);
    assert_int_equal(cpu_cache_init(&c, &alloc, 4, 2, 128), 0);
    assert_null(cpu_cache_find(&c, 1));
    a = put(&c, 1);
    b = put(&c, 5); /* the same set */
    assert_ptr_not_equal(a, b);
    put(&c, 2); /* another one */
    assert_ptr_equal(cpu_cache_find(&c, 1), a);
    assert_ptr_equal(cpu_cache_victim(&c, 9), a);
    cpu_cache_use(a);
    assert_ptr_equal(cpu_cache_victim(&c, 9), b);
    cpu_cache_set(a, DISCO_LINE_NONE, LINE_INVALID);
    assert_ptr_equal(cpu_cache_victim(&c, 9), a);
    assert_null(cpu_cache_find(&c, 1));
    assert_int_equal(c.clock, 4);
    cpu_cache_destroy(&c, &alloc);
    assert_int_equal(alloc_held_bytes(&alloc), 0);
}

static void test_rights_follow_the_state(void **state)
{
    disco_backend_line line = { 0 };

    (void)state;
    cpu_cache_set(&line, 7, LINE_EXCLUSIVE);
    assert_int_equal(line.rights, DISCO_READ);
    cpu_cache_set(&line, 7, LINE_MODIFIED);
    assert_int_equal(line.rights, DISCO_READ | DISCO_WRITE);
    assert_int_equal(line.name, 7);
    cpu_cache_set(&line, 7, LINE_INVALID);
    assert_int_equal(line.rights, 0);
    assert_true(line.name == DISCO_LINE_NONE);
}

/* Equal places of different nodes' memory lie in different sets. */
static void test_nodes_do_not_meet(void **state)
{
    uint64_t node1 = UINT64_C(1) << 37;
    struct cpu_cache c;

    (void)state;
    alloc_init(&alloc, NULL);
    assert_int_equal(cpu_cache_init(&c, &alloc, 64, 1, 128), 0);
    put(&c, 3);
    put(&c, node1 + 3);
    assert_non_null(cpu_cache_find(&c, 3));
    assert_non_null(cpu_cache_find(&c, node1 + 3));
    cpu_cache_destroy(&c, &alloc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_rights_follow_the_state),
        cmocka_unit_test(test_nodes_do_not_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
