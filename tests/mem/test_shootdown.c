/*
 * test_shootdown.c - posting, serving, waiting: alone, and with threads that
 * shoot at each other.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mem/mem.h"

enum { VCPUS = 3 };

struct cpu {
    struct shoot_vcpu s;
    uint32_t dropped[DISCO_DROP_DATA + 1]; /* by what */
    uint64_t last_frame;
    struct world *world;
    uint64_t seen; /* atomic: what it may still use */
};

struct world {
    struct context ctx;
    struct mem mem;
    struct shoot_set set;
    struct cpu cpu[VCPUS];
    uint64_t current; /* atomic: what is mapped */
    uint64_t freed;   /* atomic: must not be in use below this */
    uint32_t stop;    /* atomic */
    uint32_t bad;     /* atomic */
};

static void drop(void *opaque, const struct shoot_item *item)
{
    struct cpu *c = opaque;

    c->dropped[item->what]++;
    c->last_frame = item->frame;
    store_relaxed(&c->seen, 0);
}

static void make(struct world *w)
{
    uint32_t i;

    memset(w, 0, sizeof(*w));
    assert_int_equal(alloc_init(&w->ctx.alloc, NULL), 0);
    assert_int_equal(errors_init(&w->ctx.errors), 0);
    assert_int_equal(mem_init(&w->mem, &w->ctx, 1, 1 << 20), 0);
    for (i = 0; i < VCPUS; i++) {
        w->cpu[i].world = w;
        w->cpu[i].s.index = i;
        w->cpu[i].s.invalidate = drop;
        w->cpu[i].s.opaque = &w->cpu[i];
        assert_int_equal(shoot_register(&w->mem, &w->set, &w->cpu[i].s), 0);
    }
}

static void unmake(struct world *w)
{
    uint32_t i;

    for (i = 0; i < VCPUS; i++)
        shoot_unregister(&w->mem, &w->set, &w->cpu[i].s);
    assert_int_equal(w->set.mask, 0);
    mem_destroy(&w->mem);
    errors_destroy(&w->ctx.errors);
    assert_int_equal(alloc_held_bytes(&w->ctx.alloc), 0);
}

static void shoot(struct world *w, uint64_t mask, uint32_t what, uint64_t frame,
                  struct shoot_vcpu *self)
{
    struct shoot_item item = { what, NULL, frame };
    struct shoot_wave wave;

    shoot_wave_init(&wave);
    mem_lock(&w->mem);
    shoot_post(&wave, &w->set, mask, &item, self);
    mem_unlock(&w->mem);
    shoot_wait(&w->mem, &wave, self);
}

static void test_parked_are_not_waited_for(void **state)
{
    struct world w;

    (void)state;
    make(&w);
    shoot(&w, 6, DISCO_DROP_CODE, 5, NULL);
    assert_int_equal(w.cpu[0].s.request, 0);
    assert_int_equal(w.cpu[1].s.request, DISCO_REQ_INVALIDATE);
    shoot_serve(&w.cpu[1].s);
    assert_int_equal(w.cpu[1].s.request, 0);
    assert_int_equal(w.cpu[1].dropped[DISCO_DROP_CODE], 1);
    assert_int_equal(w.cpu[1].last_frame, 5);
    shoot(&w, UINT64_MAX, DISCO_DROP_FRAME, 6, NULL);
    shoot_serve(&w.cpu[2].s);
    assert_int_equal(w.cpu[2].dropped[DISCO_DROP_CODE], 1);
    assert_int_equal(w.cpu[2].dropped[DISCO_DROP_FRAME], 1);
    unmake(&w);
}

static void overflow(struct world *w, uint32_t last)
{
    uint32_t i;

    shoot(w, 1, DISCO_DROP_CODE, 7, NULL);
    for (i = 1; i < SHOOT_QUEUE; i++)
        shoot(w, 1, DISCO_DROP_FRAME, i, NULL);
    shoot(w, 1, last, 8, NULL);
    shoot(w, 1, DISCO_DROP_FRAME, 9, NULL);
    shoot_serve(&w->cpu[0].s);
    shoot_serve(&w->cpu[0].s); /* once is enough */
}

/* What does not fit costs more than was asked, but no code without need. */
static void test_overflow_drops_more(void **state)
{
    struct world w;

    (void)state;
    make(&w);
    overflow(&w, DISCO_DROP_FRAME);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_DATA], 1);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_CODE], 1);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_FRAME], 0);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_ALL], 0);
    overflow(&w, DISCO_DROP_CODE);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_ALL], 1);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_CODE], 1);
    unmake(&w);
}

static void test_self_is_not_waited_for(void **state)
{
    struct world w;

    (void)state;
    make(&w);
    shoot_unpark(&w.cpu[0].s);
    shoot(&w, 1, DISCO_DROP_WRITE, 1, &w.cpu[0].s);
    assert_int_equal(w.cpu[0].s.state, SHOOT_RUNNING);
    shoot_serve(&w.cpu[0].s);
    assert_int_equal(w.cpu[0].dropped[DISCO_DROP_WRITE], 1);
    shoot_park(&w.cpu[0].s);
    unmake(&w);
}

/* Like a vCPU: uses what it looked up, polls, parks now and then. */
static void *cpu_thread(void *arg)
{
    struct cpu *c = arg;
    struct world *w = c->world;
    unsigned i;

    shoot_unpark(&c->s);
    for (i = 0; !load_relaxed(&w->stop); i++) {
        if (load_relaxed(&c->s.request))
            shoot_serve(&c->s);
        if (!load_relaxed(&c->seen))
            store_relaxed(&c->seen, load_acquire(&w->current));
        if (load_relaxed(&c->seen) <= load_acquire(&w->freed))
            or_seq(&w->bad, 1);
        if (i % 1000 == 999) {
            shoot_park(&c->s);
            sched_yield();
            shoot_unpark(&c->s);
            if (load_relaxed(&c->s.request))
                shoot_serve(&c->s);
        }
        if (i % 3000 == 2999)
            shoot_barrier(&w->mem, &c->s);
    }
    shoot_park(&c->s);
    return NULL;
}

/* Change what is mapped, shoot, and only then free the old one. */
static void test_nothing_freed_is_used(void **state)
{
    pthread_t thread[VCPUS];
    struct world w;
    uint64_t n;
    int i;

    (void)state;
    make(&w);
    w.current = 1;
    for (i = 0; i < VCPUS; i++)
        pthread_create(&thread[i], NULL, cpu_thread, &w.cpu[i]);
    for (n = 2; n < 2000; n++) {
        store_release(&w.current, n);
        shoot(&w, UINT64_MAX, DISCO_DROP_FRAME, n, NULL);
        store_release(&w.freed, n - 1);
    }
    store_relaxed(&w.stop, 1);
    for (i = 0; i < VCPUS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(w.bad, 0);
    assert_true(w.mem.shoot.shootdowns >= 1998);
    unmake(&w);
}

/* Inside its backend for a while, then a poll. */
static void *slow_thread(void *arg)
{
    struct cpu *c = arg;
    struct timespec nap = { 0, 20000000 };

    shoot_unpark(&c->s);
    store_release(&c->world->current, 1);
    nanosleep(&nap, NULL);
    store_release(&c->world->freed, 1);
    while (!load_relaxed(&c->s.request))
        ;
    shoot_serve(&c->s);
    while (!load_acquire(&c->world->stop))
        ;
    shoot_park(&c->s);
    return NULL;
}

static void test_barrier_waits_for_a_poll(void **state)
{
    pthread_t thread;
    struct world w;

    (void)state;
    make(&w);
    shoot_unpark(&w.cpu[0].s);
    pthread_create(&thread, NULL, slow_thread, &w.cpu[1]);
    while (!load_acquire(&w.current))
        sched_yield();
    shoot_barrier(&w.mem, &w.cpu[0].s);
    assert_int_equal(load_acquire(&w.freed), 1);
    store_release(&w.stop, 1);
    pthread_join(thread, NULL);
    shoot_barrier(&w.mem, &w.cpu[0].s); /* parked: no wait */
    shoot_park(&w.cpu[0].s);
    unmake(&w);
}

/* Everybody shoots at everybody: nobody waits for ever. */
static void *shooter_thread(void *arg)
{
    struct cpu *c = arg;
    int i;

    shoot_unpark(&c->s);
    for (i = 0; i < 3000; i++) {
        if (load_relaxed(&c->s.request))
            shoot_serve(&c->s);
        shoot(c->world, UINT64_MAX, DISCO_DROP_FRAME, 1, &c->s);
        if (i % 10 == 0)
            shoot_barrier(&c->world->mem, &c->s);
    }
    shoot_park(&c->s);
    return NULL;
}

static void test_mutual_shooting(void **state)
{
    pthread_t thread[VCPUS];
    struct world w;
    int i;

    (void)state;
    make(&w);
    for (i = 0; i < VCPUS; i++)
        pthread_create(&thread[i], NULL, shooter_thread, &w.cpu[i]);
    for (i = 0; i < VCPUS; i++)
        pthread_join(thread[i], NULL);
    unmake(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parked_are_not_waited_for),
        cmocka_unit_test(test_overflow_drops_more),
        cmocka_unit_test(test_self_is_not_waited_for),
        cmocka_unit_test(test_nothing_freed_is_used),
        cmocka_unit_test(test_barrier_waits_for_a_poll),
        cmocka_unit_test(test_mutual_shooting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
