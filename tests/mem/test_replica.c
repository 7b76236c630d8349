/*
 * test_replica.c - replicate, read near, collapse on write, drop when short.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "core/vcpu.h"
#include "fixture.h"
#include "mem/move.h"

enum { PAGE = 4096 };

static disco_page_info info(disco_vm *vm, uint64_t gpa)
{
    disco_page_info i = { .size = sizeof(i) };

    assert_int_equal(disco_page_info_get(vm, gpa, &i), 0);
    return i;
}

static disco_move_stats stats(struct fixture *f)
{
    disco_move_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_move_stats_get(f->machine, &s), 0);
    return s;
}

static void test_states(void **state)
{
    struct fixture_config c = { .nodes = 4 };
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 1), DISCO_E_NOENT);
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "x", 1), 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 0), DISCO_E_RANGE);
    assert_int_equal(disco_page_collapse(f.vm, 0x1000), DISCO_E_RANGE);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 1), 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 1), DISCO_E_RANGE);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 3), 0);
    assert_int_equal(info(f.vm, 0x1000).copies, 0xb);
    assert_int_equal(stats(&f).replicas, 2);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "y", 1), 0);
    assert_int_equal(info(f.vm, 0x1000).copies, 0);
    assert_int_equal(info(f.vm, 0x1000).flags,
                     DISCO_PAGE_PRESENT | DISCO_PAGE_WRITABLE);
    assert_int_equal(stats(&f).replicas, 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 2), 0);
    assert_int_equal(disco_page_collapse(f.vm, 0x1000), 0);
    /* A move takes the copies along: they go. */
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 2), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x1000, 3), 0);
    assert_int_equal(info(f.vm, 0x1000).node, 3);
    assert_int_equal(stats(&f).replicas, 0);
    assert_int_equal(stats(&f).migrate.count, 1);
    assert_int_equal(stats(&f).replicate.count, 4);
    assert_int_equal(stats(&f).collapse.count, 2);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    fixture_drop(&f);
}

static const uint32_t reader[] = {
    TOY(TOY_LD, 1, 2, 0),
    TOY(TOY_BREAK, 0, 0, 0),
};

static uint64_t read_on(struct fixture *f, uint32_t vcpu, uint32_t cpu)
{
    disco_exit e = { .size = sizeof(e) };

    fixture_set_pc(f->vcpu[vcpu], 0);
    fixture_set_reg(f, vcpu, 2, 0x1000);
    assert_int_equal(disco_vcpu_run(f->vcpu[vcpu], cpu, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    return fixture_reg(f, vcpu, 1);
}

/* Each vCPU reads the copy of the node it runs on: seen by spoiling one. */
static void test_reads_are_near(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    struct physmap *pm;
    struct fixture f;
    struct mfn copy;
    uint64_t entry;

    (void)state;
    fixture_make(&f, &c, reader, 2);
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "\0\0\0\0\0\0\0\0", 8), 0);
    assert_int_equal(read_on(&f, 0, 0), 0);
    assert_int_equal(read_on(&f, 1, 2), 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 1), 0);
    pm = &f.vm->pm;
    entry = physmap_entry(pm, pfn_of_gpa(0x1000));
    copy = replica_near(pm->mem, entry_mfn(entry), 1);
    assert_int_equal(mfn_node(copy), 1);
    memset(frame_host(&pm->mem->frames, copy), 0x55, 8);
    assert_int_equal(read_on(&f, 0, 0), 0);
    assert_true(read_on(&f, 1, 2) == UINT64_C(0x5555555555555555));
    assert_int_equal(read_on(&f, 1, 1), 0); /* went to node 0 */
    assert_true(read_on(&f, 1, 3) == UINT64_C(0x5555555555555555));
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "\1\1\1\1\1\1\1\1", 8), 0);
    assert_true(read_on(&f, 0, 0) == UINT64_C(0x0101010101010101));
    assert_true(read_on(&f, 1, 2) == UINT64_C(0x0101010101010101));
    fixture_drop(&f);
}

/* Shared by two VMs and replicated: a writer leaves, the others keep both. */
static void test_shared_and_replicated(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    struct fixture f;
    disco_page page;
    disco_vm *vm;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_vm_create(f.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "x", 1), 0);
    assert_int_equal(disco_page_take(f.vm, 0x1000, &page), 0);
    assert_int_equal(disco_page_map(vm, 0x2000, page), 0);
    assert_int_equal(disco_page_replicate(vm, 0x2000, 1), 0);
    assert_int_equal(disco_page_map(vm, 0x3000, page), 0);
    assert_int_equal(disco_page_migrate(vm, 0x2000, 1), DISCO_E_BUSY);
    assert_int_equal(info(vm, 0x3000).copies, 3);
    assert_int_equal(info(f.vm, 0x1000).copies, 3);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_mem_write(vm, 0x2000, "y", 1), 0);
    assert_int_equal(info(f.vm, 0x1000).copies, 3);
    assert_int_equal(info(vm, 0x2000).copies, 0);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_page_migrate(vm, 0x3000, 1), 0);
    assert_int_equal(info(f.vm, 0x1000).node, 1);
    assert_int_equal(info(f.vm, 0x1000).mfn, info(vm, 0x3000).mfn);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

/* Copies are the first to go when a node is full. */
static void test_dropped_when_short(void **state)
{
    struct fixture_config c = { .nodes = 2, .node_bytes = 4 * PAGE };
    struct fixture f;
    uint32_t i;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    for (i = 0; i < 4; i++) {
        assert_int_equal(disco_mem_write(f.vm, i * PAGE, "x", 1), 0);
        assert_int_equal(disco_page_replicate(f.vm, i * PAGE, 1), 0);
    }
    assert_int_equal(stats(&f).replicas, 4);
    for (i = 4; i < 8; i++)
        assert_int_equal(disco_mem_write(f.vm, i * PAGE, "x", 1), 0);
    assert_int_equal(stats(&f).replicas, 0);
    assert_int_equal(disco_mem_write(f.vm, 8 * PAGE, "x", 1), DISCO_E_NOMEM);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    fixture_drop(&f);
}

static int is_replicated(struct fixture *f, uint32_t page)
{
    return (info(f->vm, page * PAGE).flags & DISCO_PAGE_REPLICATED) != 0;
}

/* The oldest go first; one that cannot go gets into nobody's way. */
static void test_oldest_first(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    struct physmap *pm;
    struct fixture f;
    uint32_t i;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    pm = &f.vm->pm;
    for (i = 0; i < 6; i++) {
        assert_int_equal(disco_mem_write(f.vm, i * PAGE, "x", 1), 0);
        assert_int_equal(disco_page_replicate(f.vm, i * PAGE, 1), 0);
    }
    mem_lock(pm->mem);
    map_page(pm, pfn_of_gpa(0))->busy++;
    assert_int_equal(replicas_drop(pm->mem, 2), 2);
    map_page(pm, pfn_of_gpa(0))->busy--;
    mem_unlock(pm->mem);
    for (i = 0; i < 6; i++)
        assert_int_equal(is_replicated(&f, i), i == 0 || i > 2);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    mem_lock(pm->mem);
    assert_int_equal(replicas_drop(pm->mem, 3), 3);
    mem_unlock(pm->mem);
    assert_true(is_replicated(&f, 0)); /* it counts as the newest now */
    assert_int_equal(disco_machine_verify(f.machine), 0);
    fixture_drop(&f);
}

/*
 * Two collapse the same page; the second gets on when the first is done and the
 * page is written again: its rights stay.
 */
struct late {
    struct fixture *f;
    disco_status status;
};

static void *collapse_late(void *arg)
{
    struct late *l = arg;

    l->status = disco_page_collapse(l->f->vm, 0x1000);
    return NULL;
}

/* Until the other thread waits for the page, which is busy.  Lock held. */
static void let_it_wait(struct mem *mem)
{
    while (!mem->moves) {
        mem_unlock(mem);
        sched_yield();
        mem_lock(mem);
    }
}

static void test_second_collapse_is_late(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2 };
    struct pfn pfn = pfn_of_gpa(0x1000);
    struct late late = { NULL, 1 };
    struct frame *frame;
    struct physmap *pm;
    pthread_t thread;
    struct fixture f;
    uint64_t entry;

    (void)state;
    fixture_make(&f, &c, reader, 2);
    late.f = &f;
    pm = &f.vm->pm;
    assert_int_equal(disco_mem_write(f.vm, 0x1000, "x", 1), 0);
    assert_int_equal(disco_page_replicate(f.vm, 0x1000, 1), 0);
    mem_lock(pm->mem);
    map_page(pm, pfn)->busy++;
    pthread_create(&thread, NULL, collapse_late, &late);
    let_it_wait(pm->mem);
    entry = physmap_entry(pm, pfn);
    frame = entry_frame(pm, entry);
    frame_drop_copies(pm->mem, frame);
    frame_settle(pm->mem, frame, entry_mfn(entry), MAP_COW, 0);
    assert_int_equal(page_unshare(pm, pfn, 0, NULL, &entry), 0);
    map_page(pm, pfn)->busy--;
    mem_unlock(pm->mem);
    pthread_join(thread, NULL);
    assert_int_equal(late.status, 0);
    assert_int_equal(info(f.vm, 0x1000).flags,
                     DISCO_PAGE_PRESENT | DISCO_PAGE_WRITABLE);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_reads_are_near),
        cmocka_unit_test(test_shared_and_replicated),
        cmocka_unit_test(test_dropped_when_short),
        cmocka_unit_test(test_oldest_first),
        cmocka_unit_test(test_second_collapse_is_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
