/*
 * test_counters.c - counts by page and node: intervals, room, the hot queue,
 * counts that follow a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake_alloc.h"
#include "numa/counters.h"

struct table {
    struct fake_alloc fake;
    struct alloc alloc;
    struct counters c;
    uint32_t count[8];
};

static void make(struct table *t, uint32_t nodes, uint32_t pages)
{
    disco_allocator ops;

    memset(t, 0, sizeof(*t));
    ops = fake_alloc_ops(&t->fake);
    assert_int_equal(alloc_init(&t->alloc, &ops), 0);
    assert_int_equal(counters_init(&t->c, &t->alloc, nodes, pages, 100), 0);
}

static void drop(struct table *t)
{
    counters_destroy(&t->c);
    assert_int_equal(t->fake.live, 0);
    assert_int_equal(t->fake.bad_frees, 0);
}

static const uint32_t *counts(struct table *t, uint64_t name)
{
    struct counted *page = counters_find(&t->c, name);

    assert_non_null(page);
    counters_read(&t->c, page, t->count);
    return t->count;
}

static void test_counts(void **state)
{
    static const uint32_t want[4] = { 5, 7, 1, UINT32_MAX };
    static const uint32_t zero[4];
    struct table t;

    (void)state;
    make(&t, 2, 1);
    assert_null(counters_find(&t.c, 0));
    counters_add(&t.c, 0, 0, 0, 5, 1);
    counters_add(&t.c, 0, 0, 1, 3, UINT32_MAX);
    counters_add(&t.c, 0, 0, 1, 4, 9);
    assert_memory_equal(counts(&t, 0), want, sizeof(want));
    counters_next_interval(&t.c);
    assert_memory_equal(counts(&t, 0), zero, sizeof(zero));
    counters_add(&t.c, 0, 0, 1, 1, 0);
    assert_int_equal(counts(&t, 0)[1], 1);
    counters_forget(&t.c, 0);
    assert_null(counters_find(&t.c, 0));
    assert_int_equal(t.c.used, 0);
    drop(&t);
}

static void test_hot(void **state)
{
    uint64_t out[4];
    struct table t;

    (void)state;
    make(&t, 4, 64);
    counters_add(&t.c, 9, 1, 1, 1000, 0); /* its own node: nobody gains */
    counters_add(&t.c, 9, 1, 2, 99, 0);
    assert_int_equal(t.c.hot_count, 0);
    counters_add(&t.c, 9, 1, 2, 0, 1);
    counters_add(&t.c, 9, 1, 2, 500, 1); /* once is enough */
    counters_add(&t.c, 9, 1, 3, 500, 1);
    assert_int_equal(t.c.hot_count, 1);
    counters_add(&t.c, 7, 1, 0, 100, 0);
    counters_add(&t.c, 8, 1, 0, 100, 0);
    assert_int_equal(counters_take_hot(&t.c, out, 2), 2);
    assert_int_equal(out[0], 7);
    assert_int_equal(out[1], 8);
    assert_int_equal(counters_take_hot(&t.c, out, 4), 1);
    assert_int_equal(out[0], 9);
    /* Taken out, another node may bring it in again. */
    counters_add(&t.c, 9, 1, 0, 100, 0);
    assert_int_equal(t.c.hot_count, 1);
    counters_next_interval(&t.c);
    assert_int_equal(t.c.hot_count, 0);
    assert_int_equal(t.c.hot_lost, 1);
    counters_add(&t.c, 9, 1, 2, 100, 0);
    assert_int_equal(t.c.hot_count, 1);
    assert_int_equal(t.c.hot_seen, 5);
    drop(&t);
}

static void test_hot_order_and_limit(void **state)
{
    enum { MANY = COUNTERS_HOT + 10 };
    static uint64_t out[MANY];
    struct table t;
    uint32_t i, n;

    (void)state;
    make(&t, 2, 1 << 17);
    for (i = 0; i < MANY; i++)
        counters_add(&t.c, (uint64_t)i * 7919 % MANY, 0, 1, 100, 0);
    assert_int_equal(t.c.evicted, 0);
    assert_int_equal(t.c.hot_lost, 10);
    n = counters_take_hot(&t.c, out, MANY);
    assert_int_equal(n, COUNTERS_HOT);
    for (i = 1; i < n; i++)
        assert_true(out[i - 1] < out[i]);
    drop(&t);
}

/* Bounded: in a full set the page with the lowest counts goes. */
static void test_room(void **state)
{
    struct table t;
    uint64_t i;

    (void)state;
    make(&t, 2, 8);
    for (i = 0; i < 8; i++)
        counters_add(&t.c, i, 0, 0, 10 + (uint32_t)(i ^ 5), 0);
    counters_find(&t.c, 5)->moves = 1; /* its history is worth more */
    counters_add(&t.c, 100, 0, 0, 1, 0);
    assert_null(counters_find(&t.c, 4));
    assert_non_null(counters_find(&t.c, 5));
    assert_int_equal(t.c.used, 8);
    assert_int_equal(t.c.evicted, 1);
    counters_next_interval(&t.c);
    for (i = 200; i < 1200; i++)
        counters_add(&t.c, i, 0, 0, 1, 0);
    assert_int_equal(t.c.used, 8);
    assert_non_null(counters_find(&t.c, 5));
    drop(&t);
}

static void test_moved_page(void **state)
{
    struct counted_copy copy;
    struct table t;

    (void)state;
    make(&t, 2, 64);
    assert_int_equal(counters_save(&t.c, 1, &copy), 0);
    counters_add(&t.c, 1, 0, 1, 7, 2);
    counters_find(&t.c, 1)->moves = 3;
    assert_int_equal(counters_save(&t.c, 1, &copy), 1);
    counters_forget(&t.c, 1);
    counters_add(&t.c, 2, 1, 1, 1, 0);
    counters_restore(&t.c, 2, &copy);
    assert_int_equal(counts(&t, 2)[1], 8);
    assert_int_equal(counts(&t, 2)[3], 2);
    assert_int_equal(counters_find(&t.c, 2)->moves, 3);
    /* Counts of an interval that is over are not brought back. */
    counters_next_interval(&t.c);
    counters_restore(&t.c, 4, &copy);
    assert_int_equal(counts(&t, 4)[1], 0);
    assert_int_equal(counters_find(&t.c, 4)->moves, 3);
    drop(&t);
}

static void test_no_memory(void **state)
{
    struct table t;
    disco_allocator ops;
    struct counters c;
    int n;

    (void)state;
    memset(&t, 0, sizeof(t));
    ops = fake_alloc_ops(&t.fake);
    assert_int_equal(alloc_init(&t.alloc, &ops), 0);
    for (n = 1; n <= 2; n++) {
        t.fake.fail_at = t.fake.calls + n;
        assert_int_equal(counters_init(&c, &t.alloc, 2, 8, 1), DISCO_E_NOMEM);
        assert_int_equal(t.fake.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_hot),
        cmocka_unit_test(test_hot_order_and_limit),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_moved_page),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
