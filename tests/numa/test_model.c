/*
 * test_model.c - costs of accesses, by hand.  200 MHz: a cycle is 5 ns, so a
 * local miss takes 60 cycles, a remote one 180, a line's service 32.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "numa/model.h"

enum { LOCAL = 60, REMOTE = 180, SERVICE = 32, DIRTY = 60, INVALIDATE = 10 };
enum { R = DISCO_READ, W = DISCO_WRITE };

static struct alloc alloc;
static struct topology topology;
static struct model *m;
static struct model_cost cost;

static void start(disco_model_config *config, uint32_t nodes, uint32_t cpus)
{
    static disco_topology uniform;

    alloc_init(&alloc, NULL);
    topology_uniform(&uniform, nodes, cpus);
    assert_int_equal(topology_init(&topology, &uniform, 1 << 20, NULL), 0);
    assert_null(model_check(config));
    assert_int_equal(model_create(&alloc, &topology, config, 200000000, &m), 0);
}

static void finish(void)
{
    assert_null(model_verify(m));
    model_destroy(m);
    assert_int_equal(alloc_held_bytes(&alloc), 0);
}

/* Line `n` of node 0's or 1's memory. */
static uint64_t line_of(uint32_t node, uint64_t n)
{
    return (uint64_t)node << 37 | n;
}

static disco_backend_line *line_access(uint32_t cpu, uint64_t time,
                                       uint32_t home, uint64_t n,
                                       uint32_t access)
{
    struct model_access a = { cpu, home, access, line_of(home, n), time };
    disco_backend_line *line = model_line(m, &a, &cost);

    assert_null(model_verify(m));
    assert_int_equal(line->name, a.name);
    return line;
}

static void check(uint64_t wait, uint64_t latency)
{
    assert_int_equal(cost.wait, wait);
    assert_int_equal(cost.latency, latency);
}

static void test_local_and_remote(void **state)
{
    disco_model_config c = { .size = sizeof(c) };

    (void)state;
    start(&c, 2, 1);
    line_access(0, 0, 0, 1, R);
    check(0, LOCAL);
    assert_true(cost.is_miss && !cost.is_remote);
    line_access(0, 1000, 0, 1, R);
    check(0, 0); /* present */
    line_access(0, 2000, 1, 1, R);
    check(0, REMOTE);
    assert_true(cost.is_remote);
    assert_int_equal(m->cpu[0].miss_local, 1);
    assert_int_equal(m->cpu[0].miss_remote, 1);
    assert_int_equal(m->node[1].from_remote, 1);
    finish();
}

static void test_a_busy_home_makes_wait(void **state)
{
    disco_model_config c = { .size = sizeof(c) };

    (void)state;
    start(&c, 2, 2);
    line_access(0, 0, 0, 1, R);
    check(0, LOCAL);
    line_access(1, 8, 0, 2, R);
    check(SERVICE - 8, LOCAL);
    line_access(2, 8, 0, 3, R);
    check(2 * SERVICE - 8, REMOTE);
    line_access(3, 8, 1, 3, R); /* the other node is free */
    check(0, LOCAL);
    assert_int_equal(m->node[0].queue.waited, 3 * SERVICE - 16);
    finish();
}

static void test_reads_share_writes_end_copies(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    disco_backend_line *line0, *line1;

    (void)state;
    start(&c, 2, 2);
    line0 = line_access(0, 0, 0, 1, R);
    assert_int_equal(line0->state, LINE_EXCLUSIVE);
    line1 = line_access(1, 1000, 0, 1, R);
    check(0, LOCAL + DIRTY); /* the directory asks the owner */
    assert_int_equal(line0->state, LINE_SHARED);
    line_access(2, 2000, 0, 1, R);
    check(0, REMOTE);
    line_access(1, 3000, 0, 1, W); /* an upgrade; two copies end */
    check(0, LOCAL + 2 * INVALIDATE);
    assert_true(line0->name == DISCO_LINE_NONE);
    assert_int_equal(line1->state, LINE_MODIFIED);
    assert_int_equal(m->cpu[1].upgrades, 1);
    assert_int_equal(m->cpu[0].invalidated, 1);
    assert_int_equal(m->cpu[2].invalidated, 1);
    line_access(2, 4000, 0, 1, W); /* from one cache to the other */
    check(0, REMOTE + DIRTY);
    assert_true(line1->name == DISCO_LINE_NONE);
    line_access(0, 5000, 0, 1, R); /* and its content goes home */
    check(0, LOCAL + DIRTY);
    assert_int_equal(m->node[0].queue.served, 7);
    finish();
}

static void test_first_store_to_an_own_line_is_free(void **state)
{
    disco_model_config c = { .size = sizeof(c) };

    (void)state;
    start(&c, 1, 1);
    line_access(0, 0, 0, 1, R);
    assert_int_equal(line_access(0, 100, 0, 1, W)->state, LINE_MODIFIED);
    check(0, 0);
    finish();
}

/* One way, two sets of 128 bytes: lines 0 and 2 displace each other. */
static void test_writebacks_keep_the_home_busy(void **state)
{
    disco_model_config c = { .size = sizeof(c), .cache_bytes = 256, .ways = 1 };

    (void)state;
    start(&c, 1, 2);
    line_access(0, 0, 0, 0, W);
    line_access(0, 1000, 0, 2, R); /* then line 0 is written back */
    check(0, LOCAL);
    assert_int_equal(m->cpu[0].writebacks, 1);
    line_access(1, 1000, 0, 0, R);
    check(2 * SERVICE, LOCAL); /* behind both, and nobody has it */
    line_access(0, 2000, 0, 4, R);
    assert_int_equal(m->cpu[0].writebacks, 1); /* line 2 was clean */
    finish();
}

static void test_devices(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    disco_backend_line *line;

    (void)state;
    start(&c, 1, 2);
    line = line_access(0, 0, 0, 1, W);
    model_dma(m, line_of(0, 1), R);
    assert_int_equal(line->state, LINE_EXCLUSIVE);
    model_dma(m, line_of(0, 1), W);
    assert_true(line->name == DISCO_LINE_NONE);
    model_dma(m, line_of(0, 9), W);
    finish();
}

static void test_uma(void **state)
{
    disco_model_config c = { .size = sizeof(c), .flags = DISCO_MODEL_UMA };

    (void)state;
    start(&c, 2, 1);
    line_access(0, 0, 1, 1, R);
    check(0, LOCAL);
    line_access(0, 0, 1, 2, R);
    check(0, LOCAL);
    assert_int_equal(m->cpu[0].miss_local, 2);
    finish();
}

static void test_parameters(void **state)
{
    disco_model_config c = { .size = sizeof(c),
                             .local_ns = 100,
                             .remote_ns = 500,
                             .service_ns = DISCO_MODEL_NOTHING,
                             .upgrade_percent = 50,
                             .dirty_ns = 7,
                             .invalidate_ns = DISCO_MODEL_NOTHING };

    (void)state;
    start(&c, 2, 1);
    line_access(0, 0, 0, 1, R);
    check(0, 20);
    line_access(1, 0, 0, 1, R);
    check(0, 100 + 2); /* 7 ns are 1.4 cycles, rounded up */
    line_access(1, 0, 0, 1, W);
    check(0, 50);
    finish();
}

static void test_bad_parameters(void **state)
{
    disco_model_config bad[] = {
        { .flags = 4 },
        { .cache_bytes = 3000 },
        { .ways = 3 },
        { .ways = 32 },
        { .line_bytes = 16 },
        { .line_bytes = 8192 },
        { .cache_bytes = 128 },
        { .local_ns = 901 },
        { .remote_ns = 299 },
        { .remote_ns = 2000000000 },
        { .dirty_ns = 2000000000 },
        { .upgrade_percent = 1001 },
        { .trap_ns = { 2000000000 } },
        { .page_ns = { 2000000000 } },
    };
    uint32_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(model_check(&bad[i]));
}

/* Any sequence leaves caches and directory in agreement, twice the same. */
static uint64_t random_run(void)
{
    disco_model_config c = { .size = sizeof(c), .cache_bytes = 4096 };
    uint64_t seed = 42, sum = 0, time[8] = { 0 };
    uint32_t step;

    start(&c, 4, 2);
    for (step = 0; step < 20000; step++) {
        struct model_access a;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        a.cpu = seed >> 61;
        a.home = seed >> 59 & 3;
        a.access = seed >> 58 & 1 ? W : R;
        a.name = line_of(a.home, (seed >> 40) % 100);
        a.time = time[a.cpu];
        model_line(m, &a, &cost);
        time[a.cpu] += cost.wait + cost.latency + 1;
        model_charge(m, a.cpu, DISCO_LEDGER_QUEUE, cost.wait);
        model_charge(m, a.cpu, DISCO_LEDGER_STALL_LOCAL, cost.latency);
        model_charge(m, a.cpu, DISCO_LEDGER_USER, 1);
        sum = sum * 31 + cost.wait + cost.latency;
        assert_int_equal(m->cpu[a.cpu].now, time[a.cpu]);
        if (step % 997 == 0) {
            model_dma(m, line_of(a.home, seed % 100), a.access);
            assert_null(model_verify(m));
        }
    }
    finish();
    return sum;
}

static void test_it_repeats(void **state)
{
    (void)state;
    assert_true(random_run() == random_run());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_and_remote),
        cmocka_unit_test(test_a_busy_home_makes_wait),
        cmocka_unit_test(test_reads_share_writes_end_copies),
        cmocka_unit_test(test_first_store_to_an_own_line_is_free),
        cmocka_unit_test(test_writebacks_keep_the_home_busy),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_uma),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_bad_parameters),
        cmocka_unit_test(test_it_repeats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
