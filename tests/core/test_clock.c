/*
 * test_clock.c - one clock per VM, timers, time that passes while nothing runs.
 */
#include <pthread.h>
#include <string.h>

#include "fixture.h"

/* Read the clock for ever; r3 counts reads that went back. */
static const uint32_t reader[] = {
    TOY(TOY_CYCLE, 1, 0, 0),
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_JMP, 0, 0, 0),
};

static void test_clock_is_the_largest(void **state)
{
    struct fixture_config c = { .vcpus = 2 };
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, reader, 3);
    fixture_set_reg(&f, 0, 2, 0x2000);
    fixture_set_reg(&f, 1, 2, 0x2000);
    fixture_run(&f, 0, 30000);
    assert_int_equal(disco_vm_time_ns(f.vm), 150000);
    fixture_run(&f, 1, 1); /* its first read sees the other's time */
    assert_in_range(fixture_reg(&f, 1, 1), 29998, 30000);
    fixture_run(&f, 1, 100);
    assert_in_range(disco_vm_time_ns(f.vm), 150400, 150505);
    fixture_drop(&f);
}

/* Both orders of reads through memory, on two threads. */
static const uint32_t observer[] = {
    TOY(TOY_LD, 1, 2, 0),    /* what the other read last */
    TOY(TOY_CYCLE, 3, 0, 0), /* must not be below it */
    TOY(TOY_ST, 3, 4, 0),    /* publish ours */
    TOY(TOY_ST, 1, 5, 0),    /* device: r1 then r3 are compared */
    TOY(TOY_ST, 3, 5, 8),    TOY(TOY_JMP, 0, 0, 0),
};

struct watch {
    uint64_t other[2];
    uint64_t back; /* atomic */
};

static disco_status compare(void *opaque, const disco_mmio_access *a,
                            uint64_t value)
{
    struct watch *w = opaque;
    uint32_t i = disco_vcpu_index(a->vcpu);

    if (a->offset == 0)
        w->other[i] = value;
    else if (value < w->other[i])
        __atomic_add_fetch(&w->back, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void *run_some(void *arg)
{
    disco_run run = { .size = sizeof(run), .max_insns = 500 };
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;
    int i;

    for (i = 0; i < 300; i++)
        if (disco_vcpu_run(v, disco_vcpu_index(v), &run, &e))
            return arg;
    return NULL;
}

static void test_clock_on_two_threads(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = compare };
    struct fixture_config c = { .vcpus = 2 };
    struct watch w = { { 0, 0 }, 0 };
    pthread_t thread[2];
    struct fixture f;
    uint32_t i;
    void *failed;

    (void)state;
    fixture_make(&f, &c, observer, 6);
    disco_vm_map_mmio(f.vm, 0x200000, 16, "watch", &ops, &w, NULL);
    for (i = 0; i < 2; i++) {
        fixture_set_reg(&f, i, 2, 0x2000 + 8 * !i);
        fixture_set_reg(&f, i, 4, 0x2000 + 8 * i);
        fixture_set_reg(&f, i, 5, 0x200000);
        pthread_create(&thread[i], NULL, run_some, f.vcpu[i]);
    }
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(w.back, 0);
    fixture_drop(&f);
}

struct ticks {
    disco_timer *timer;
    uint64_t period;
    uint64_t count;
    uint64_t last_ns;
    disco_vm *vm;
    uint64_t seen_insns;
};

static void on_tick(void *opaque, uint64_t now_ns)
{
    struct ticks *t = opaque;

    t->count++;
    t->last_ns = now_ns;
    if (t->period)
        disco_timer_set(t->timer, now_ns + t->period);
}

static const uint32_t spin[] = { TOY(TOY_ADDI, 1, 1, 1),
                                 TOY(TOY_JMP, 0, 0, 0) };

static void test_timer_is_exact(void **state)
{
    struct ticks t = { 0 };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    assert_int_equal(disco_timer_create(f.vm, on_tick, &t, &t.timer), 0);
    disco_timer_set(t.timer, 1001); /* cycle 201 shows 1005 */
    fixture_run(&f, 0, 200);
    assert_int_equal(t.count, 0);
    fixture_run(&f, 0, 100);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.last_ns, 1005);
    fixture_run(&f, 0, 10000);
    assert_int_equal(t.count, 1);
    disco_timer_set(t.timer, 10); /* the past: at once */
    fixture_run(&f, 0, 1);
    assert_int_equal(t.count, 2);
    disco_timer_set(t.timer, disco_vm_time_ns(f.vm) + 100);
    disco_timer_set(t.timer, UINT64_MAX);
    fixture_run(&f, 0, 1000);
    assert_int_equal(t.count, 2);
    disco_timer_destroy(t.timer);
    disco_timer_destroy(NULL);
    fixture_drop(&f);
}

static void test_periodic_timer(void **state)
{
    struct ticks t = { .period = 500 };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    assert_int_equal(disco_timer_create(f.vm, on_tick, &t, &t.timer), 0);
    disco_timer_set(t.timer, 500);
    fixture_run(&f, 0, 100000); /* 500 us */
    assert_in_range(t.count, 999, 1000);
    fixture_drop(&f);
}

static void again_at_once(void *opaque, uint64_t now_ns)
{
    struct ticks *t = opaque;

    t->count++;
    disco_timer_set(t->timer, now_ns / 2);
}

/* A timer that is always in the past must let the guest get on. */
static void test_timer_storm(void **state)
{
    struct ticks t = { 0 };
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    assert_int_equal(disco_timer_create(f.vm, again_at_once, &t, &t.timer), 0);
    disco_timer_set(t.timer, 100);
    e = fixture_run(&f, 0, 1000);
    assert_int_equal(e.ran_insns, 1000);
    assert_in_range(t.count, 900, 1001);
    assert_int_equal(disco_vm_advance(f.vm, disco_vm_time_ns(f.vm) + 50), 0);
    fixture_drop(&f);
}

struct order {
    int next;
    int at[3];
};

struct order_timer {
    struct order *order;
    int n;
};

static void in_order(void *opaque, uint64_t now_ns)
{
    struct order_timer *o = opaque;

    (void)now_ns;
    o->order->at[o->order->next++] = o->n;
}

static void test_timers_in_order(void **state)
{
    static const uint64_t deadlines[3] = { 300, 100, 300 };
    struct order order = { 0 };
    struct order_timer o[3];
    disco_timer *t[3];
    struct fixture f;
    int i;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    for (i = 0; i < 3; i++) {
        o[i].order = &order;
        o[i].n = i;
        assert_int_equal(disco_timer_create(f.vm, in_order, &o[i], &t[i]), 0);
        disco_timer_set(t[i], deadlines[i]);
    }
    assert_int_equal(disco_vm_next_event_ns(f.vm), 100);
    assert_int_equal(disco_vm_advance(f.vm, 300), 0);
    assert_int_equal(order.next, 3);
    assert_int_equal(order.at[0], 1);
    assert_int_equal(order.at[1], 0);
    assert_int_equal(order.at[2], 2);
    assert_true(disco_vm_next_event_ns(f.vm) == UINT64_MAX);
    fixture_drop(&f);
}

/* Each timer sees its own time, also when much passes at once. */
static void test_advance_steps(void **state)
{
    struct ticks t = { .period = 1000 };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    assert_int_equal(disco_timer_create(f.vm, on_tick, &t, &t.timer), 0);
    disco_timer_set(t.timer, 1000);
    assert_int_equal(disco_vm_advance(f.vm, 1000000), 0);
    assert_int_equal(t.count, 1000);
    assert_int_equal(t.last_ns, 1000000);
    assert_int_equal(disco_vm_advance(f.vm, 5), 0); /* never back */
    assert_int_equal(disco_vm_time_ns(f.vm), 1000000);
    assert_int_equal(disco_vm_advance(f.vm, UINT64_MAX), DISCO_E_INVAL);
    fixture_drop(&f);
}

struct armer {
    disco_timer *timer;
    disco_vm *vm;
};

static disco_status arm(void *opaque, const disco_mmio_access *a, uint64_t v)
{
    struct armer *r = opaque;

    (void)a;
    disco_timer_set(r->timer, disco_vm_time_ns(r->vm) + v);
    return 0;
}

static void stop_vm(void *opaque, uint64_t now_ns)
{
    (void)now_ns;
    disco_vm_request_shutdown(opaque, 0);
}

/* Armed in the middle of a slice, it still fires on the cycle. */
static void test_timer_armed_by_device(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ST, 1, 2, 0),
        TOY(TOY_ADDI, 3, 3, 1),
        TOY(TOY_JMP, 0, 0, 4),
    };
    disco_mmio_ops ops = { .size = sizeof(ops), .write = arm };
    struct armer r;
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, program, 3);
    r.vm = f.vm;
    assert_int_equal(disco_timer_create(f.vm, stop_vm, f.vm, &r.timer), 0);
    disco_vm_map_mmio(f.vm, 0x200000, 8, "armer", &ops, &r, NULL);
    fixture_set_reg(&f, 0, 1, 1000);
    fixture_set_reg(&f, 0, 2, 0x200000);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_SHUTDOWN);
    assert_int_equal(e.insns, 200);
    fixture_drop(&f);
}

static uint64_t host_now(void *opaque)
{
    return __atomic_load_n((uint64_t *)opaque, __ATOMIC_SEQ_CST);
}

static void test_host_clock(void **state)
{
    struct fixture_config c = { .vcpus = 1 };
    struct ticks t = { 0 };
    uint64_t now = 1000000;
    struct fixture f;

    (void)state;
    c.machine.size = sizeof(c.machine);
    c.machine.cpus_per_node = 4;
    c.machine.now_ns = host_now;
    c.machine.clock_opaque = &now;
    fixture_make(&f, &c, spin, 2);
    assert_int_equal(disco_vm_time_ns(f.vm), 0);
    now += 12345;
    assert_int_equal(disco_vm_time_ns(f.vm), 12345);
    now -= 5000; /* a bad host clock must not go back for the guest */
    assert_int_equal(disco_vm_time_ns(f.vm), 12345);
    now += 5000;
    assert_int_equal(disco_vm_advance(f.vm, 20000), DISCO_E_STATE);
    assert_int_equal(disco_timer_create(f.vm, on_tick, &t, &t.timer), 0);
    disco_timer_set(t.timer, 20000);
    fixture_run(&f, 0, 100000);
    assert_int_equal(t.count, 0);
    assert_int_equal(disco_vm_time_ns(f.vm), 12345);
    now += 10000;
    fixture_run(&f, 0, 1);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.last_ns, 22345);
    fixture_drop(&f);
}

static void test_host_clock_is_not_deterministic(void **state)
{
    disco_machine_config c = { .size = sizeof(c),
                               .flags = DISCO_MACHINE_DETERMINISTIC,
                               .now_ns = host_now };
    disco_error err = { .size = sizeof(err) };
    disco_machine *m;

    (void)state;
    assert_int_equal(disco_machine_create(&c, &m, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, "clock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_is_the_largest),
        cmocka_unit_test(test_clock_on_two_threads),
        cmocka_unit_test(test_timer_is_exact),
        cmocka_unit_test(test_periodic_timer),
        cmocka_unit_test(test_timer_storm),
        cmocka_unit_test(test_timers_in_order),
        cmocka_unit_test(test_advance_steps),
        cmocka_unit_test(test_timer_armed_by_device),
        cmocka_unit_test(test_host_clock),
        cmocka_unit_test(test_host_clock_is_not_deterministic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
