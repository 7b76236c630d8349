/*
 * test_engine.c - the engine over a made-up memory: budget, rate, freezing,
 * refusals, the log, equal runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake_alloc.h"
#include "numa/engine.h"

enum { NODES = 4, PAGES = 64, MS = 1000000 };

/* Pages by number; a name is node << 32 | number. */
struct world {
    struct fake_alloc fake;
    struct alloc alloc;
    struct engine e;
    uint64_t copies[PAGES];
    uint32_t node[PAGES];
    uint32_t acts;
    uint32_t refuse; /* what act says */
};

static uint32_t look(void *opaque, uint64_t name, struct engine_look *out)
{
    struct world *w = opaque;
    uint32_t i = (uint32_t)name;

    if (i >= PAGES || name >> 32 != w->node[i])
        return DISCO_REFUSED_GONE;
    out->node = w->node[i];
    out->copies = w->copies[i];
    out->pressed = 0;
    return 0;
}

static uint32_t act(void *opaque, uint32_t action, uint32_t node,
                    uint64_t *name)
{
    struct world *w = opaque;
    uint32_t i = (uint32_t)*name;

    w->acts++;
    if (w->refuse)
        return w->refuse;
    if (action == DISCO_PLACE_COLLAPSE) {
        w->copies[i] = UINT64_C(1) << w->node[i];
    } else if (action == DISCO_PLACE_REPLICATE) {
        w->copies[i] |= UINT64_C(1) << node;
    } else {
        w->node[i] = node;
        w->copies[i] = UINT64_C(1) << node;
        *name = (uint64_t)node << 32 | i;
    }
    return 0;
}

static void make(struct world *w, const disco_placement_config *config,
                 disco_policy_params *params)
{
    disco_placement_config c = *config;
    struct engine_ops ops = { look, act, w };
    disco_allocator a;
    uint32_t i;

    memset(w, 0, sizeof(*w));
    a = fake_alloc_ops(&w->fake);
    assert_int_equal(alloc_init(&w->alloc, &a), 0);
    for (i = 0; i < PAGES; i++)
        w->copies[i] = 1;
    policy_defaults(params);
    c.params = params;
    if (!c.ops)
        c.ops = disco_policy_find("disco");
    c.pages = 512;
    c.log_events = c.log_events ? c.log_events : 64;
    c.tick_pages = c.tick_pages ? c.tick_pages : 64;
    assert_int_equal(engine_init(&w->e, &w->alloc, NODES, &c, &ops), 0);
}

static void drop(struct world *w)
{
    engine_destroy(&w->e);
    assert_int_equal(w->fake.live, 0);
}

static void use(struct world *w, uint32_t page, uint32_t node, uint32_t reads,
                uint32_t writes)
{
    counters_add(&w->e.counters, (uint64_t)w->node[page] << 32 | page,
                 w->node[page], node, reads, writes);
}

static void test_migrate_and_copy(void **state)
{
    disco_placement_config c = { .size = sizeof(c) };
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_event log[8];
    disco_placement_stats s;
    uint64_t serial = 0;
    struct world w;

    (void)state;
    make(&w, &c, &p);
    use(&w, 5, 2, 100, 100);
    use(&w, 3, 1, 200, 0);
    use(&w, 3, 3, 300, 0);
    assert_int_equal(engine_tick(&w.e, 1), 3);
    assert_int_equal(w.node[5], 2);
    assert_int_equal(w.copies[3], 0xb);
    assert_int_equal(engine_tick(&w.e, 2), 0);
    engine_stats(&w.e, &s);
    assert_int_equal(s.migrations, 1);
    assert_int_equal(s.replications, 2);
    assert_int_equal(s.hot, 2);
    assert_int_equal(s.ticks, 2);
    assert_int_equal(engine_log(&w.e, &serial, log, 8), 3);
    assert_int_equal(serial, 3);
    assert_int_equal(log[0].page, 3);
    assert_int_equal(log[0].action, DISCO_PLACE_REPLICATE);
    assert_int_equal(log[0].to_node, 3);
    assert_int_equal(log[1].to_node, 1);
    assert_int_equal(log[2].action, DISCO_PLACE_MIGRATE);
    assert_int_equal(log[2].from_node, 0);
    assert_int_equal(log[2].to_node, 2);
    assert_int_equal(log[2].moves, 1);
    assert_int_equal(log[2].serial, 2);
    assert_int_equal(engine_log(&w.e, &serial, log, 8), 0);
    drop(&w);
}

/* A page that everybody wants in turn moves a bounded number of times. */
static void test_ping_pong(void **state)
{
    disco_placement_config c = { .size = sizeof(c) };
    disco_policy_params p = { .size = sizeof(p), .freeze = 5, .thaw = 10 };
    disco_placement_stats s;
    struct world w;
    uint32_t i, moved_at = 0;

    (void)state;
    make(&w, &c, &p);
    for (i = 1; i <= 17; i++) {
        use(&w, 0, (w.node[0] + 1) % NODES, 0, 1000);
        moved_at = engine_tick(&w.e, (uint64_t)i * 100 * MS) ? i : moved_at;
    }
    /* Five moves, and after a pause a few more. */
    engine_stats(&w.e, &s);
    assert_int_equal(s.frozen, 1);
    assert_int_equal(s.thawed, 1);
    assert_true(moved_at > 15);
    assert_in_range(s.migrations, 6, 7);
    drop(&w);
}

/* Copies that writes join again and again count as moves. */
static void test_copy_ping_pong(void **state)
{
    disco_placement_config c = { .size = sizeof(c) };
    disco_policy_params p = { .size = sizeof(p), .freeze = 3, .thaw = ~0u };
    disco_placement_stats s;
    struct world w;
    uint32_t i;

    (void)state;
    make(&w, &c, &p);
    for (i = 1; i < 30; i++) {
        use(&w, 0, 0, 500, 0);
        use(&w, 0, 1, 500, 0);
        engine_tick(&w.e, (uint64_t)i * 100 * MS);
        w.copies[0] = 1;
    }
    engine_stats(&w.e, &s);
    assert_int_equal(s.broken, 3);
    assert_int_equal(s.frozen, 1);
    assert_int_equal(s.replications, 3);
    drop(&w);
}

static void test_budget(void **state)
{
    disco_placement_config c = { .size = sizeof(c), .tick_pages = 10 };
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_stats s;
    struct world w;
    uint32_t i;

    (void)state;
    make(&w, &c, &p);
    for (i = 0; i < 32; i++)
        use(&w, i, 1, 500, 0);
    assert_int_equal(engine_tick(&w.e, MS), 10);
    assert_int_equal(engine_tick(&w.e, 2 * MS), 10);
    assert_int_equal(engine_tick(&w.e, 200 * MS), 10);
    /* The interval is over. */
    assert_int_equal(engine_tick(&w.e, 201 * MS), 0);
    engine_stats(&w.e, &s);
    assert_int_equal(s.hot_lost, 2);
    assert_int_equal(s.intervals, 1);
    drop(&w);
}

static void test_rate(void **state)
{
    disco_placement_config c = { .size = sizeof(c), .rate = 100 };
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_stats s;
    struct world w;
    uint32_t i;

    (void)state;
    make(&w, &c, &p);
    for (i = 0; i < 32; i++)
        use(&w, i, 1, 500, 0);
    assert_int_equal(engine_tick(&w.e, 0), 10); /* a tenth of a second's */
    for (; i < 64; i++)
        use(&w, i, 1, 500, 0);
    assert_int_equal(engine_tick(&w.e, 20 * MS), 2);
    engine_stats(&w.e, &s);
    assert_int_equal(s.refused[DISCO_REFUSED_RATE], 22 + 30);
    drop(&w);
}

static uint32_t wild_action, wild_node;

static uint32_t wild(void *opaque, const disco_policy_params *params,
                     const disco_policy_page *page, uint32_t *node)
{
    (void)opaque;
    (void)params;
    (void)page;
    *node = wild_node;
    return wild_action;
}

static void test_refusals(void **state)
{
    static const disco_policy_ops ops = { .size = sizeof(ops),
                                          .name = "wild",
                                          .decide = wild };
    static const struct {
        uint32_t action, node, refused;
    } cases[] = {
        { DISCO_PLACE_MIGRATE, 0, DISCO_REFUSED_SAME },
        { DISCO_PLACE_MIGRATE, NODES, DISCO_REFUSED_NODE },
        { DISCO_PLACE_REPLICATE, 0xffffffff, DISCO_REFUSED_NODE },
        { DISCO_PLACE_REPLICATE, 0, DISCO_REFUSED_SAME },
        { DISCO_PLACE_COLLAPSE, 0, DISCO_REFUSED_SAME },
        { 77, 1, DISCO_REFUSED_UNKNOWN },
    };
    disco_placement_config c = { .size = sizeof(c), .ops = &ops };
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_stats s;
    struct world w;
    uint32_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        make(&w, &c, &p);
        wild_action = cases[i].action;
        wild_node = cases[i].node;
        use(&w, 0, 1, 500, 0);
        assert_int_equal(engine_tick(&w.e, 1), 0);
        assert_int_equal(w.acts, 0);
        engine_stats(&w.e, &s);
        assert_int_equal(s.refused[cases[i].refused], 1);
        drop(&w);
    }
    make(&w, &c, &p);
    wild_action = DISCO_PLACE_MIGRATE;
    wild_node = 3;
    w.refuse = DISCO_REFUSED_PINNED;
    use(&w, 0, 1, 500, 0);
    assert_int_equal(engine_tick(&w.e, 1), 0);
    engine_stats(&w.e, &s);
    assert_int_equal(s.refused[DISCO_REFUSED_PINNED], 1);
    assert_int_equal(s.migrations, 0);
    /* A page that is gone is nobody's business. */
    w.refuse = 0;
    use(&w, 1, 1, 500, 0);
    w.node[1] = 2;
    assert_int_equal(engine_tick(&w.e, 2), 0);
    /* Freeze: nothing happens to it any more. */
    wild_action = DISCO_PLACE_FREEZE;
    use(&w, 2, 1, 500, 0);
    engine_tick(&w.e, 3);
    wild_action = DISCO_PLACE_MIGRATE;
    use(&w, 2, 2, 500, 0);
    assert_int_equal(engine_tick(&w.e, 4), 0);
    engine_stats(&w.e, &s);
    assert_int_equal(s.frozen, 1);
    drop(&w);
}

static void test_log_ring(void **state)
{
    disco_placement_config c = { .size = sizeof(c), .log_events = 4 };
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_event log[8];
    uint64_t serial = 0;
    struct world w;
    uint32_t i;

    (void)state;
    make(&w, &c, &p);
    for (i = 0; i < 10; i++)
        use(&w, i, 1, 500, 0);
    assert_int_equal(engine_tick(&w.e, 7), 10);
    assert_int_equal(engine_log(&w.e, &serial, log, 3), 3);
    assert_int_equal(log[0].serial, 6);
    assert_int_equal(log[0].now_ns, 7);
    assert_int_equal(serial, 9);
    assert_int_equal(engine_log(&w.e, &serial, log, 3), 1);
    serial = 1000;
    assert_int_equal(engine_log(&w.e, &serial, log, 3), 0);
    drop(&w);
}

static void test_no_memory(void **state)
{
    disco_policy_params p = { .size = sizeof(p) };
    disco_placement_config c = { .size = sizeof(c),
                                 .ops = disco_policy_find("disco"),
                                 .params = &p,
                                 .pages = 8,
                                 .log_events = 1,
                                 .tick_pages = 1 };
    struct engine_ops ops = { look, act, NULL };
    struct world w;
    disco_allocator a;
    int n;

    (void)state;
    memset(&w, 0, sizeof(w));
    a = fake_alloc_ops(&w.fake);
    assert_int_equal(alloc_init(&w.alloc, &a), 0);
    for (n = 1; n <= 4; n++) {
        w.fake.fail_at = w.fake.calls + n;
        assert_int_equal(engine_init(&w.e, &w.alloc, NODES, &c, &ops),
                         DISCO_E_NOMEM);
        assert_int_equal(w.fake.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate_and_copy),
        cmocka_unit_test(test_ping_pong),
        cmocka_unit_test(test_copy_ping_pong),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_log_ring),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
