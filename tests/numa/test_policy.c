/*
 * test_policy.c - what the library's policies say to pages of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <disco/numa.h>

enum { NODES = 4 };

static disco_policy_params params;
static disco_policy_page page;
static uint32_t reads[NODES], writes[NODES];

/* A page on node 0 that nobody uses. */
static int setup(void **state)
{
    (void)state;
    memset(&params, 0, sizeof(params));
    params.size = sizeof(params);
    assert_int_equal(disco_policy_defaults(&params), 0);
    memset(&page, 0, sizeof(page));
    memset(reads, 0, sizeof(reads));
    memset(writes, 0, sizeof(writes));
    page.size = sizeof(page);
    page.nodes = NODES;
    page.copies = 1;
    page.reads = reads;
    page.writes = writes;
    return 0;
}

static uint32_t decide(uint32_t *node)
{
    const disco_policy_ops *ops = disco_policy_find("disco");

    *node = page.node;
    return ops->decide(NULL, &params, &page, node);
}

static void expect(uint32_t action, uint32_t node)
{
    uint32_t to;

    assert_int_equal(decide(&to), action);
    if (action != DISCO_PLACE_NONE && action != DISCO_PLACE_FREEZE)
        assert_int_equal(to, node);
}

static void test_defaults(void **state)
{
    disco_policy_params p = { .size = sizeof(p), .trigger = 64, .write = 7 };

    (void)state;
    assert_int_equal(params.trigger, 128);
    assert_int_equal(params.sharing, 32);
    assert_int_equal(params.write, 1);
    assert_int_equal(params.migrate, 1);
    assert_int_equal(params.reset_ns, 100000000);
    assert_int_equal(disco_policy_defaults(&p), 0);
    assert_int_equal(p.sharing, 16);
    assert_int_equal(p.write, 7);
    p.size = 4;
    assert_int_equal(disco_policy_defaults(&p), DISCO_E_INVAL);
    assert_int_equal(disco_policy_defaults(NULL), DISCO_E_INVAL);
}

static void test_one_user(void **state)
{
    (void)state;
    expect(DISCO_PLACE_NONE, 0);
    reads[2] = 127;
    expect(DISCO_PLACE_NONE, 0);
    writes[2] = 1; /* who else writes does not matter: it is alone */
    expect(DISCO_PLACE_MIGRATE, 2);
    writes[2] = 100000;
    expect(DISCO_PLACE_MIGRATE, 2);
    reads[0] = 31; /* not yet a sharer */
    expect(DISCO_PLACE_MIGRATE, 2);
    page.interval_moves = 1;
    expect(DISCO_PLACE_NONE, 0);
    params.migrate = 2;
    expect(DISCO_PLACE_MIGRATE, 2);
    page.moves = 8;
    expect(DISCO_PLACE_FREEZE, 0);
    /* At home: nothing to gain. */
    page.moves = 0;
    page.node = 2;
    page.copies = 4;
    expect(DISCO_PLACE_NONE, 0);
}

static void test_read_shared(void **state)
{
    (void)state;
    reads[0] = 32;
    reads[1] = 200;
    reads[3] = 300;
    expect(DISCO_PLACE_REPLICATE, 3); /* the hottest first */
    page.copies |= 8;
    expect(DISCO_PLACE_REPLICATE, 1);
    page.copies |= 2;
    expect(DISCO_PLACE_NONE, 0);
    page.copies = 1;
    writes[2] = 1; /* one write is let pass */
    expect(DISCO_PLACE_REPLICATE, 3);
    page.pressed = 8;
    expect(DISCO_PLACE_NONE, 0);
    /* With copies elsewhere, one hot reader gets a copy too. */
    page.pressed = 0;
    page.copies = 3;
    reads[0] = reads[1] = writes[2] = 0;
    expect(DISCO_PLACE_REPLICATE, 3);
}

static void test_write_shared(void **state)
{
    (void)state;
    reads[0] = 1000;
    reads[1] = 1000;
    writes[1] = 2;
    expect(DISCO_PLACE_NONE, 0);
    params.write = 2;
    expect(DISCO_PLACE_REPLICATE, 1);
    params.write = DISCO_POLICY_NO_WRITE;
    writes[1] = 1;
    expect(DISCO_PLACE_NONE, 0);
    writes[1] = 0;
    expect(DISCO_PLACE_REPLICATE, 1);
}

static void test_others(void **state)
{
    disco_policy_frame f = {
        .size = sizeof(f), .nodes = 4, .node = 3, .home = 2, .serial = 9
    };
    const disco_policy_ops *ops;

    (void)state;
    ops = disco_policy_find("none");
    assert_int_equal(ops->place(NULL, &f), 2);
    assert_null(ops->decide);
    ops = disco_policy_find("firsttouch");
    assert_null(ops->place);
    assert_null(ops->decide);
    ops = disco_policy_find("roundrobin");
    assert_int_equal(ops->place(NULL, &f), 1);
    assert_null(ops->decide);
    assert_null(disco_policy_find("disco")->place);
    assert_null(disco_policy_find("best"));
    assert_null(disco_policy_find(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, setup),
        cmocka_unit_test_setup(test_one_user, setup),
        cmocka_unit_test_setup(test_read_shared, setup),
        cmocka_unit_test_setup(test_write_shared, setup),
        cmocka_unit_test_setup(test_others, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
