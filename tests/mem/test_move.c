/*
 * test_move.c - pages that move or go while vCPUs and host threads use them.
 */
#include <pthread.h>
#include <string.h>

#include "fixture.h"

static void test_migrate(void **state)
{
    struct fixture_config c = { .nodes = 3, .cpus = 2 };
    disco_page_info info = { .size = sizeof(info) };
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture f;
    uint64_t frames;
    char text[8];

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x1000, 1), DISCO_E_NOENT);
    assert_int_equal(disco_mem_write(f.vm, 0x1ffc, "abcdefg", 8), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x1000, 2), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x1000, 2), 0); /* there */
    assert_int_equal(disco_page_info_get(f.vm, 0x1000, &info), 0);
    assert_int_equal(info.node, 2);
    assert_int_equal(disco_mem_read(f.vm, 0x1ffc, text, 8), 0);
    assert_string_equal(text, "abcdefg");
    assert_int_equal(disco_vm_node_frames(f.vm, 2, &frames), 0);
    assert_int_equal(frames, 1);
    assert_int_equal(disco_vm_node_frames(f.vm, 0, &frames), 0);
    assert_int_equal(frames, 1);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.migrated, 1);
    assert_int_equal(disco_page_migrate(f.vm, 0x1000, 3), DISCO_E_INVAL);
    assert_int_equal(disco_page_migrate(f.vm, 0x40000000, 1), DISCO_E_RANGE);
    fixture_drop(&f);
}

static void test_node_full(void **state)
{
    struct fixture_config c = { .nodes = 2, .node_bytes = 2 * 4096 };
    disco_node_stats n = { .size = sizeof(n) };
    struct fixture f;
    int i;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    for (i = 0; i < 3; i++) /* the third goes to the other node */
        assert_int_equal(disco_mem_write(f.vm, (unsigned)i * 4096, "x", 1), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x2000, 0), DISCO_E_NOMEM);
    assert_int_equal(disco_node_stats_get(f.machine, 1, &n), 0);
    assert_int_equal(n.frames_used, 1);
    assert_int_equal(n.alloc_remote, 1);
    assert_int_equal(disco_node_stats_get(f.machine, 2, &n), DISCO_E_INVAL);
    fixture_drop(&f);
}

/* Two vCPUs count in one page with LL/SC while it moves to and fro. */
enum { COUNTS = 20000 };
static const uint32_t counter[] = {
    TOY(TOY_LL, 1, 2, 0),    TOY(TOY_ADDI, 1, 1, 1), TOY(TOY_SC, 1, 2, 0),
    TOY(TOY_BEQ, 1, 0, -3),  TOY(TOY_ADDI, 3, 3, 1), TOY(TOY_BNE, 3, 4, -5),
    TOY(TOY_BREAK, 0, 0, 0),
};

struct runner {
    disco_vcpu *vcpu;
    uint32_t done; /* atomic */
    uint32_t reason;
};

static void *run_all(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    struct runner *r = arg;

    if (!disco_vcpu_run(r->vcpu, disco_vcpu_index(r->vcpu), NULL, &e))
        r->reason = e.reason;
    __atomic_store_n(&r->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int both_done(struct runner r[2])
{
    return __atomic_load_n(&r[0].done, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&r[1].done, __ATOMIC_SEQ_CST);
}

static void run_counters(struct fixture *f, struct runner r[2],
                         pthread_t thread[2])
{
    uint32_t i;

    for (i = 0; i < 2; i++) {
        fixture_set_reg(f, i, 2, 0x2000);
        fixture_set_reg(f, i, 4, COUNTS);
        r[i].vcpu = f->vcpu[i];
        r[i].done = 0;
        r[i].reason = 0;
        pthread_create(&thread[i], NULL, run_all, &r[i]);
    }
}

static void check_counters(struct fixture *f, struct runner r[2],
                           pthread_t thread[2])
{
    uint64_t sum;
    int i;

    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].reason, DISCO_EXIT_BREAK);
    }
    assert_int_equal(disco_mem_read(f->vm, 0x2000, &sum, 8), 0);
    assert_int_equal(sum, 2 * COUNTS);
}

static void test_migrate_under_load(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    disco_machine_stats s = { .size = sizeof(s) };
    pthread_t thread[2];
    struct runner r[2];
    struct fixture f;
    uint32_t moves = 0;

    (void)state;
    fixture_make(&f, &c, counter, 7);
    run_counters(&f, r, thread);
    while (!both_done(r)) {
        disco_page_migrate(f.vm, 0x2000, ++moves & 1);
        disco_page_migrate(f.vm, 0x0, moves & 1);
    }
    check_counters(&f, r, thread);
    assert_int_equal(disco_machine_stats_get(f.machine, &s), 0);
    assert_true(s.shootdowns > 0);
    fixture_drop(&f);
}

/* DMA to another word of the same line never breaks the count, only SCs. */
static void test_dma_under_load(void **state)
{
    struct fixture_config c = { .vcpus = 2 };
    pthread_t thread[2];
    struct runner r[2];
    struct fixture f;
    uint64_t n = 0, back;

    (void)state;
    fixture_make(&f, &c, counter, 7);
    run_counters(&f, r, thread);
    while (!both_done(r)) {
        n += 0x0101010101010101;
        assert_int_equal(disco_mem_write(f.vm, 0x2008, &n, 8), 0);
        assert_int_equal(disco_mem_read(f.vm, 0x2008, &back, 8), 0);
        assert_true(back == n);
        sched_yield();
    }
    check_counters(&f, r, thread);
    fixture_drop(&f);
}

/*
 * A DMA writer that changes all bytes of a doubleword at once; vCPUs that look
 * for torn values; pins, unpins and migrations on top.
 */
static const uint32_t looker[] = {
    TOY(TOY_LD, 1, 2, 0),   TOY(TOY_ST, 1, 5, 0),    TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_BNE, 3, 4, -3), TOY(TOY_BREAK, 0, 0, 0),
};

static disco_status look(void *opaque, const disco_mmio_access *a,
                         uint64_t value)
{
    uint64_t byte = value & 0xff;

    (void)a;
    if (value != byte * UINT64_C(0x0101010101010101))
        __atomic_add_fetch((uint32_t *)opaque, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void test_everything_at_once(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = look };
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    disco_pin p = { .size = sizeof(p) };
    uint64_t n = 0, bytes[64];
    uint32_t torn = 0, i, j;
    pthread_t thread[2];
    struct runner r[2];
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, looker, 5);
    disco_vm_map_mmio(f.vm, 0x200000, 8, "look", &ops, &torn, NULL);
    for (i = 0; i < 2; i++)
        fixture_set_reg(&f, i, 5, 0x200000);
    run_counters(&f, r, thread);
    for (j = 0; !both_done(r); j++) {
        n = (j & 0xff) * UINT64_C(0x0101010101010101);
        for (i = 0; i < 64; i++)
            bytes[i] = n;
        assert_int_equal(disco_mem_write(f.vm, 0x1f00, bytes, 512), 0);
        disco_page_migrate(f.vm, 0x2000, j & 1);
        if (!disco_mem_pin(f.vm, 0x2000, 8, DISCO_READ | DISCO_WRITE, &p)) {
            assert_int_equal(disco_page_migrate(f.vm, 0x2000, ~j & 1),
                             (j & 1) == (~j & 1) ? 0 : DISCO_E_BUSY);
            assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
        }
    }
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].reason, DISCO_EXIT_BREAK);
    }
    assert_int_equal(torn, 0);
    fixture_drop(&f);
}

/* Two vCPUs give pages back that the other uses: the content may go to zero,
 * but never to something else. */
static const uint32_t releaser[] = {
    TOY(TOY_ADDI, 1, 8, 0), TOY(TOY_CALL, 0, 0, DISCO_HC_RELEASE_PAGE),
    TOY(TOY_ST, 9, 8, 0),   TOY(TOY_LD, 1, 8, 0),
    TOY(TOY_ST, 1, 5, 0),   TOY(TOY_ADDI, 3, 3, 1),
    TOY(TOY_BNE, 3, 4, -6), TOY(TOY_BREAK, 0, 0, 0),
};

static void test_release_from_both(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = look };
    struct fixture_config c = { .vcpus = 2 };
    disco_vm_stats s = { .size = sizeof(s) };
    pthread_t thread[2];
    struct runner r[2];
    struct fixture f;
    uint32_t torn = 0, i;

    (void)state;
    fixture_make(&f, &c, releaser, 8);
    disco_vm_map_mmio(f.vm, 0x200000, 8, "look", &ops, &torn, NULL);
    for (i = 0; i < 2; i++) {
        fixture_set_reg(&f, i, 5, 0x200000);
        fixture_set_reg(&f, i, 8, 0x3000);
        fixture_set_reg(&f, i, 9, (i + 5) * UINT64_C(0x0101010101010101));
    }
    run_counters(&f, r, thread);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].reason, DISCO_EXIT_BREAK);
    }
    assert_int_equal(torn, 0);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_in_range(s.released, COUNTS, 2 * COUNTS);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrate),
        cmocka_unit_test(test_node_full),
        cmocka_unit_test(test_migrate_under_load),
        cmocka_unit_test(test_dma_under_load),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_release_from_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
