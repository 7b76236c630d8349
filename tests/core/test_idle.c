/*
 * test_idle.c - interrupt lines, idle vCPUs, waking the host, ends of a VM.
 */
#include <pthread.h>

#include "fixture.h"

struct host {
    uint32_t wakes; /* atomic */
    disco_vcpu *last;
};

static void on_wake(void *opaque, disco_vcpu *vcpu)
{
    struct host *h = opaque;

    __atomic_add_fetch(&h->wakes, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&h->last, vcpu, __ATOMIC_SEQ_CST);
}

static uint32_t wakes(struct host *h)
{
    return __atomic_load_n(&h->wakes, __ATOMIC_SEQ_CST);
}

static struct fixture_config with_wake(struct host *h, uint32_t vcpus)
{
    struct fixture_config c = { .vcpus = vcpus };

    c.machine.size = sizeof(c.machine);
    c.machine.cpus_per_node = 4;
    c.machine.wake = on_wake;
    c.machine.wake_opaque = h;
    return c;
}

/* Enable lines 0..2 and the timer, then wait; count wake-ups in r3. */
static const uint32_t waiter[] = {
    TOY(TOY_MASK, 0, 0, 0x87),
    TOY(TOY_TIMER, 5, 0, 0),
    TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
    TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_LINES, 4, 0, 0),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void test_line_wakes(void **state)
{
    struct host h = { 0 };
    struct fixture_config c = with_wake(&h, 1);
    struct fixture f;
    uint32_t before;
    disco_exit e;

    (void)state;
    fixture_make(&f, &c, waiter, 6);
    before = wakes(&h);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_true(e.u.idle.until_ns == UINT64_MAX);
    assert_int_equal(e.pc, 12);
    assert_int_equal(disco_vcpu_runnable(f.vcpu[0]), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(e.ran_insns, 0);
    assert_int_equal(disco_vcpu_set_irq(f.vcpu[0], 5, 1), 0); /* disabled */
    assert_int_equal(wakes(&h), before);
    assert_int_equal(disco_vcpu_set_irq(f.vcpu[0], 1, 1), 0);
    assert_int_equal(wakes(&h), before + 1);
    assert_ptr_equal(h.last, f.vcpu[0]);
    assert_int_equal(disco_vcpu_set_irq(f.vcpu[0], 2, 1), 0); /* told already */
    assert_int_equal(wakes(&h), before + 1);
    assert_int_equal(disco_vcpu_runnable(f.vcpu[0]), 1);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(fixture_reg(&f, 0, 4), 6);
    assert_int_equal(disco_vcpu_set_irq(f.vcpu[0], 9, 1), DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_line_before_idle(void **state)
{
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, waiter, 6);
    disco_vcpu_set_irq(f.vcpu[0], 0, 1);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

static void test_own_timer(void **state)
{
    struct host h = { 0 };
    struct fixture_config c = with_wake(&h, 1);
    struct fixture f;
    uint32_t before;
    disco_exit e;

    (void)state;
    fixture_make(&f, &c, waiter, 6);
    fixture_set_reg(&f, 0, 5, 1000); /* cycles: 5000 ns */
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(e.u.idle.until_ns, 5000);
    assert_int_equal(disco_vm_next_event_ns(f.vm), 5000);
    before = wakes(&h);
    assert_int_equal(disco_vm_advance(f.vm, 4999), 0);
    assert_int_equal(wakes(&h), before + 1); /* ceil to the cycle */
    assert_int_equal(disco_vm_time_ns(f.vm), 5000);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(fixture_reg(&f, 0, 4), 0x80);
    fixture_drop(&f);
}

/* The clock that another vCPU moves is enough. */
static void test_timer_by_another(void **state)
{
    static const uint32_t both[] = {
        TOY(TOY_CPU, 1, 0, 0),     TOY(TOY_BNE, 1, 0, 3),
        TOY(TOY_ADDI, 2, 2, 1),    TOY(TOY_JMP, 0, 0, 8),
        TOY(TOY_MASK, 0, 0, 0x80), TOY(TOY_TIMER, 5, 0, 0),
        TOY(TOY_CALL, 0, 0, 1),    TOY(TOY_BREAK, 0, 0, 0),
    };
    struct host h = { 0 };
    struct fixture_config c = with_wake(&h, 2);
    struct fixture f;
    uint32_t before;
    disco_exit e;

    (void)state;
    fixture_make(&f, &c, both, 8);
    fixture_set_reg(&f, 1, 5, 500);
    e = fixture_run(&f, 1, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    before = wakes(&h);
    e = fixture_run(&f, 0, 490);
    assert_int_equal(wakes(&h), before);
    e = fixture_run(&f, 0, 20);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(wakes(&h), before + 1);
    assert_ptr_equal(h.last, f.vcpu[1]);
    e = fixture_run(&f, 1, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

struct vm_lines {
    uint32_t changes;
    uint32_t line;
    int32_t level;
};

static void on_route(void *opaque, uint32_t line, int32_t level)
{
    struct vm_lines *l = opaque;

    l->changes++;
    l->line = line;
    l->level = level;
}

static void test_vm_lines(void **state)
{
    struct vm_lines l = { 0 };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, waiter, 6);
    assert_int_equal(disco_vm_set_irq(f.vm, 3, 1), 0);
    assert_int_equal(disco_vm_irq_levels(f.vm), 8);
    assert_int_equal(disco_vm_set_irq_route(f.vm, on_route, &l), 0);
    assert_int_equal(disco_vm_set_irq(f.vm, 3, 5), 0); /* no change */
    assert_int_equal(l.changes, 0);
    assert_int_equal(disco_vm_set_irq(f.vm, 63, 5), 0);
    assert_int_equal(l.changes, 1);
    assert_int_equal(l.line, 63);
    assert_int_equal(l.level, 1);
    assert_int_equal(disco_vm_set_irq(f.vm, 3, 0), 0);
    assert_int_equal(l.changes, 2);
    assert_int_equal(disco_vm_set_irq(f.vm, 64, 0), DISCO_E_INVAL);
    assert_true(disco_vm_irq_levels(f.vm) == UINT64_C(1) << 63);
    assert_int_equal(disco_vm_set_irq_route(f.vm, NULL, NULL), 0);
    fixture_drop(&f);
}

static void test_kick_while_idle(void **state)
{
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, waiter, 6);
    e = fixture_run(&f, 0, 0);
    disco_vcpu_kick(f.vcpu[0]);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_KICK);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    fixture_drop(&f);
}

/* A device register that asks for everything at once. */
static disco_status ask(void *opaque, const disco_mmio_access *a, uint64_t v)
{
    if (v & 1)
        disco_vcpu_idle(a->vcpu);
    if (v & 2)
        disco_vcpu_kick(a->vcpu);
    if (v & 4)
        disco_vm_request_shutdown(opaque, 7);
    if (v & 8)
        disco_vm_request_reset(opaque);
    return 0;
}

static const uint32_t asker[] = {
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void make_asker(struct fixture *f, const struct fixture_config *c,
                       uint64_t what)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = ask };

    fixture_make(f, c, asker, 3);
    assert_int_equal(
        disco_vm_map_mmio(f->vm, 0x200000, 8, "ask", &ops, f->vm, NULL), 0);
    fixture_set_reg(f, 0, 1, what);
    fixture_set_reg(f, 0, 2, 0x200000);
}

static void test_idle_and_kick_together(void **state)
{
    struct fixture f;
    disco_exit e;

    (void)state;
    make_asker(&f, NULL, 3);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_KICK);
    assert_int_equal(e.pc, 4);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(e.ran_insns, 0);
    fixture_drop(&f);
}

static void test_shutdown_from_callback(void **state)
{
    struct host h = { 0 };
    struct fixture_config c = with_wake(&h, 2);
    struct fixture f;
    uint32_t before;
    disco_exit e;
    int i;

    (void)state;
    make_asker(&f, &c, 4);
    before = wakes(&h);
    e = fixture_run(&f, 0, 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(e.reason, DISCO_EXIT_SHUTDOWN);
        assert_int_equal(e.u.shutdown.code, 7);
        assert_int_equal(e.pc, 4); /* right after the store */
        e = fixture_run(&f, 0, 0);
    }
    e = fixture_run(&f, 1, 0);
    assert_int_equal(e.reason, DISCO_EXIT_SHUTDOWN);
    assert_int_equal(wakes(&h), before); /* nobody waited */
    assert_int_equal(disco_vcpu_runnable(f.vcpu[0]), 0);
    disco_vm_request_shutdown(f.vm, 9); /* the first one counts */
    e = fixture_run(&f, 1, 0);
    assert_int_equal(e.u.shutdown.code, 7);
    assert_int_equal(disco_vm_reset(f.vm), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_PARKED);
    assert_int_equal(disco_vcpu_start(f.vcpu[0], 8), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

static void test_reset_request(void **state)
{
    struct fixture f;
    disco_exit e;

    (void)state;
    make_asker(&f, NULL, 8);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_RESET);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_RESET);
    assert_int_equal(disco_vm_reset(f.vm), 0);
    fixture_drop(&f);
}

static void test_shutdown_wakes_waiters(void **state)
{
    struct host h = { 0 };
    struct fixture_config c = with_wake(&h, 1);
    struct fixture f;
    uint32_t before;
    disco_exit e;

    (void)state;
    fixture_make(&f, &c, waiter, 6);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    before = wakes(&h);
    disco_vm_request_shutdown(f.vm, 1);
    assert_int_equal(wakes(&h), before + 1);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_SHUTDOWN);
    fixture_drop(&f);
}

/* Idle, raised by another thread, many times: no wake may be lost. */
enum { ROUNDS = 20000 };
static const uint32_t ping[] = {
    TOY(TOY_MASK, 0, 0, 1),
    TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
    TOY(TOY_ST, 0, 8, 0), /* device lowers the line and answers */
    TOY(TOY_JMP, 0, 0, 4),
};

struct pong {
    struct host h;
    struct fixture f;
    uint32_t answers; /* atomic */
    uint32_t stop;    /* atomic */
};

static disco_status answer(void *opaque, const disco_mmio_access *a, uint64_t v)
{
    struct pong *p = opaque;

    (void)v;
    disco_vcpu_set_irq(a->vcpu, 0, 0);
    __atomic_add_fetch(&p->answers, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void *raiser(void *arg)
{
    struct pong *p = arg;
    uint32_t i;

    for (i = 0; i < ROUNDS; i++) {
        disco_vcpu_set_irq(p->f.vcpu[0], 0, 1);
        while (__atomic_load_n(&p->answers, __ATOMIC_SEQ_CST) == i)
            sched_yield();
    }
    __atomic_store_n(&p->stop, 1, __ATOMIC_SEQ_CST);
    disco_vm_request_shutdown(p->f.vm, 0);
    return NULL;
}

static void test_no_wake_is_lost(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = answer };
    struct pong p = { 0 };
    struct fixture_config c = with_wake(&p.h, 1);
    uint32_t seen, idles = 0;
    pthread_t thread;
    disco_exit e;

    (void)state;
    fixture_make(&p.f, &c, ping, 4);
    disco_vm_map_mmio(p.f.vm, 0x200000, 8, "pong", &ops, &p, NULL);
    fixture_set_reg(&p.f, 0, 8, 0x200000);
    pthread_create(&thread, NULL, raiser, &p);
    for (;;) {
        seen = wakes(&p.h);
        e = fixture_run(&p.f, 0, 0);
        if (e.reason == DISCO_EXIT_SHUTDOWN)
            break;
        assert_int_equal(e.reason, DISCO_EXIT_IDLE);
        idles++;
        /* Sleep until woken, as a host would: only the count tells. */
        while (wakes(&p.h) == seen)
            sched_yield();
    }
    pthread_join(thread, NULL);
    assert_int_equal(p.answers, ROUNDS);
    fixture_drop(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_wakes),
        cmocka_unit_test(test_line_before_idle),
        cmocka_unit_test(test_own_timer),
        cmocka_unit_test(test_timer_by_another),
        cmocka_unit_test(test_vm_lines),
        cmocka_unit_test(test_kick_while_idle),
        cmocka_unit_test(test_idle_and_kick_together),
        cmocka_unit_test(test_shutdown_from_callback),
        cmocka_unit_test(test_reset_request),
        cmocka_unit_test(test_shutdown_wakes_waiters),
        cmocka_unit_test(test_no_wake_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
