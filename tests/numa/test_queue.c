/*
 * test_queue.c - waiting for a memory controller, by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "numa/queue.h"

static struct queue q;

static void test_in_order_it_is_a_fifo(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    assert_int_equal(queue_take(&q, 100, 50), 0);
    assert_int_equal(queue_take(&q, 110, 50), 40);
    assert_int_equal(queue_take(&q, 110, 50), 90);
    assert_int_equal(queue_take(&q, 249, 50), 1);
    assert_int_equal(queue_take(&q, 300, 50), 0);
    assert_int_equal(queue_take(&q, 400, 50), 0);
    assert_int_equal(q.served, 6);
    assert_int_equal(q.busy, 300);
    assert_int_equal(q.waited, 131);
    assert_int_equal(q.count, 2); /* [100, 350) and [400, 450) */
}

static void test_an_earlier_time_takes_a_gap(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    assert_int_equal(queue_take(&q, 1000, 50), 0);
    assert_int_equal(queue_take(&q, 1090, 50), 0);
    assert_int_equal(queue_take(&q, 0, 50), 0);     /* before both */
    assert_int_equal(queue_take(&q, 960, 50), 180); /* the gap is too small */
    assert_int_equal(queue_take(&q, 950, 50), 0);   /* just fits */
    assert_int_equal(queue_take(&q, 1049, 40), 1);  /* fills the gap */
    assert_int_equal(q.count, 2); /* all but the first joined */
    assert_int_equal(queue_take(&q, 950, 1), 240);
}

static void test_no_service_no_wait(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    assert_int_equal(queue_take(&q, 5, 0), 0);
    assert_int_equal(queue_take(&q, 5, 0), 0);
    assert_int_equal(q.count, 0);
    assert_int_equal(q.served, 2);
}

/* Far more spans than are kept; the distant past is free. */
static void test_memory_is_bounded(void **state)
{
    uint64_t t;

    (void)state;
    memset(&q, 0, sizeof(q));
    for (t = 0; t < 10000; t++)
        assert_int_equal(queue_take(&q, t * 100, 50), 0);
    assert_true(q.count <= QUEUE_SPANS);
    assert_int_equal(queue_take(&q, 10, 50), 0);
    assert_int_equal(queue_take(&q, 10, 50), 0);
    assert_int_equal(queue_take(&q, 9999 * 100, 50), 50);
}

/* Every schedule is possible: no two requests at once, none before its time. */
static void test_spans_never_overlap(void **state)
{
    uint64_t seed = 7, wait, t;
    uint32_t i, step;

    (void)state;
    memset(&q, 0, sizeof(q));
    for (step = 0; step < 5000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        t = (seed >> 40) % 4000 + step * 3;
        wait = queue_take(&q, t, 1 + (seed >> 33) % 60);
        assert_true(wait < 1000000);
        for (i = 0; i < q.count; i++) {
            assert_true(q.span[i].from < q.span[i].to);
            if (i)
                assert_true(q.span[i - 1].to < q.span[i].from);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_it_is_a_fifo),
        cmocka_unit_test(test_an_earlier_time_takes_a_gap),
        cmocka_unit_test(test_no_service_no_wait),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_spans_never_overlap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
