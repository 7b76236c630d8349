/*
 * test_sched_rules.c - what the scheduler promises: shares by weight, affinity,
 * spreading, gangs, balancing, idle vCPUs that leave and come back, and the
 * same order every time.
 */
#include <string.h>

#include "sched_world.h"

/* |value - wanted| is at most `percent` of wanted. */
static void assert_near(uint64_t value, uint64_t wanted, uint32_t percent)
{
    uint64_t slack = wanted * percent / 100;

    assert_in_range(value, wanted - slack, wanted + slack);
}

static void set_vm(struct world *w, uint32_t vm, uint32_t weight,
                   uint32_t flags, const uint64_t *mask)
{
    disco_sched_vm_config c = { .size = sizeof(c) };

    c.weight = weight;
    c.flags = flags;
    c.cpu_mask = mask;
    c.cpu_words = mask ? 1 : 0;
    assert_int_equal(disco_sched_set_vm(w->sched, w->vm[vm], &c), 0);
}

/* --- Shares -------------------------------------------------------------- */

static void test_weights_on_one_cpu(void **state)
{
    static const uint32_t weights[] = { 100, 200, 400, 1 };
    struct world_config c = { .nodes = 1, .cpus = 1 };
    uint64_t all = 0, insns[4];
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 4; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), weights[i], 0, NULL);
    world_rounds(&w, 7010);
    for (i = 0; i < 4; i++)
        all += insns[i] = world_insns(&w, i);
    assert_int_equal(all, 701000);
    for (i = 0; i < 3; i++)
        assert_near(insns[i], all * weights[i] / 701, 1);
    assert_in_range(insns[3], 900, 1200);
    world_drop(&w);
}

/* The share is the VM's, however many vCPUs it has. */
static void test_shares_are_of_vms(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 1 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 3, NULL, 0);
    world_add(&w, 1, NULL, 0);
    world_rounds(&w, 6000);
    assert_near(world_insns(&w, 0), 300000, 1);
    assert_near(world_insns(&w, 1), 300000, 1);
    for (i = 0; i < 3; i++)
        assert_near(world_stats(&w, 0, i).run_insns, 100000, 1);
    world_drop(&w);
}

/* Three VMs on two CPUs: nobody may sit on a CPU of his own. */
static void test_shares_across_cpus(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 2 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 3; i++)
        world_add(&w, 1, NULL, 0);
    world_rounds(&w, 3000);
    for (i = 0; i < 3; i++)
        assert_near(world_insns(&w, i), 200000, 3);
    world_drop(&w);
}

static void test_weights_across_cpus(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 1 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 3; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), i ? 100 : 200, 0, NULL);
    world_rounds(&w, 4000);
    assert_near(world_insns(&w, 0), 400000, 4);
    assert_near(world_insns(&w, 1), 200000, 6);
    assert_near(world_insns(&w, 2), 200000, 6);
    world_drop(&w);
}

/* --- Affinity ------------------------------------------------------------ */

static void test_stays_on_its_cpu(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 4 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 4; i++)
        world_add(&w, 2, NULL, 0);
    world_rounds(&w, 1000);
    for (i = 0; i < 8; i++) {
        disco_sched_vcpu_stats s = world_stats(&w, i / 2, i % 2);

        assert_int_equal(s.cpu, i);
        assert_int_equal(s.run_insns, 100000);
        assert_int_equal(s.moved_near + s.moved_far, 0);
        assert_int_equal(s.waited, 0);
        assert_int_equal(world_cpu(&w, i).switches, 1);
        assert_int_equal(world_cpu(&w, i).busy_ns, 500000);
        assert_int_equal(world_cpu(&w, i).idle_ns, 0);
    }
    world_drop(&w);
}

static void test_masks(void **state)
{
    uint64_t upper = 0xc, one = 2, none = 0x30, two_words[2] = { 0, 1 };
    struct world_config c = { .nodes = 1, .cpus = 4 };
    struct world w;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 3, NULL, 0);
    set_vm(&w, 0, 0, 0, &upper);
    world_add(&w, 1, NULL, 0);
    world_rounds(&w, 100);
    assert_int_equal(world_cpu(&w, 2).slices, 100);
    assert_int_equal(world_cpu(&w, 3).slices, 100);
    assert_int_equal(world_insns(&w, 0), 20000);
    /* A vCPU's own mask is on top of its VM's. */
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[0][0], 1), DISCO_E_INVAL);
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[0][0], 9999),
                     DISCO_E_INVAL);
    assert_int_equal(disco_sched_set_cpus(w.sched, w.vcpu[0][0], &none, 1),
                     DISCO_E_INVAL);
    assert_int_equal(disco_sched_set_cpus(w.sched, w.vcpu[0][0], two_words, 2),
                     DISCO_E_INVAL);
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[0][0], 3), 0);
    assert_int_equal(disco_sched_set_cpus(w.sched, w.vcpu[1][0], &one, 1), 0);
    world_rounds(&w, 100);
    assert_int_equal(world_stats(&w, 0, 0).cpu, 3);
    assert_int_equal(world_stats(&w, 1, 0).cpu, 1);
    assert_int_equal(disco_sched_set_cpus(w.sched, w.vcpu[1][0], NULL, 0), 0);
    world_drop(&w);
}

/* Pinned vCPUs do not follow an idle CPU. */
static void test_pinned_stay(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 2 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 2; i++) {
        world_add(&w, 1, NULL, 0);
        assert_int_equal(disco_sched_pin(w.sched, w.vcpu[i][0], 1), 0);
    }
    world_rounds(&w, 1000);
    assert_int_equal(world_insns(&w, 0), 50000);
    assert_int_equal(world_cpu(&w, 0).slices, 0);
    assert_near(world_cpu(&w, 0).idle_ns, 500000, 1);
    assert_int_equal(world_stats(&w, 0, 0).waited, 499);
    world_drop(&w);
}

/* --- Spreading ----------------------------------------------------------- */

static void assert_spread(struct world *w, uint32_t cpus)
{
    uint32_t vm, i;

    for (vm = 0; vm < w->vms; vm++) {
        uint64_t used = 0;

        for (i = 0; i < w->vcpus[vm]; i++) {
            uint32_t cpu = world_stats(w, vm, i).cpu;

            assert_in_range(cpu, 0, cpus - 1);
            assert_false(used >> cpu & 1);
            used |= (uint64_t)1 << cpu;
        }
    }
}

static void test_spreading_holds(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 2 };
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, NULL, 0);
    world_add(&w, 4, NULL, 0);
    world_add(&w, 3, NULL, 0);
    world_add(&w, 2, NULL, 0);
    set_vm(&w, 2, 300, 0, NULL);
    for (i = 0; i < 500; i++) {
        assert_spread(&w, 4);
        world_rounds(&w, 3);
    }
    world_drop(&w);
}

/* One CPU falls idle beside a crowded one whose vCPU has a sibling here. */
static void test_spreading_beats_idling(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 2 };
    struct world w;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 2, NULL, 0);
    world_add(&w, 1, NULL, 0);
    world_rounds(&w, 10);
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[0][1], 1), 0);
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[1][0], 0), 0);
    assert_int_equal(disco_sched_remove(w.sched, w.vcpu[0][1]), 0);
    w.vcpus[0] = 1;
    world_rounds(&w, 10);
    /* No sibling any more: it may go to the idle CPU. */
    assert_int_equal(world_stats(&w, 0, 0).cpu, 1);
    assert_int_equal(disco_sched_add(w.sched, w.vcpu[0][1]), 0);
    w.vcpus[0] = 2;
    world_rounds(&w, 10);
    assert_spread(&w, 2);
    world_drop(&w);
}

/* --- Balancing ----------------------------------------------------------- */

static void test_steals_from_near(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 2 };
    uint64_t cpu0 = 1, cpu2 = 4, all = 15;
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 4; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), 0, 0, i < 2 ? &cpu0 : &cpu2);
    world_rounds(&w, 4);
    for (i = 0; i < 4; i++)
        set_vm(&w, i, 0, 0, &all);
    world_rounds(&w, 100);
    for (i = 0; i < 4; i++) {
        assert_int_equal(world_stats(&w, i, 0).moved_far, 0);
        assert_int_equal(world_stats(&w, i, 0).cpu / 2, i / 2);
        assert_in_range(world_insns(&w, i), 10000, 10400);
    }
    assert_int_equal(world_cpu(&w, 1).moved_near, 1);
    assert_int_equal(world_cpu(&w, 3).moved_near, 1);
    world_drop(&w);
}

/* Nothing near: it comes from afar, later. */
static void test_steals_from_afar(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 1 };
    uint64_t cpu0 = 1, all = 3;
    struct world w;
    uint32_t i;

    (void)state;
    world_make(&w, &c);
    for (i = 0; i < 4; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), 0, 0, &cpu0);
    world_rounds(&w, 8);
    for (i = 0; i < 4; i++)
        set_vm(&w, i, 0, 0, &all);
    world_rounds(&w, 400);
    assert_in_range(world_cpu(&w, 1).moved_far, 1, 60);
    for (i = 0; i < 4; i++)
        assert_near(world_insns(&w, i), 20200, 6);
    world_drop(&w);
}

static void test_moves_are_bounded(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 8 };
    uint64_t cpu0 = 1, all = 255, moved = 0;
    struct world w;
    uint32_t i;

    (void)state;
    c.sched.balance_moves = 2;
    world_make(&w, &c);
    for (i = 0; i < 8; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), 0, 0, &cpu0);
    world_rounds(&w, 8); /* each has run somewhere */
    for (i = 0; i < 8; i++)
        set_vm(&w, i, 0, 0, &all);
    world_rounds(&w, 1);
    for (i = 0; i < 8; i++)
        moved += world_stats(&w, i, 0).moved_near;
    assert_int_equal(moved, 2);
    world_rounds(&w, 3);
    for (i = 0; i < 8; i++)
        assert_int_equal(world_cpu(&w, i).slices > 0, 1);
    world_drop(&w);
}

static void test_static_moves_nothing(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 4 };
    uint64_t cpu0 = 1;
    struct world w;
    uint32_t i;

    (void)state;
    c.sched.flags = DISCO_SCHED_STATIC;
    world_make(&w, &c);
    for (i = 0; i < 3; i++)
        set_vm(&w, world_add(&w, 1, NULL, 0), 0, 0, &cpu0);
    for (i = 0; i < 3; i++)
        set_vm(&w, i, 0, 0, NULL);
    world_rounds(&w, 300);
    for (i = 0; i < 3; i++)
        assert_int_equal(world_insns(&w, i), 10000);
    world_drop(&w);
}

/* --- Gangs --------------------------------------------------------------- */

/* After every round all vCPUs of the gang have had the same number of slices.
 */
static void test_gang_runs_together(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 4 };
    struct world w;
    uint32_t i, vm;

    (void)state;
    c.sched.flags = DISCO_SCHED_STATIC;
    world_make(&w, &c);
    world_add(&w, 3, NULL, 0);
    world_add(&w, 4, NULL, 0);
    world_add(&w, 1, NULL, 0);
    world_add(&w, 2, NULL, 0);
    set_vm(&w, 0, 0, DISCO_SCHED_GANG, NULL);
    set_vm(&w, 1, 0, DISCO_SCHED_GANG, NULL);
    for (i = 0; i < 1000; i++) {
        world_rounds(&w, 1);
        for (vm = 0; vm < 2; vm++) {
            uint64_t slices = world_stats(&w, vm, 0).slices;
            uint32_t n;

            for (n = 1; n < w.vcpus[vm]; n++)
                assert_int_equal(world_stats(&w, vm, n).slices, slices);
        }
    }
    /* And nobody starves. */
    for (vm = 0; vm < 4; vm++)
        for (i = 0; i < w.vcpus[vm]; i++)
            assert_in_range(world_stats(&w, vm, i).slices, 150, 1000);
    world_drop(&w);
}

/* --- Idle vCPUs ---------------------------------------------------------- */

/* Idle until the timer in r5 cycles from now, count in r3, again. */
static const uint32_t ticker[] = {
    TOY(TOY_MASK, 0, 0, 0x80),
    TOY(TOY_CYCLE, 4, 0, 0),
    TOY(TOY_ADD, 4, 4, 5),
    TOY(TOY_TIMER, 4, 0, 0),
    TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
    TOY(TOY_TIMER, 0, 0, 0),
    TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_JMP, 0, 0, 4),
};

static void test_idle_leaves_and_comes_back(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 2 };
    disco_sched_vcpu_stats s;
    struct world w;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, NULL, 0);
    world_add(&w, 1, ticker, 8);
    world_set_reg(&w, 1, 0, 5, 1000);
    world_rounds(&w, 1000); /* 100,000 cycles of the one that runs */
    s = world_stats(&w, 1, 0);
    assert_in_range(s.wakes, 80, 101);
    assert_in_range(s.idles, s.wakes, s.wakes + 1);
    /* It is not looked at while it waits. */
    assert_in_range(s.slices, s.wakes, s.wakes + 2);
    assert_int_equal(world_insns(&w, 0), 100000);
    world_drop(&w);
}

/* What an interrupt from outside does. */
static void test_wake_by_line(void **state)
{
    static const uint32_t waits[] = {
        TOY(TOY_MASK, 0, 0, 1),
        TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
        TOY(TOY_ADDI, 1, 1, 1),
        TOY(TOY_JMP, 0, 0, 8),
    };
    struct world_config c = { .nodes = 1, .cpus = 1 };
    disco_exit e = { .size = sizeof(e) };
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, waits, 4);
    assert_int_equal(disco_sched_run(w.sched, 0, &v, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_true(e.u.idle.until_ns == UINT64_MAX);
    assert_true(disco_sched_next_ns(w.sched) == UINT64_MAX);
    assert_int_equal(world_cpu(&w, 0).queued, 0);
    assert_int_equal(disco_vcpu_set_irq(w.vcpu[0][0], 0, 1), 0);
    assert_int_equal(world_cpu(&w, 0).queued, 1);
    assert_int_equal(disco_sched_next_ns(w.sched), 0);
    world_rounds(&w, 10);
    assert_int_equal(disco_vcpu_set_irq(w.vcpu[0][0], 0, 0), 0);
    world_drop(&w);
}

/* A kick reaches a vCPU that rests while others run. */
static void test_kick_of_an_idle_vcpu(void **state)
{
    static const uint32_t waits[] = {
        TOY(TOY_MASK, 0, 0, 1),
        TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
        TOY(TOY_JMP, 0, 0, 4),
    };
    struct world_config c = { .nodes = 1, .cpus = 2 };
    disco_exit e = { .size = sizeof(e) };
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, waits, 3);
    world_add(&w, 1, NULL, 0);
    world_rounds(&w, 10);
    disco_vcpu_kick(w.vcpu[0][0]);
    assert_int_equal(disco_sched_run(w.sched, 10, &v, &e), 0);
    assert_ptr_equal(v, w.vcpu[0][0]);
    assert_int_equal(e.reason, DISCO_EXIT_KICK);
    world_rounds(&w, 10);
    world_drop(&w);
}

/* --- The rest ------------------------------------------------------------ */

static void test_removal_while_queued(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 1 };
    disco_exit e = { .size = sizeof(e) };
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 3, NULL, 0);
    world_rounds(&w, 2);
    assert_int_equal(disco_sched_remove(w.sched, w.vcpu[0][1]), 0);
    assert_int_equal(world_cpu(&w, 0).queued, 2);
    /* One that is destroyed leaves by itself. */
    assert_int_equal(disco_vcpu_destroy(w.vcpu[0][2]), 0);
    assert_int_equal(world_cpu(&w, 0).queued, 1);
    world_rounds(&w, 2);
    assert_int_equal(disco_sched_remove(w.sched, w.vcpu[0][0]), 0);
    assert_int_equal(disco_sched_run(w.sched, 0, &v, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(disco_sched_add(w.sched, w.vcpu[0][0]), 0);
    w.vcpus[0] = 1;
    world_rounds(&w, 2);
    world_drop(&w);
}

static void test_one_scheduler_per_vcpu(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 1 };
    disco_sched *other;
    struct world w;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, NULL, 0);
    assert_int_equal(disco_sched_create(w.machine, NULL, &other), 0);
    assert_int_equal(disco_sched_add(other, w.vcpu[0][0]), DISCO_E_EXISTS);
    assert_int_equal(disco_sched_remove(other, w.vcpu[0][0]), DISCO_E_NOENT);
    disco_sched_destroy(other);
    world_drop(&w);
}

static void test_limit(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 1 };
    disco_exit e = { .size = sizeof(e) };
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, NULL, 0);
    world_add(&w, 1, NULL, 0);
    assert_int_equal(disco_sched_set_limit(w.sched, w.vcpu[0][0], 1234), 0);
    assert_int_equal(disco_sched_run(w.sched, 0, &v, &e), 0);
    assert_ptr_equal(v, w.vcpu[0][0]);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(e.insns, 1234);
    world_rounds(&w, 100);
    assert_int_equal(world_insns(&w, 0), 1234);
    assert_int_equal(disco_sched_set_limit(w.sched, w.vcpu[0][0], 1235), 0);
    assert_int_equal(disco_sched_run(w.sched, 0, &v, &e), 0);
    assert_ptr_equal(v, w.vcpu[0][0]);
    assert_int_equal(e.insns, 1235);
    world_drop(&w);
}

static void test_hold_and_release(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 1 };
    disco_exit e = { .size = sizeof(e) };
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &c);
    world_add(&w, 1, NULL, 0);
    assert_int_equal(disco_sched_hold(w.sched, w.vcpu[0][0]), 0);
    assert_int_equal(disco_sched_run(w.sched, 0, &v, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(world_insns(&w, 0), 0);
    assert_true(disco_sched_next_ns(w.sched) == UINT64_MAX);
    assert_int_equal(disco_sched_release(w.sched, w.vcpu[0][0]), 0);
    world_rounds(&w, 5);
    world_drop(&w);
}

/* --- The same order every time ------------------------------------------- */

enum { TRACE = 600 };

/* Which CPU each vCPU ran on, round by round. */
static void trace(uint8_t out[TRACE][WORLD_VMS])
{
    struct world_config c = { .nodes = 2,
                              .cpus = 2,
                              .flags = DISCO_MACHINE_DETERMINISTIC };
    uint64_t last[WORLD_VMS] = { 0 };
    struct world w;
    uint32_t i, vm;

    memset(out, 0xff, TRACE * WORLD_VMS);
    world_make(&w, &c);
    for (i = 0; i < 7; i++) {
        vm = world_add(&w, 1, i % 3 == 2 ? ticker : NULL, 8);
        set_vm(&w, vm, 30 + 70 * i, i == 1 ? DISCO_SCHED_GANG : 0, NULL);
        world_set_reg(&w, vm, 0, 5, 300 + 100 * i);
    }
    for (i = 0; i < TRACE; i++) {
        world_rounds(&w, 1);
        for (vm = 0; vm < w.vms; vm++) {
            disco_sched_vcpu_stats s = world_stats(&w, vm, 0);

            if (s.slices != last[vm])
                out[i][vm] = (uint8_t)s.cpu;
            last[vm] = s.slices;
        }
    }
    world_drop(&w);
}

static void test_deterministic(void **state)
{
    static uint8_t first[TRACE][WORLD_VMS], second[TRACE][WORLD_VMS];
    void *hole;

    (void)state;
    trace(first);
    hole = test_malloc(123457); /* other addresses the second time */
    trace(second);
    test_free(hole);
    assert_memory_equal(first, second, sizeof(first));
}

static void test_errors(void **state)
{
    disco_sched_vm_config c = { .size = sizeof(c), .weight = 10001 };
    struct world_config wc = { .nodes = 1, .cpus = 2 };
    disco_sched_cpu_stats cs = { .size = sizeof(cs) };
    disco_exit e = { .size = sizeof(e) };
    uint64_t none = 0;
    struct world w;
    disco_vcpu *v;

    (void)state;
    world_make(&w, &wc);
    world_add(&w, 1, NULL, 0);
    assert_int_equal(disco_sched_set_vm(w.sched, w.vm[0], &c), DISCO_E_INVAL);
    c.weight = 0;
    c.flags = 2;
    assert_int_equal(disco_sched_set_vm(w.sched, w.vm[0], &c), DISCO_E_INVAL);
    c.flags = 0;
    c.cpu_mask = &none;
    c.cpu_words = 1;
    assert_int_equal(disco_sched_set_vm(w.sched, w.vm[0], &c), DISCO_E_INVAL);
    assert_int_equal(disco_sched_set_vm(w.sched, NULL, &c), DISCO_E_INVAL);
    assert_int_equal(disco_sched_run_cpu(w.sched, 2, 0, &v, &e), DISCO_E_INVAL);
    assert_int_equal(disco_sched_cpu_stats_get(w.sched, 2, &cs), DISCO_E_INVAL);
    assert_int_equal(disco_sched_remove(w.sched, w.vcpu[0][0]), 0);
    assert_int_equal(disco_sched_set_vm(w.sched, w.vm[0], NULL), DISCO_E_NOENT);
    assert_int_equal(disco_sched_hold(w.sched, w.vcpu[0][0]), DISCO_E_NOENT);
    assert_int_equal(disco_sched_release(w.sched, w.vcpu[0][0]), DISCO_E_NOENT);
    assert_int_equal(disco_sched_set_limit(w.sched, w.vcpu[0][0], 1),
                     DISCO_E_NOENT);
    assert_int_equal(disco_sched_pin(w.sched, w.vcpu[0][0], 0), DISCO_E_NOENT);
    assert_int_equal(disco_sched_pin(NULL, NULL, 0), DISCO_E_INVAL);
    world_drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_on_one_cpu),
        cmocka_unit_test(test_shares_are_of_vms),
        cmocka_unit_test(test_shares_across_cpus),
        cmocka_unit_test(test_weights_across_cpus),
        cmocka_unit_test(test_stays_on_its_cpu),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_pinned_stay),
        cmocka_unit_test(test_spreading_holds),
        cmocka_unit_test(test_spreading_beats_idling),
        cmocka_unit_test(test_steals_from_near),
        cmocka_unit_test(test_steals_from_afar),
        cmocka_unit_test(test_moves_are_bounded),
        cmocka_unit_test(test_static_moves_nothing),
        cmocka_unit_test(test_gang_runs_together),
        cmocka_unit_test(test_idle_leaves_and_comes_back),
        cmocka_unit_test(test_wake_by_line),
        cmocka_unit_test(test_kick_of_an_idle_vcpu),
        cmocka_unit_test(test_removal_while_queued),
        cmocka_unit_test(test_one_scheduler_per_vcpu),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_hold_and_release),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
