/*
 * test_placement.c - counting and placing pages of a real machine, with the toy
 * CPU: what sampling sees, what the engine does with it, what is refused.
 */
#include <pthread.h>
#include <string.h>

#include "fixture.h"

enum { DATA = 0x4000 };

/* Load from and store to DATA for ever. */
static const uint32_t user[] = {
    TOY(TOY_ADDI, 1, 0, 0x4000), TOY(TOY_LD, 2, 1, 0),   TOY(TOY_ADDI, 2, 2, 1),
    TOY(TOY_ST, 2, 1, 0),        TOY(TOY_BEQ, 0, 0, -4),
};

static void start(struct fixture *f, const char *policy,
                  const disco_policy_params *params)
{
    disco_placement_config c = { .size = sizeof(c),
                                 .policy = policy,
                                 .params = params,
                                 .sample_cycles = 1000 };

    assert_int_equal(disco_placement_start(f->machine, &c), 0);
}

static void run_on(struct fixture *f, uint32_t vcpu, uint32_t cpu,
                   uint64_t insns)
{
    disco_run run = { .size = sizeof(run), .max_insns = insns };
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_run(f->vcpu[vcpu], cpu, &run, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
}

static disco_page_info info_of(struct fixture *f, uint64_t gpa)
{
    disco_page_info info = { .size = sizeof(info) };

    assert_int_equal(disco_page_info_get(f->vm, gpa, &info), 0);
    return info;
}

static disco_placement_stats stats_of(struct fixture *f)
{
    disco_placement_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_placement_stats_get(f->machine, &s), 0);
    return s;
}

/* A page that always hits is seen, and goes to who uses it. */
static void test_page_follows_its_user(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    disco_page_counters counts = { .size = sizeof(counts) };
    disco_node_stats n = { .size = sizeof(n) };
    disco_placement_stats s;
    struct fixture f;
    uint32_t acted;

    (void)state;
    fixture_make(&f, &c, user, 5);
    start(&f, NULL, NULL);
    run_on(&f, 0, 0, 20000);
    assert_int_equal(info_of(&f, DATA).node, 0);
    assert_int_equal(disco_placement_tick(f.machine, 1, &acted), 0);
    assert_int_equal(acted, 0);
    assert_int_equal(disco_counters_get(f.vm, DATA, &counts), 0);
    assert_in_range(counts.reads[0], 16 * 5, 16 * 25);
    assert_in_range(counts.writes[0], 16 * 5, 16 * 25);
    assert_int_equal(counts.reads[1], 0);
    /* A new interval, and only node 1 works on. */
    assert_int_equal(disco_placement_tick(f.machine, 200000000, NULL), 0);
    run_on(&f, 1, 2, 20000);
    assert_int_equal(disco_placement_tick(f.machine, 200000001, &acted), 0);
    assert_int_equal(info_of(&f, DATA).node, 1);
    assert_int_equal(acted, 1);
    assert_int_equal(disco_counters_get(f.vm, DATA, &counts), 0);
    assert_int_equal(counts.moves, 1);
    assert_true(counts.reads[1] > 16 * 5); /* they came with it */
    s = stats_of(&f);
    assert_int_equal(s.migrations, 1);
    assert_true(s.samples > 40);
    assert_int_equal(disco_node_stats_get(f.machine, 1, &n), 0);
    assert_true(n.sampled_remote > 15);
    run_on(&f, 1, 2, 20000);
    assert_int_equal(disco_node_stats_get(f.machine, 1, &n), 0);
    assert_true(n.sampled_local > 15);
    assert_int_equal(disco_placement_stop(f.machine), 0);
    fixture_drop(&f);
}

/* Both nodes store: it stays. */
static void test_write_shared_stays(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    struct fixture f;
    uint32_t i;

    (void)state;
    fixture_make(&f, &c, user, 5);
    start(&f, "disco", NULL);
    for (i = 1; i < 50; i++) {
        run_on(&f, 0, 0, 10000);
        run_on(&f, 1, 2, 10000);
        assert_int_equal(disco_placement_tick(f.machine, i * 10000000, NULL),
                         0);
        assert_int_equal(info_of(&f, DATA).node, 0);
    }
    assert_true(stats_of(&f).hot >= 3);
    assert_int_equal(stats_of(&f).migrations, 0);
    fixture_drop(&f);
}

static void test_first_frames(void **state)
{
    static const struct {
        const char *policy;
        uint32_t node;
    } cases[] = { { "none", 0 }, { "firsttouch", 1 }, { "disco", 1 } };
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 1 };
    struct fixture f;
    uint32_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        fixture_make(&f, &c, user, 5);
        start(&f, cases[i].policy, NULL);
        run_on(&f, 0, 2, 1000);
        assert_int_equal(info_of(&f, DATA).node, cases[i].node);
        fixture_drop(&f);
    }
}

/* The host's own: frames on the last node, and every hot page to node 0. */
static uint32_t own_place(void *opaque, const disco_policy_frame *frame)
{
    ++*(uint32_t *)opaque;
    return frame->nodes - 1;
}

static uint32_t own_decide(void *opaque, const disco_policy_params *params,
                           const disco_policy_page *page, uint32_t *node)
{
    (void)opaque;
    (void)params;
    assert_int_equal(page->nodes, 3);
    *node = 0;
    return DISCO_PLACE_MIGRATE;
}

static void test_own_policy(void **state)
{
    const disco_policy_ops ops = { .size = sizeof(ops),
                                   .name = "own",
                                   .place = own_place,
                                   .decide = own_decide };
    struct fixture_config fc = { .nodes = 3, .cpus = 1 };
    uint32_t placed = 0, acted, got;
    disco_placement_config c = { .size = sizeof(c),
                                 .flags = DISCO_PLACEMENT_NO_SAMPLING,
                                 .ops = &ops,
                                 .opaque = &placed };
    disco_placement_event event;
    uint64_t serial = 0;
    struct fixture f;

    (void)state;
    fixture_make(&f, &fc, user, 5);
    assert_int_equal(disco_placement_start(f.machine, &c), 0);
    run_on(&f, 0, 1, 10000);
    assert_int_equal(info_of(&f, DATA).node, 2);
    assert_int_equal(placed, 1); /* the code was there already */
    assert_int_equal(stats_of(&f).samples, 0);
    assert_int_equal(disco_counters_add(f.vm, DATA + 8, 1, 100, 28), 0);
    assert_int_equal(disco_placement_tick(f.machine, 0, &acted), 0);
    assert_int_equal(acted, 1);
    assert_int_equal(info_of(&f, DATA).node, 0);
    assert_int_equal(disco_placement_log(f.machine, &serial, &event, 1, &got),
                     0);
    assert_int_equal(got, 1);
    assert_int_equal(event.action, DISCO_PLACE_MIGRATE);
    assert_int_equal(event.from_node, 2);
    assert_int_equal(event.refused, 0);
    fixture_drop(&f);
}

static void test_pinned_and_full(void **state)
{
    struct fixture_config c = { .nodes = 2, .node_bytes = 16 * 4096 };
    disco_pin pin = { .size = sizeof(pin) };
    struct fixture f;
    uint64_t gpa;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    start(&f, "disco", NULL);
    assert_int_equal(disco_mem_write(f.vm, DATA, "x", 1), 0);
    assert_int_equal(disco_mem_pin(f.vm, DATA, 8, DISCO_READ, &pin), 0);
    assert_int_equal(disco_counters_add(f.vm, DATA, 1, 1000, 0), 0);
    assert_int_equal(disco_placement_tick(f.machine, 1, NULL), 0);
    assert_int_equal(info_of(&f, DATA).node, 0);
    assert_int_equal(stats_of(&f).refused[DISCO_REFUSED_PINNED], 1);
    assert_int_equal(disco_mem_unpin(f.vm, &pin), 0);
    /* Fill both nodes. */
    for (gpa = 0x10000; gpa < 0x10000 + 31 * 4096; gpa += 4096)
        assert_int_equal(disco_mem_write(f.vm, gpa, "x", 1), 0);
    assert_int_equal(disco_placement_tick(f.machine, 200000000, NULL), 0);
    assert_int_equal(disco_counters_add(f.vm, DATA, 1, 1000, 0), 0);
    assert_int_equal(disco_placement_tick(f.machine, 200000001, NULL), 0);
    assert_int_equal(stats_of(&f).refused[DISCO_REFUSED_FULL], 1);
    fixture_drop(&f);
}

static void test_arguments(void **state)
{
    disco_placement_config c = { .size = sizeof(c), .policy = "best" };
    disco_page_counters counts = { .size = sizeof(counts) };
    disco_placement_stats s = { .size = sizeof(s) };
    struct fixture_config fc = { .nodes = 2 };
    disco_policy_ops ops = { .size = sizeof(ops), .flags = 1 };
    struct fixture f;
    uint64_t serial = 0;
    uint32_t got;

    (void)state;
    fixture_make(&f, &fc, user, 5);
    assert_int_equal(disco_placement_tick(f.machine, 0, NULL), DISCO_E_STATE);
    assert_int_equal(disco_placement_stop(f.machine), DISCO_E_STATE);
    assert_int_equal(disco_placement_stats_get(f.machine, &s), DISCO_E_STATE);
    assert_int_equal(disco_placement_log(f.machine, &serial, NULL, 0, &got),
                     DISCO_E_STATE);
    assert_int_equal(disco_counters_add(f.vm, 0, 0, 1, 1), DISCO_E_STATE);
    assert_int_equal(disco_counters_get(f.vm, 0, &counts), DISCO_E_STATE);
    assert_int_equal(disco_placement_start(f.machine, &c), DISCO_E_NOENT);
    c.policy = "disco";
    c.ops = &ops;
    assert_int_equal(disco_placement_start(f.machine, &c), DISCO_E_INVAL);
    c.policy = NULL;
    assert_int_equal(disco_placement_start(f.machine, &c), DISCO_E_INVAL);
    c.ops = NULL;
    c.sample_cycles = 999;
    assert_int_equal(disco_placement_start(f.machine, &c), DISCO_E_INVAL);
    c.sample_cycles = 0;
    assert_int_equal(disco_placement_start(f.machine, &c), 0);
    assert_int_equal(disco_placement_start(f.machine, &c), DISCO_E_EXISTS);
    assert_int_equal(disco_counters_add(f.vm, 0, 2, 1, 1), DISCO_E_INVAL);
    assert_int_equal(disco_counters_add(f.vm, DATA, 1, 1, 1), DISCO_E_NOENT);
    assert_int_equal(disco_counters_add(f.vm, UINT64_C(1) << 39, 1, 1, 1),
                     DISCO_E_RANGE);
    assert_int_equal(disco_counters_add(NULL, 0, 1, 1, 1), DISCO_E_INVAL);
    assert_int_equal(disco_placement_stop(f.machine), 0);
    fixture_drop(&f);
}

/* Frames that are given back take their counts with them. */
static void test_freed_frames(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    disco_page_counters counts = { .size = sizeof(counts) };
    struct fixture f;
    disco_vm *vm;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    start(&f, "disco", NULL);
    assert_int_equal(disco_vm_create(f.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(vm, 0, "x", 1), 0);
    assert_int_equal(disco_counters_add(vm, 0, 1, 1000, 0), 0);
    assert_true(stats_of(&f).pages > 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(stats_of(&f).pages, 0);
    assert_int_equal(disco_placement_tick(f.machine, 1, NULL), 0);
    assert_int_equal(disco_vm_create(f.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(vm, 0, "x", 1), 0);
    assert_int_equal(disco_counters_get(vm, 0, &counts), 0);
    assert_int_equal(counts.reads[1], 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

/* Ticks while vCPUs of a VM run on two threads, and VMs come and go. */
struct ticker {
    struct fixture *f;
    uint32_t stop; /* atomic */
};

static void *tick_on(void *arg)
{
    struct ticker *t = arg;
    uint64_t now = 1;

    while (!__atomic_load_n(&t->stop, __ATOMIC_SEQ_CST))
        disco_placement_tick(t->f->machine, now += 50000000, NULL);
    return NULL;
}

static void *run_second(void *arg)
{
    struct ticker *t = arg;
    disco_run run = { .size = sizeof(run), .max_insns = 3000 };
    disco_exit e = { .size = sizeof(e) };

    while (!__atomic_load_n(&t->stop, __ATOMIC_SEQ_CST))
        disco_vcpu_run(t->f->vcpu[1], 3, &run, &e);
    return NULL;
}

static void one_life(struct fixture *f)
{
    disco_vm *vm;

    assert_int_equal(disco_vm_create(f->machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(vm, 0, "x", 1), 0);
    disco_counters_add(vm, 0, 1, 1000, 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
}

static void test_threads(void **state)
{
    struct fixture_config c = {
        .nodes = 2, .cpus = 2, .vcpus = 2, .threads = 2
    };
    disco_policy_params p = { .size = sizeof(p), .freeze = 10000 };
    pthread_t ticker, second;
    struct ticker t = { 0 };
    struct fixture f;
    int i;

    (void)state;
    fixture_make(&f, &c, user, 5);
    start(&f, "disco", &p);
    t.f = &f;
    assert_int_equal(pthread_create(&ticker, NULL, tick_on, &t), 0);
    assert_int_equal(pthread_create(&second, NULL, run_second, &t), 0);
    for (i = 0; i < 300; i++) {
        run_on(&f, 0, (uint32_t)i / 20 % 3, 3000);
        one_life(&f);
    }
    __atomic_store_n(&t.stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(ticker, NULL);
    pthread_join(second, NULL);
    assert_true(stats_of(&f).hot > 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_follows_its_user),
        cmocka_unit_test(test_write_shared_stays),
        cmocka_unit_test(test_first_frames),
        cmocka_unit_test(test_own_policy),
        cmocka_unit_test(test_pinned_and_full),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_freed_frames),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
