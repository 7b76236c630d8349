/*
 * test_run.c - slices, limits and exits of a vCPU.
 */
#include <pthread.h>

#include "fixture.h"

static void test_break(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 5),
        TOY(TOY_ADDI, 2, 1, 7),
        TOY(TOY_BREAK, 0, 0, 0),
    };
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, program, 3);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(e.pc, 8);
    assert_int_equal(e.insns, 2);
    assert_int_equal(e.ran_insns, 2);
    assert_int_equal(e.time_ns, 10);
    assert_int_equal(fixture_reg(&f, 0, 2), 12);
    fixture_drop(&f);
}

static const uint32_t forever[] = {
    TOY(TOY_ADDI, 1, 1, 1),
    TOY(TOY_JMP, 0, 0, 0),
};

static void test_budget_is_exact(void **state)
{
    struct fixture f;
    disco_exit e;
    uint64_t n, total = 0;

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    for (n = 1; n < 50; n++) {
        e = fixture_run(&f, 0, n);
        total += n;
        assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
        assert_int_equal(e.ran_insns, n);
        assert_int_equal(e.insns, total);
        assert_int_equal(e.pc, total % 2 ? 4 : 0);
    }
    fixture_drop(&f);
}

static void test_until_ns(void **state)
{
    disco_run run = { .size = sizeof(run), .until_ns = 1003 };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &run, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(e.insns, 201); /* 5 ns each: 1005 is the first >= 1003 */
    assert_int_equal(e.time_ns, 1005);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &run, &e), 0);
    assert_int_equal(e.ran_insns, 0);
    fixture_drop(&f);
}

static void test_parked_and_start(void **state)
{
    disco_vcpu_config c = { .size = sizeof(c), .backend = "toy" };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    disco_vcpu *v;

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    assert_int_equal(disco_vcpu_create(f.vm, &c, &v), 0);
    assert_int_equal(disco_vcpu_index(v), 1);
    assert_int_equal(disco_vcpu_runnable(v), 0);
    assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_PARKED);
    assert_int_equal(disco_vcpu_start(v, 4), 0);
    assert_int_equal(disco_vcpu_runnable(v), 1);
    assert_int_equal(disco_vcpu_start(v, 4), DISCO_E_STATE);
    assert_int_equal(disco_vcpu_reset(v), 0);
    assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_PARKED);
    fixture_drop(&f);
}

static void test_kick_is_latched(void **state)
{
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    disco_vcpu_kick(f.vcpu[0]);
    disco_vcpu_kick(f.vcpu[0]);
    e = fixture_run(&f, 0, 10);
    assert_int_equal(e.reason, DISCO_EXIT_KICK);
    assert_int_equal(e.ran_insns, 0);
    e = fixture_run(&f, 0, 10);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    fixture_drop(&f);
}

static void test_arguments(void **state)
{
    disco_run run = { .size = sizeof(run), .flags = 1 };
    struct {
        disco_run run;
        uint64_t more;
    } longer = { { .size = sizeof(longer), .max_insns = 3 }, 0 };
    struct {
        uint32_t size, flags;
        uint64_t max_insns;
    } shorter = { sizeof(shorter), 0, 3 };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    assert_int_equal(disco_vcpu_run(NULL, 0, NULL, &e), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 99, NULL, &e), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &run, &e), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &longer.run, &e), 0);
    assert_int_equal(e.ran_insns, 3);
    longer.more = 1;
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &longer.run, &e),
                     DISCO_E_VERSION);
    assert_int_equal(
        disco_vcpu_run(f.vcpu[0], 0, (disco_run *)(void *)&shorter, &e), 0);
    assert_int_equal(e.ran_insns, 3);
    fixture_drop(&f);
}

static void test_short_exit_struct(void **state)
{
    struct {
        disco_exit e;
    } u;
    struct fixture f;
    disco_run run = { .size = sizeof(run), .max_insns = 1 };

    (void)state;
    fixture_make(&f, NULL, forever, 2);
    u.e.size = 16;
    u.e.insns = 77;
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, &run, &u.e), 0);
    assert_int_equal(u.e.size, 16);
    assert_int_equal(u.e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(u.e.pc, 4);
    assert_int_equal(u.e.insns, 77);
    fixture_drop(&f);
}

/* A vCPU that keeps running on another thread until it is kicked. */
static void *run_thread(void *arg)
{
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_run(arg, 1, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_KICK);
    return NULL;
}

static void wait_until_running(disco_vcpu *vcpu)
{
    disco_vcpu_stats s = { .size = sizeof(s) };

    do
        assert_int_equal(disco_vcpu_stats_get(vcpu, &s), 0);
    while (!s.insns);
}

static void test_busy(void **state)
{
    struct fixture_config c = { .vcpus = 2, .threads = 1 };
    disco_exit e = { .size = sizeof(e) };
    uint64_t id = DISCO_REG_PC, value;
    struct fixture f;
    pthread_t thread;

    (void)state;
    fixture_make(&f, &c, forever, 2);
    pthread_create(&thread, NULL, run_thread, f.vcpu[0]);
    wait_until_running(f.vcpu[0]);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, &e), DISCO_E_BUSY);
    assert_int_equal(disco_vcpu_run(f.vcpu[1], 1, NULL, &e), DISCO_E_BUSY);
    assert_int_equal(disco_vcpu_run(f.vcpu[1], 0, NULL, &e), DISCO_E_BUSY);
    assert_int_equal(disco_vcpu_get_regs(f.vcpu[0], &id, &value, 1),
                     DISCO_E_BUSY);
    assert_int_equal(disco_vcpu_destroy(f.vcpu[1]), DISCO_E_BUSY);
    assert_int_equal(disco_vm_destroy(f.vm), DISCO_E_BUSY);
    assert_int_equal(disco_vm_reset(f.vm), DISCO_E_BUSY);
    assert_int_equal(disco_machine_verify(f.machine), DISCO_E_BUSY);
    disco_vcpu_kick(f.vcpu[0]);
    pthread_join(thread, NULL);
    assert_int_equal(disco_machine_destroy(f.machine), DISCO_E_BUSY);
    fixture_drop(&f);
}

static void test_deterministic_runs_one(void **state)
{
    struct fixture_config c = { .vcpus = 2,
                                .flags = DISCO_MACHINE_DETERMINISTIC };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    pthread_t thread;

    (void)state;
    fixture_make(&f, &c, forever, 2);
    pthread_create(&thread, NULL, run_thread, f.vcpu[0]);
    wait_until_running(f.vcpu[0]);
    assert_int_equal(disco_vcpu_run(f.vcpu[1], 0, NULL, &e), DISCO_E_BUSY);
    disco_vcpu_kick(f.vcpu[0]);
    pthread_join(thread, NULL);
    fixture_drop(&f);
}

static void test_no_memory_exit(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 1), TOY(TOY_SHL, 1, 1, 12),
        TOY(TOY_ADD, 2, 2, 1), /* next page */
        TOY(TOY_ST, 2, 2, 0),   TOY(TOY_JMP, 0, 0, 8),
    };
    struct fixture_config c = { .node_bytes = 8 * 4096 };
    struct fixture f;
    disco_exit e;

    (void)state;
    fixture_make(&f, &c, program, 5);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_NO_MEMORY);
    assert_int_equal(e.pc, 12);
    assert_int_equal(fixture_reg(&f, 0, 2), 8 * 4096);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_NO_MEMORY);
    assert_int_equal(e.ran_insns, 0);
    fixture_drop(&f);
}

/* A backend with one engine takes no other. */
static void test_one_engine(void **state)
{
    static const uint32_t program[] = { TOY(TOY_BREAK, 0, 0, 0) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 1);
    assert_int_equal(disco_vcpu_engine(f.vcpu[0]), 0);
    assert_int_equal(disco_vcpu_set_engine(f.vcpu[0], DISCO_ENGINE_BEST), 0);
    assert_int_equal(disco_vcpu_set_engine(f.vcpu[0], DISCO_ENGINE_JIT),
                     DISCO_E_UNSUPPORTED);
    assert_int_equal(disco_vcpu_set_engine(f.vcpu[0], 3), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_set_engine(NULL, 0), DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_engines(void **state)
{
    disco_vcpu_config config = { .size = sizeof(config) };
    uint32_t best =
        disco_cap(DISCO_CAP_JIT) ? DISCO_ENGINE_JIT : DISCO_ENGINE_INTERP;
    disco_machine *machine;
    disco_vcpu *vcpu;
    disco_vm *vm;

    (void)state;
    assert_int_equal(disco_machine_create(NULL, &machine, NULL), 0);
    assert_int_equal(disco_vm_create(machine, NULL, &vm), 0);
    assert_int_equal(disco_vcpu_create(vm, NULL, &vcpu), 0);
    assert_int_equal(disco_vcpu_engine(vcpu), best);
    assert_int_equal(disco_vcpu_set_engine(vcpu, DISCO_ENGINE_INTERP), 0);
    assert_int_equal(disco_vcpu_engine(vcpu), DISCO_ENGINE_INTERP);
    assert_int_equal(disco_vcpu_set_engine(vcpu, DISCO_ENGINE_JIT),
                     best == DISCO_ENGINE_JIT ? 0 : DISCO_E_UNSUPPORTED);
    assert_int_equal(disco_vcpu_engine(vcpu), best);
    assert_int_equal(disco_vcpu_set_engine(vcpu, DISCO_ENGINE_BEST), 0);
    assert_int_equal(disco_vcpu_engine(vcpu), best);
    config.engine = 3;
    assert_int_equal(disco_vcpu_create(vm, &config, &vcpu), DISCO_E_INVAL);
    disco_vm_destroy(vm);
    disco_machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_break),
        cmocka_unit_test(test_budget_is_exact),
        cmocka_unit_test(test_until_ns),
        cmocka_unit_test(test_parked_and_start),
        cmocka_unit_test(test_kick_is_latched),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_short_exit_struct),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_deterministic_runs_one),
        cmocka_unit_test(test_no_memory_exit),
        cmocka_unit_test(test_one_engine),
        cmocka_unit_test(test_engines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
