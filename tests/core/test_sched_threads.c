/*
 * test_sched_threads.c - several threads drive the CPUs of one scheduler:
 * nothing runs twice, no wake is lost, everybody gets on.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "sched_world.h"

enum { THREADS = 3 };

/* What a host's loop looks like: sleep until the wake callback counts. */
struct pool {
    struct world w;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t wakes;
    uint32_t waiting;
    int is_over;
    uint32_t cpu; /* or DISCO_SCHED_ANY_CPU; then CPU i is thread i's */
    uint32_t done;
    uint32_t failed; /* atomic */
};

static void on_wake(void *opaque, disco_vcpu *vcpu)
{
    struct pool *p = opaque;

    (void)vcpu;
    pthread_mutex_lock(&p->lock);
    p->wakes++;
    p->waiting = 0;
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static void set_failed(struct pool *p)
{
    __atomic_store_n(&p->failed, 1, __ATOMIC_SEQ_CST);
}

static void end(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->is_over = 1;
    pthread_cond_broadcast(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

/* The last one that has nothing to do lets time pass. */
static void wait_for_work(struct pool *p, uint64_t seen)
{
    int is_last = 0;
    uint64_t ns;

    pthread_mutex_lock(&p->lock);
    if (p->wakes == seen && !p->is_over) {
        is_last = ++p->waiting == THREADS;
        while (!is_last && p->wakes == seen && !p->is_over)
            pthread_cond_wait(&p->cond, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    if (!is_last)
        return;
    ns = disco_sched_next_ns(p->w.sched);
    if (ns != UINT64_MAX) {
        disco_sched_pass(p->w.sched, ns);
        on_wake(p, NULL);
    } else {
        end(p);
    }
}

/* A vCPU is through when it meets BREAK. */
static void came_back(struct pool *p, disco_vcpu *v, const disco_exit *e)
{
    if (e->reason != DISCO_EXIT_BREAK)
        set_failed(p);
    __atomic_add_fetch(&p->done, 1, __ATOMIC_SEQ_CST);
    if (disco_sched_remove(p->w.sched, v))
        set_failed(p);
}

static void *drive(void *opaque)
{
    struct pool *p = opaque;
    uint32_t cpu = DISCO_SCHED_ANY_CPU;
    int is_over = 0;

    if (__atomic_load_n(&p->cpu, __ATOMIC_SEQ_CST) != DISCO_SCHED_ANY_CPU)
        cpu = __atomic_fetch_add(&p->cpu, 1, __ATOMIC_SEQ_CST);
    while (!is_over) {
        disco_exit e = { .size = sizeof(e) };
        disco_vcpu *v;
        uint64_t seen;

        pthread_mutex_lock(&p->lock);
        seen = p->wakes;
        is_over = p->is_over;
        pthread_mutex_unlock(&p->lock);
        if (is_over)
            break;
        if (disco_sched_run_cpu(p->w.sched, cpu, 5, &v, &e)) {
            set_failed(p);
            end(p);
        } else if (v) {
            came_back(p, v, &e);
        } else if (e.reason == DISCO_EXIT_IDLE) {
            wait_for_work(p, seen);
        }
    }
    return NULL;
}

static void make_pool(struct pool *p, struct world_config *c, uint32_t cpu)
{
    memset(p, 0, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, NULL);
    p->cpu = cpu;
    c->wake = on_wake;
    c->wake_opaque = p;
    world_make(&p->w, c);
}

static void run_pool(struct pool *p)
{
    pthread_t thread[THREADS];
    uint32_t i;

    for (i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, drive, p);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(p->failed, 0);
}

static void drop_pool(struct pool *p)
{
    world_drop(&p->w);
    pthread_cond_destroy(&p->cond);
    pthread_mutex_destroy(&p->lock);
}

/* Count in r3 to r6, idling until a timer in between, each r5 cycles. */
static const uint32_t ticker[] = {
    TOY(TOY_MASK, 0, 0, 0x80),
    TOY(TOY_CYCLE, 4, 0, 0),
    TOY(TOY_ADD, 4, 4, 5),
    TOY(TOY_TIMER, 4, 0, 0),
    TOY(TOY_CALL, 0, 0, DISCO_HC_IDLE),
    TOY(TOY_TIMER, 0, 0, 0),
    TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_BNE, 3, 6, -6),
    TOY(TOY_BREAK, 0, 0, 0),
};

/* Count in memory at 0x8000 with LL and SC up to r6 times, then BREAK. */
static const uint32_t counter[] = {
    TOY(TOY_ORI, 7, 0, 0x4000), TOY(TOY_LL, 1, 7, 0),    TOY(TOY_ADDI, 1, 1, 1),
    TOY(TOY_SC, 1, 7, 0),       TOY(TOY_BEQ, 1, 0, -4),  TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_BNE, 3, 6, -6),     TOY(TOY_BREAK, 0, 0, 0),
};

static uint32_t add(struct world *w, uint32_t vcpus, const uint32_t *program,
                    uint32_t words, uint32_t ticks, uint32_t count)
{
    uint32_t vm = world_add(w, vcpus, program, words), i;

    for (i = 0; i < vcpus; i++) {
        world_set_reg(w, vm, i, 5, ticks + 100 * i);
        world_set_reg(w, vm, i, 6, count);
    }
    return vm;
}

static void mixed(uint32_t cpu, uint32_t flags, uint64_t skew)
{
    disco_sched_vm_config v = { .size = sizeof(v) };
    struct world_config c = { .nodes = 1, .cpus = 3 };
    struct pool p;
    uint64_t sum = 0;
    uint32_t i, busy;

    if (cpu == DISCO_SCHED_ANY_CPU)
        c.nodes = 2;
    make_pool(&p, &c, cpu);
    v.flags = flags;
    v.skew_insns = skew;
    for (i = 0; i < 3; i++)
        add(&p.w, 2, ticker, 9, 700, 60);
    busy = add(&p.w, 3, counter, 8, 0, 3000);
    add(&p.w, 1, counter, 8, 0, 9000);
    for (i = 0; i < p.w.vms; i++)
        assert_int_equal(disco_sched_set_vm(p.w.sched, p.w.vm[i], &v), 0);
    run_pool(&p);
    assert_int_equal(p.done, 3 * 2 + 3 + 1);
    assert_int_equal(disco_mem_read(p.w.vm[busy], 0x4000, &sum, 8), 0);
    assert_int_equal(sum, 9000);
    drop_pool(&p);
}

static void test_any_cpu(void **state)
{
    (void)state;
    mixed(DISCO_SCHED_ANY_CPU, 0, 0);
    mixed(DISCO_SCHED_ANY_CPU, 0, 100);
    mixed(DISCO_SCHED_ANY_CPU, DISCO_SCHED_GANG, 0);
}

static void test_own_cpus(void **state)
{
    (void)state;
    mixed(0, 0, 0);
    mixed(0, 0, 100);
    mixed(0, DISCO_SCHED_GANG, 100);
}

/* --- Held VMs ------------------------------------------------------------- */

struct held {
    struct pool *pool;
    uint32_t last; /* atomic: threads that were told they have the last */
};

/* vCPUs are kicked out and give up their VM; exactly one is the last.  Whoever
 * is not inside a slice by then does not get one any more. */
static void *hold_one(void *opaque)
{
    struct held *h = opaque;
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = NULL;

    while (!v && !__atomic_load_n(&h->last, __ATOMIC_SEQ_CST))
        if (disco_sched_run_cpu(h->pool->w.sched, DISCO_SCHED_ANY_CPU, 100, &v,
                                &e))
            return NULL;
    if (v && !disco_sched_hold(h->pool->w.sched, v))
        __atomic_add_fetch(&h->last, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void test_exactly_one_is_last(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = THREADS };
    struct held h = { 0 };
    pthread_t thread[THREADS];
    struct pool p;
    uint32_t i, round;

    (void)state;
    make_pool(&p, &c, DISCO_SCHED_ANY_CPU);
    h.pool = &p;
    world_add(&p.w, THREADS, NULL, 0);
    for (round = 0; round < 50; round++) {
        h.last = 0;
        for (i = 0; i < THREADS; i++)
            pthread_create(&thread[i], NULL, hold_one, &h);
        for (i = 0; i < THREADS; i++)
            disco_vcpu_kick(p.w.vcpu[0][i]);
        for (i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        assert_int_equal(h.last, 1);
        for (i = 0; i < THREADS; i++)
            assert_int_equal(disco_sched_release(p.w.sched, p.w.vcpu[0][i]), 0);
    }
    drop_pool(&p);
}

/* --- Restarts ------------------------------------------------------------- */

struct restarts {
    struct pool *pool;
    uint32_t count;   /* atomic */
    uint32_t is_over; /* atomic */
};

/* As an embedder does: all vCPUs leave for a reset, and one thread makes it. */
static void restart(struct restarts *r, disco_vcpu *v)
{
    struct world *w = &r->pool->w;
    uint32_t i;

    if (disco_sched_hold(w->sched, v))
        return;
    if (disco_vm_reset(w->vm[0]))
        set_failed(r->pool);
    for (i = 0; i < THREADS; i++)
        disco_vcpu_start(w->vcpu[0][i], 0);
    __atomic_add_fetch(&r->count, 1, __ATOMIC_SEQ_CST);
    disco_sched_release(w->sched, v);
}

static void *drive_and_restart(void *opaque)
{
    struct restarts *r = opaque;
    disco_vcpu *v;

    while (!__atomic_load_n(&r->is_over, __ATOMIC_SEQ_CST)) {
        disco_exit e = { .size = sizeof(e) };

        if (disco_sched_run_cpu(r->pool->w.sched, DISCO_SCHED_ANY_CPU, 50, &v,
                                &e))
            set_failed(r->pool);
        else if (v && e.reason == DISCO_EXIT_RESET)
            restart(r, v);
    }
    return NULL;
}

/*
 * A thread that waits for the VM while another one has it, changes it and lets
 * it run again is not given it as well, however late it looks.
 */
static void test_one_restart_a_reset(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = THREADS };
    struct restarts r = { 0 };
    pthread_t thread[THREADS];
    uint32_t i, round;
    struct pool p;

    (void)state;
    make_pool(&p, &c, DISCO_SCHED_ANY_CPU);
    r.pool = &p;
    world_add(&p.w, THREADS, NULL, 0);
    for (i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, drive_and_restart, &r);
    for (round = 1; round <= 300; round++) {
        disco_vm_request_reset(p.w.vm[0]);
        while (__atomic_load_n(&r.count, __ATOMIC_SEQ_CST) < round)
            sched_yield();
    }
    __atomic_store_n(&r.is_over, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(r.count, 300);
    assert_int_equal(p.failed, 0);
    drop_pool(&p);
}

/* --- Changes while threads run -------------------------------------------- */

static void *run_some(void *opaque)
{
    struct pool *p = opaque;
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v;
    int i;

    for (i = 0; i < 400; i++)
        if (disco_sched_run_cpu(p->w.sched, DISCO_SCHED_ANY_CPU, 3, &v, &e))
            set_failed(p);
    return NULL;
}

static void test_changes_while_running(void **state)
{
    struct world_config c = { .nodes = 2, .cpus = 2 };
    disco_sched_vm_config v = { .size = sizeof(v) };
    uint64_t masks[] = { 15, 5, 10, 12 };
    pthread_t thread[THREADS];
    struct pool p;
    disco_status status;
    uint32_t i, n = 0;

    (void)state;
    make_pool(&p, &c, DISCO_SCHED_ANY_CPU);
    for (i = 0; i < 4; i++)
        world_add(&p.w, 2, NULL, 0);
    for (i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, run_some, &p);
    for (i = 0; i < 300; i++) {
        v.weight = 1 + i * 7 % 1000;
        v.flags = i % 5 == 0 ? DISCO_SCHED_GANG : 0;
        v.cpu_mask = &masks[i % 4];
        v.cpu_words = 1;
        assert_int_equal(disco_sched_set_vm(p.w.sched, p.w.vm[i % 4], &v), 0);
        status = disco_sched_remove(p.w.sched, p.w.vcpu[i % 4][0]);
        if (!status)
            assert_int_equal(disco_sched_add(p.w.sched, p.w.vcpu[i % 4][0]), 0);
        else
            assert_int_equal(status, DISCO_E_BUSY);
        n += !status;
        disco_vcpu_kick(p.w.vcpu[i % 4][1]);
        world_cpu(&p.w, i % 4);
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_true(n > 0);
    assert_int_equal(p.failed, 0);
    drop_pool(&p);
}

static void test_one_way_at_a_time(void **state)
{
    struct world_config c = { .nodes = 1, .cpus = 2 };
    disco_exit e = { .size = sizeof(e) };
    pthread_t thread;
    disco_status status;
    disco_vcpu *v;
    struct pool p;

    (void)state;
    make_pool(&p, &c, DISCO_SCHED_ANY_CPU);
    world_add(&p.w, 1, NULL, 0);
    pthread_create(&thread, NULL, run_some, &p);
    do {
        status = disco_sched_run(p.w.sched, 1, &v, &e);
        assert_true(status == 0 || status == DISCO_E_BUSY);
    } while (status == 0 && world_insns(&p.w, 0) < 100000);
    pthread_join(thread, NULL);
    p.failed = 0; /* its calls may have been the ones refused */
    world_rounds(&p.w, 10);
    drop_pool(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cpu),
        cmocka_unit_test(test_own_cpus),
        cmocka_unit_test(test_exactly_one_is_last),
        cmocka_unit_test(test_one_restart_a_reset),
        cmocka_unit_test(test_changes_while_running),
        cmocka_unit_test(test_one_way_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
