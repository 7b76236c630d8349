/*
 * test_code.c - code that is stored to: by the vCPU itself, by another one, by
 * DMA and through pins.  The toy keeps code as long as it may.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "core/vcpu.h"
#include "fixture.h"

/* Own stores: patch the next instruction, then run it. */
static void test_own_store(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 0), /* hold the page */
        TOY(TOY_SW, 2, 0, 12),  /* patch what follows */
        TOY(TOY_ADDI, 0, 0, 0),
        TOY(TOY_ADDI, 3, 0, 1), /* becomes ADDI r3, r0, 2 */
        TOY(TOY_BREAK, 0, 0, 0),
    };
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 5);
    fixture_set_reg(&f, 0, 2, TOY(TOY_ADDI, 3, 0, 2));
    fixture_run(&f, 0, 0);
    assert_int_equal(fixture_reg(&f, 0, 3), 2);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

static void test_dma_to_code(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 1),
        TOY(TOY_JMP, 0, 0, 0),
    };
    uint32_t patch = TOY(TOY_ADDI, 1, 0, 7);
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 2);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 1);
    assert_int_equal(disco_mem_write(f.vm, 0, &patch, 4), 0);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 7);
    fixture_drop(&f);
}

/* Code of a page pinned for writing is run, but not kept. */
static void test_pinned_code(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 1),
        TOY(TOY_JMP, 0, 0, 0),
    };
    disco_page_info info = { .size = sizeof(info) };
    disco_pin p = { .size = sizeof(p) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 2);
    fixture_run(&f, 0, 100);
    assert_int_equal(disco_mem_pin(f.vm, 0, 8, DISCO_READ | DISCO_WRITE, &p),
                     0);
    *(uint32_t *)p.host = TOY(TOY_ADDI, 1, 0, 3);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 3);
    *(uint32_t *)p.host = TOY(TOY_ADDI, 1, 0, 4);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 4);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    fixture_run(&f, 0, 100);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

/* Stores come back when nobody holds code any more. */
static void test_holder_gives_up(void **state)
{
    static const uint32_t far[] = { TOY(TOY_ADDI, 1, 1, 1),
                                    TOY(TOY_BREAK, 0, 0, 0) };
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;
    uint64_t pc = DISCO_REG_PC, at;
    unsigned i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    for (i = 0; i < 20; i++) { /* more pages than the toy keeps */
        at = i * 4096;
        assert_int_equal(disco_mem_write(f.vm, at, far, sizeof(far)), 0);
        assert_int_equal(disco_vcpu_set_regs(f.vcpu[0], &pc, &at, 1), 0);
        fixture_run(&f, 0, 0);
    }
    assert_int_equal(fixture_reg(&f, 0, 1), 20);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    assert_int_equal(disco_page_info_get(f.vm, 19 * 4096, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

/*
 * One vCPU patches a function and then publishes a number; the other reads the
 * number, calls the function and compares: never older than the number.
 */
enum { FUNCTION = 0x3000, NUMBER = 0x4000, ROUNDS = 300 };
static const uint32_t writer_code[] = {
    TOY(TOY_ADDI, 3, 3, 1), /* n + 1 */
    TOY(TOY_ADD, 4, 5, 3),  /* template ADDI r7, r0, n */
    TOY(TOY_SW, 4, 6, 0),   /* patch */
    TOY(TOY_ST, 3, 8, 0),   /* publish */
    TOY(TOY_BNE, 3, 9, -4), /* until ROUNDS */
    TOY(TOY_BREAK, 0, 0, 0),
};
static const uint32_t caller_code[] = {
    /* at 0x1000 */
    TOY(TOY_LD, 3, 8, 0),  /* number */
    TOY(TOY_JMP, 0, 6, 0), /* call */
    TOY(TOY_ST, 3, 10, 0), /* 0x1008: device checks r3 <= r7 */
    TOY(TOY_ST, 7, 10, 8), TOY(TOY_BNE, 3, 9, -4), TOY(TOY_BREAK, 0, 0, 0),
};
static const uint32_t function_code[] = {
    TOY(TOY_ADDI, 7, 0, 0), TOY(TOY_JMP, 0, 11, 0), /* back to 0x1008 */
};

struct checker {
    uint64_t number;
    uint32_t stale;
    uint32_t calls;
};

static disco_status check(void *opaque, const disco_mmio_access *a,
                          uint64_t value)
{
    struct checker *c = opaque;

    if (a->offset == 0) {
        c->number = value;
        return 0;
    }
    c->calls++;
    c->stale += value < c->number;
    return 0;
}

static void *run_to_break(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;

    if (disco_vcpu_run(v, disco_vcpu_index(v), NULL, &e))
        return arg;
    return e.reason == DISCO_EXIT_BREAK ? NULL : arg;
}

static void test_other_patches(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = check };
    struct fixture_config config = { .vcpus = 2 };
    struct checker c = { 0, 0, 0 };
    uint64_t pc = DISCO_REG_PC, at = 0x1000;
    pthread_t thread[2];
    struct fixture f;
    void *failed;
    uint32_t i;

    (void)state;
    fixture_make(&f, &config, writer_code, 6);
    disco_mem_write(f.vm, 0x1000, caller_code, sizeof(caller_code));
    disco_mem_write(f.vm, FUNCTION, function_code, sizeof(function_code));
    disco_vm_map_mmio(f.vm, 0x200000, 16, "check", &ops, &c, NULL);
    assert_int_equal(disco_vcpu_set_regs(f.vcpu[1], &pc, &at, 1), 0);
    for (i = 0; i < 2; i++) {
        fixture_set_reg(&f, i, 5, TOY(TOY_ADDI, 7, 0, 0));
        fixture_set_reg(&f, i, 6, FUNCTION);
        fixture_set_reg(&f, i, 8, NUMBER);
        fixture_set_reg(&f, i, 9, ROUNDS);
        fixture_set_reg(&f, i, 10, 0x200000);
        fixture_set_reg(&f, i, 11, 0x1008);
    }
    for (i = 0; i < 2; i++)
        pthread_create(&thread[1 - i], NULL, run_to_break, f.vcpu[1 - i]);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(c.stale, 0);
    assert_true(c.calls > 0);
    fixture_drop(&f);
}

/* --- A page that is never quiet --- */

/* Two vCPUs that store into the page they run, for ever. */
static const uint32_t restless[] = {
    TOY(TOY_ST, 1, 2, 0x800),
    TOY(TOY_ST, 1, 2, 0x808),
    TOY(TOY_JMP, 0, 0, 0),
};

struct restless {
    disco_vcpu *vcpu;
    uint32_t cpu;
    disco_status status;
};

static void *be_restless(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    struct restless *r = arg;

    r->status = disco_vcpu_run(r->vcpu, r->cpu, NULL, &e);
    if (!r->status && e.reason != DISCO_EXIT_KICK)
        r->status = DISCO_E_STATE;
    return NULL;
}

/* Whoever wants the page gets it, or is told soon that it cannot be had. */
static void test_movers_are_let_pass(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    disco_page_info info = { .size = sizeof(info) };
    uint32_t i, moved = 0, tries = 50;
    struct restless r[2];
    pthread_t thread[2];
    disco_status status;
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, restless, 3);
    for (i = 0; i < 2; i++) {
        r[i] = (struct restless){ f.vcpu[i], 2 * i, 0 };
        pthread_create(&thread[i], NULL, be_restless, &r[i]);
    }
    do { /* until they run */
        assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    } while (!(info.flags & DISCO_PAGE_CODE));
    for (i = 0; i < tries; i++) {
        status = disco_page_migrate(f.vm, 0, ~i & 1);
        assert_true(!status || status == DISCO_E_BUSY);
        moved += !status;
    }
    for (i = 0; i < 2; i++)
        disco_vcpu_kick(f.vcpu[i]);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].status, 0);
    }
    assert_true(moved > tries / 2);
    fixture_drop(&f);
}

/* --- Who came first --- */

struct contest {
    struct fixture f;
    struct physmap *pm;
    uint32_t about_to; /* atomic: the second store is about to begin */
    disco_status moved;
    uint32_t saw; /* node of the page that the second store found */
};

static void *move_code(void *arg)
{
    struct contest *q = arg;

    q->moved = disco_page_migrate(q->f.vm, 0, 1);
    return NULL;
}

static void *store_second(void *arg)
{
    struct contest *q = arg;
    struct shoot_vcpu *self = &q->f.vcpu[1]->shoot;

    store_seq(&q->about_to, 1);
    code_store_begin(q->pm, pfn_of_gpa(0), self);
    q->saw = mfn_node(entry_mfn(physmap_entry(q->pm, pfn_of_gpa(0))));
    code_store_end(q->pm, pfn_of_gpa(0), self);
    return NULL;
}

static int is_wanted(struct physmap *pm)
{
    int wanted;

    mem_lock(pm->mem);
    wanted = map_page(pm, pfn_of_gpa(0))->is_wanted;
    mem_unlock(pm->mem);
    return wanted;
}

/* A store is under way, a mover waits, another store comes: the mover first. */
static int mover_was_first(void)
{
    struct fixture_config c = { .nodes = 2, .vcpus = 2 };
    struct timespec nap = { 0, 2000000 };
    pthread_t mover, store;
    struct contest q = { 0 };

    fixture_make(&q.f, &c, restless, 3);
    q.pm = &q.f.vm->pm;
    code_store_begin(q.pm, pfn_of_gpa(0), &q.f.vcpu[0]->shoot);
    pthread_create(&mover, NULL, move_code, &q);
    while (!is_wanted(q.pm))
        sched_yield();
    pthread_create(&store, NULL, store_second, &q);
    while (!load_seq(&q.about_to))
        sched_yield();
    nanosleep(&nap, NULL);
    code_store_end(q.pm, pfn_of_gpa(0), &q.f.vcpu[0]->shoot);
    pthread_join(mover, NULL);
    pthread_join(store, NULL);
    assert_true(!q.moved || q.moved == DISCO_E_BUSY);
    fixture_drop(&q.f);
    return !q.moved && q.saw == 1;
}

/* On a busy host a wait may be over before all got to run. */
static void test_movers_go_first(void **state)
{
    int i, first = 0;

    (void)state;
    for (i = 0; i < 10; i++)
        first += mover_was_first();
    assert_true(first > 5);
}

/* Somebody whose stores do not end: the wait does. */
static void test_waits_are_bounded(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    struct physmap *pm;
    struct fixture f;
    disco_page page;

    (void)state;
    fixture_make(&f, &c, restless, 3);
    pm = &f.vm->pm;
    code_store_begin(pm, pfn_of_gpa(0), &f.vcpu[0]->shoot);
    assert_int_equal(disco_page_migrate(f.vm, 0, 1), DISCO_E_BUSY);
    assert_int_equal(disco_page_take(f.vm, 0, &page), DISCO_E_BUSY);
    code_store_end(pm, pfn_of_gpa(0), &f.vcpu[0]->shoot);
    assert_int_equal(disco_page_migrate(f.vm, 0, 1), 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_movers_are_let_pass),
        cmocka_unit_test(test_movers_go_first),
        cmocka_unit_test(test_waits_are_bounded),
        cmocka_unit_test(test_own_store),
        cmocka_unit_test(test_dma_to_code),
        cmocka_unit_test(test_pinned_code),
        cmocka_unit_test(test_holder_gives_up),
        cmocka_unit_test(test_other_patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
