/*
 * test_threads.c - many threads: kicks that must not get lost, machines that
 * must not know each other, calls from everywhere while vCPUs run.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "fixture.h"

static const uint32_t spin[] = { TOY(TOY_ADDI, 1, 1, 1),
                                 TOY(TOY_JMP, 0, 0, 0) };

enum { KICKS = 100000, BURSTS = 500 };

struct kicked {
    disco_vcpu *vcpu;
    uint32_t seen; /* atomic: kicks that came out of run */
    uint32_t stop; /* atomic */
};

static void *take_kicks(void *arg)
{
    struct kicked *k = arg;
    disco_run run = { .size = sizeof(run) };
    disco_exit e = { .size = sizeof(e) };
    uint32_t n = 0;

    while (!__atomic_load_n(&k->stop, __ATOMIC_SEQ_CST)) {
        run.max_insns = ++n % 7; /* 0: no limit */
        if (disco_vcpu_run(k->vcpu, 0, &run, &e))
            break;
        if (e.reason == DISCO_EXIT_KICK)
            __atomic_add_fetch(&k->seen, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void kick_and_wait(struct kicked *k)
{
    uint32_t seen = __atomic_load_n(&k->seen, __ATOMIC_SEQ_CST);

    disco_vcpu_kick(k->vcpu);
    while (__atomic_load_n(&k->seen, __ATOMIC_SEQ_CST) == seen)
        sched_yield();
}

/*
 * Kicks at random times; now and then one alone is waited for, so that a lost
 * one hangs the test.
 */
static void test_kick_storm(void **state)
{
    struct kicked k = { 0 };
    uint32_t i, burst, random = 1;
    volatile uint32_t wait;
    pthread_t thread;
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    k.vcpu = f.vcpu[0];
    pthread_create(&thread, NULL, take_kicks, &k);
    for (burst = 0; burst < BURSTS; burst++) {
        for (i = 0; i < KICKS / BURSTS; i++) {
            random = random * 1103515245 + 12345;
            for (wait = random >> 16 & 255; wait; wait--)
                ;
            disco_vcpu_kick(k.vcpu);
        }
        kick_and_wait(&k);
    }
    __atomic_store_n(&k.stop, 1, __ATOMIC_SEQ_CST);
    disco_vcpu_kick(k.vcpu);
    pthread_join(thread, NULL);
    assert_in_range(k.seen, BURSTS, KICKS + BURSTS + 1);
    fixture_drop(&f);
}

/* From a signal handler of the running thread itself. */
static disco_vcpu *kick_me;

static void on_signal(int number)
{
    (void)number;
    disco_vcpu_kick(kick_me);
}

static void test_kick_from_signal(void **state)
{
    struct kicked k = { 0 };
    struct sigaction sa;
    pthread_t thread;
    struct fixture f;
    uint32_t i, seen;

    (void)state;
    fixture_make(&f, NULL, spin, 2);
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_signal;
    sigaction(SIGUSR1, &sa, NULL);
    kick_me = k.vcpu = f.vcpu[0];
    pthread_create(&thread, NULL, take_kicks, &k);
    for (i = 0; i < 500; i++) {
        seen = __atomic_load_n(&k.seen, __ATOMIC_SEQ_CST);
        pthread_kill(thread, SIGUSR1);
        while (__atomic_load_n(&k.seen, __ATOMIC_SEQ_CST) == seen)
            sched_yield();
    }
    __atomic_store_n(&k.stop, 1, __ATOMIC_SEQ_CST);
    disco_vcpu_kick(k.vcpu);
    pthread_join(thread, NULL);
    fixture_drop(&f);
}

/* A whole life of a machine; several at once. */
static void *machine_life(void *arg)
{
    disco_machine_config mc = { .size = sizeof(mc) };
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    disco_run run = { .size = sizeof(run), .max_insns = 1000 };
    disco_exit e = { .size = sizeof(e) };
    disco_error err = { .size = sizeof(err) };
    disco_machine *m;
    disco_vcpu *v;
    disco_vm *vm;
    int i;

    for (i = 0; i < 20; i++) {
        if (disco_machine_create(&mc, &m, NULL) ||
            disco_machine_add_backend(m, &toy_ops) ||
            disco_vm_create(m, NULL, &vm) ||
            disco_vm_map_ram(vm, 0, 1 << 20, NULL) ||
            disco_mem_write(vm, 0, spin, sizeof(spin)) ||
            disco_vcpu_create(vm, &vc, &v) || disco_vcpu_start(v, 0) ||
            disco_vcpu_run(v, 0, &run, &e) || e.ran_insns != 1000)
            return arg;
        if (disco_vm_map_ram(vm, 1, 1, NULL) != DISCO_E_INVAL)
            return arg;
        disco_machine_last_error(m, &err);
        if (err.status != DISCO_E_INVAL || disco_machine_verify(m) ||
            disco_vm_destroy(vm) || disco_machine_destroy(m))
            return arg;
    }
    return NULL;
}

static void test_machines_in_threads(void **state)
{
    pthread_t thread[4];
    int life[4];
    void *failed;
    int i;

    (void)state;
    for (i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, machine_life, &life[i]);
    for (i = 0; i < 4; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
}

/* VMs come and go on a machine where another VM runs and is migrated. */
struct churn {
    disco_machine *machine;
    uint32_t stop; /* atomic */
};

static void *vm_churn(void *arg)
{
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    disco_run run = { .size = sizeof(run), .max_insns = 200 };
    disco_exit e = { .size = sizeof(e) };
    struct churn *c = arg;
    disco_vcpu *v;
    disco_vm *vm;

    while (!__atomic_load_n(&c->stop, __ATOMIC_SEQ_CST)) {
        if (disco_vm_create(c->machine, NULL, &vm) ||
            disco_vm_map_ram(vm, 0, 1 << 20, NULL) ||
            disco_mem_write(vm, 0, spin, sizeof(spin)) ||
            disco_vcpu_create(vm, &vc, &v) || disco_vcpu_start(v, 0) ||
            disco_vcpu_run(v, 3, &run, &e) || disco_page_migrate(vm, 0, 1) ||
            disco_vm_destroy(vm))
            return arg;
    }
    return NULL;
}

static void *run_until_kick(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;

    if (disco_vcpu_run(v, disco_vcpu_index(v), NULL, &e))
        return arg;
    return e.reason == DISCO_EXIT_KICK ? NULL : arg;
}

static void test_vms_come_and_go(void **state)
{
    /* LL and SC on ever new lines, so that handshakes go on. */
    static const uint32_t linker[] = {
        TOY(TOY_LL, 1, 2, 0),     TOY(TOY_SC, 1, 2, 0),
        TOY(TOY_ADDI, 2, 2, 128), TOY(TOY_BNE, 2, 3, -3),
        TOY(TOY_ADDI, 2, 4, 0),   TOY(TOY_JMP, 0, 0, 0),
    };
    struct fixture_config config = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    disco_vcpu_stats vs = { .size = sizeof(vs) };
    disco_vm_stats s = { .size = sizeof(s) };
    pthread_t thread[3];
    struct churn c = { 0 };
    struct fixture f;
    void *failed;
    uint32_t i;

    (void)state;
    fixture_make(&f, &config, linker, 6);
    for (i = 0; i < 2; i++) {
        fixture_set_reg(&f, i, 2, 0x2000);
        fixture_set_reg(&f, i, 3, 0x20000);
        fixture_set_reg(&f, i, 4, 0x2000);
        pthread_create(&thread[i], NULL, run_until_kick, f.vcpu[i]);
    }
    c.machine = f.machine;
    pthread_create(&thread[2], NULL, vm_churn, &c);
    for (i = 0; i < 300; i++) {
        disco_page_migrate(f.vm, 0x2000 + i % 16 * 0x1000, i & 1);
        assert_int_equal(disco_vcpu_stats_get(f.vcpu[i & 1], &vs), 0);
        assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
        disco_vm_time_ns(f.vm);
        disco_vcpu_runnable(f.vcpu[i & 1]);
    }
    __atomic_store_n(&c.stop, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < 2; i++)
        disco_vcpu_kick(f.vcpu[i]);
    for (i = 0; i < 3; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    fixture_drop(&f);
}

/* A secondary that is started while its host loop runs it, parked. */
static void *host_loop(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;

    do {
        if (disco_vcpu_run(v, 1, NULL, &e))
            return arg;
    } while (e.reason == DISCO_EXIT_PARKED);
    return e.reason == DISCO_EXIT_BREAK ? NULL : arg;
}

static void test_start_is_never_lost(void **state)
{
    static const uint32_t program[] = { TOY(TOY_BREAK, 0, 0, 0) };
    uint64_t id = DISCO_REG_GPR(1), value = 3;
    struct fixture f;
    pthread_t thread;
    void *failed;
    int i;

    (void)state;
    fixture_make(&f, NULL, program, 1);
    for (i = 0; i < 200; i++) {
        assert_int_equal(disco_vcpu_reset(f.vcpu[0]), 0);
        pthread_create(&thread, NULL, host_loop, f.vcpu[0]);
        assert_int_equal(disco_vcpu_set_regs(f.vcpu[0], &id, &value, 1), 0);
        assert_int_equal(disco_vcpu_start(f.vcpu[0], 0), 0);
        pthread_join(thread, &failed);
        assert_null(failed);
        assert_int_equal(fixture_reg(&f, 0, 1), 3);
    }
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kick_storm),
        cmocka_unit_test(test_kick_from_signal),
        cmocka_unit_test(test_machines_in_threads),
        cmocka_unit_test(test_vms_come_and_go),
        cmocka_unit_test(test_start_is_never_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
