/*
 * test_sched.c - the round robin: order, fairness, idle VMs, reasons for the
 * host.
 */
#include <string.h>

#include "fixture.h"

static const uint32_t spin[] = { TOY(TOY_ADDI, 1, 1, 1),
                                 TOY(TOY_JMP, 0, 0, 0) };

static disco_sched *make_sched(struct fixture *f, uint64_t quantum)
{
    disco_sched_config c = { .size = sizeof(c), .quantum_insns = quantum };
    disco_sched *s;
    uint32_t i;

    assert_int_equal(disco_sched_create(f->machine, &c, &s), 0);
    for (i = 0; i < f->vcpus; i++)
        assert_int_equal(disco_sched_add(s, f->vcpu[i]), 0);
    return s;
}

static void test_fair_rounds(void **state)
{
    struct fixture_config c = { .vcpus = 3 };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    disco_sched *s;
    disco_vcpu *v;
    uint32_t i;

    (void)state;
    fixture_make(&f, &c, spin, 2);
    s = make_sched(&f, 100);
    assert_int_equal(disco_sched_run(s, 10, &v, &e), 0);
    assert_null(v);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    for (i = 0; i < 3; i++)
        assert_int_equal(fixture_reg(&f, i, 1), 500);
    assert_int_equal(disco_machine_destroy(f.machine), DISCO_E_BUSY);
    disco_sched_destroy(s);
    fixture_drop(&f);
}

static void test_reason_for_the_host(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_CPU, 1, 0, 0),  TOY(TOY_ADDI, 2, 0, 1),  TOY(TOY_BEQ, 1, 2, 2),
        TOY(TOY_JMP, 0, 0, 12), TOY(TOY_BREAK, 0, 0, 0),
    };
    struct fixture_config c = { .vcpus = 2 };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    disco_sched *s;
    disco_vcpu *v;

    (void)state;
    fixture_make(&f, &c, program, 5);
    s = make_sched(&f, 50);
    assert_int_equal(disco_sched_run(s, 0, &v, &e), 0);
    assert_ptr_equal(v, f.vcpu[1]);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(disco_sched_remove(s, f.vcpu[1]), 0);
    assert_int_equal(disco_sched_remove(s, f.vcpu[1]), DISCO_E_NOENT);
    assert_int_equal(disco_sched_run(s, 4, &v, &e), 0);
    assert_null(v);
    assert_int_equal(disco_sched_add(s, f.vcpu[0]), DISCO_E_EXISTS);
    disco_sched_destroy(s);
    fixture_drop(&f);
}

/* Idle until the timer; then BREAK. */
static const uint32_t sleeper[] = {
    TOY(TOY_MASK, 0, 0, 0x80),
    TOY(TOY_TIMER, 5, 0, 0),
    TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void test_all_idle(void **state)
{
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    disco_sched *s;
    disco_vcpu *v;

    (void)state;
    fixture_make(&f, NULL, sleeper, 4);
    fixture_set_reg(&f, 0, 5, 10000); /* 50 us */
    s = make_sched(&f, 0);
    assert_int_equal(disco_sched_run(s, 0, &v, &e), 0);
    assert_null(v);
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_int_equal(e.u.idle.until_ns, 50000 - 15); /* three instructions */
    assert_int_equal(disco_sched_pass(s, e.u.idle.until_ns), 0);
    assert_int_equal(disco_sched_run(s, 0, &v, &e), 0);
    assert_ptr_equal(v, f.vcpu[0]);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(e.time_ns, 50000);
    disco_sched_destroy(s);
    fixture_drop(&f);
}

/* A VM that sleeps gets the time of another one that runs. */
static void test_time_of_idle_vms(void **state)
{
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    disco_exit e = { .size = sizeof(e) };
    uint64_t id = DISCO_REG_GPR(5), deadline = 10000;
    struct fixture f;
    disco_sched *s;
    disco_vcpu *v, *b;
    disco_vm *vm;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    s = make_sched(&f, 1000);
    assert_int_equal(disco_vm_create(f.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 4096, NULL), 0);
    assert_int_equal(disco_mem_write(vm, 0, sleeper, sizeof(sleeper)), 0);
    assert_int_equal(disco_vcpu_create(vm, &vc, &b), 0);
    assert_int_equal(disco_vcpu_set_regs(b, &id, &deadline, 1), 0);
    assert_int_equal(disco_vcpu_start(b, 0), 0);
    assert_int_equal(disco_sched_add(s, b), 0);
    assert_int_equal(disco_sched_run(s, 0, &v, &e), 0);
    assert_ptr_equal(v, b);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_in_range(fixture_reg(&f, 0, 1), 4500, 6500); /* 10..11 quanta */
    disco_sched_destroy(s);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

static void test_errors(void **state)
{
    disco_sched_config c = { .size = sizeof(c), .first_cpu = 4 };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f, g;
    disco_sched *s;
    disco_vcpu *v;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    fixture_make(&g, NULL, spin, 2);
    assert_int_equal(disco_sched_create(f.machine, &c, &s), DISCO_E_INVAL);
    c.first_cpu = 2;
    c.cpus = 3;
    assert_int_equal(disco_sched_create(f.machine, &c, &s), DISCO_E_INVAL);
    c.cpus = 2;
    assert_int_equal(disco_sched_create(f.machine, &c, &s), 0);
    assert_int_equal(disco_sched_add(s, g.vcpu[0]), DISCO_E_MISMATCH);
    assert_int_equal(disco_sched_run(s, 0, &v, &e), 0); /* empty: idle */
    assert_int_equal(e.reason, DISCO_EXIT_IDLE);
    assert_true(e.u.idle.until_ns == UINT64_MAX);
    disco_sched_destroy(s);
    disco_sched_destroy(NULL);
    fixture_drop(&g);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fair_rounds),
        cmocka_unit_test(test_reason_for_the_host),
        cmocka_unit_test(test_all_idle),
        cmocka_unit_test(test_time_of_idle_vms),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
