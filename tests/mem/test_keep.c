/*
 * test_keep.c - kept references: their names follow the frame, and nobody gets
 * a name that is about to change.
 */
#include <pthread.h>
#include <time.h>

#include "core/vm.h"
#include "fixture.h"
#include "mem/keep.h"

struct holder {
    struct mem *mem;
    const struct mfn *keep;
    struct mfn got;
    int done; /* atomic */
};

static void *hold(void *arg)
{
    struct holder *h = arg;

    h->got = keep_hold(h->mem, h->keep);
    __atomic_store_n(&h->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* A kept frame that a VM maps, too. */
static void make(struct fixture *f, struct mfn *keep)
{
    struct fixture_config c = { .nodes = 2 };
    struct mfn mfn;

    fixture_make(f, &c, NULL, 0);
    assert_int_equal(share_create(&f->machine->mem, 0, NULL, &mfn), 0);
    assert_int_equal(
        share_map(&f->vm->pm, pfn_of_gpa(0x4000), mfn, DISCO_KIND_DATA, NULL),
        0);
    keep_set(&f->machine->mem, keep, mfn);
}

static void test_name_follows(void **state)
{
    struct fixture f;
    struct mfn keep, held;

    (void)state;
    make(&f, &keep);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 1), 0);
    assert_int_equal(mfn_node(keep), 1);
    held = keep_hold(&f.machine->mem, &keep);
    assert_int_equal(held.n, keep.n);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 0), DISCO_E_BUSY);
    share_drop(&f.machine->mem, held);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 0), 0);
    keep_drop(&f.machine->mem, &keep);
    fixture_drop(&f);
}

/* While the frame moves, who asks waits for its new name. */
static void test_hold_waits_for_a_move(void **state)
{
    struct timespec moment = { 0, 20000000 };
    struct holder h = { 0 };
    struct frame *frame;
    struct fixture f;
    struct mfn keep;
    pthread_t thread;

    (void)state;
    make(&f, &keep);
    h.mem = &f.machine->mem;
    h.keep = &keep;
    mem_lock(h.mem);
    frame = frame_of(&h.mem->frames, keep);
    frame->is_moving = 1;
    mem_unlock(h.mem);
    pthread_create(&thread, NULL, hold, &h);
    nanosleep(&moment, NULL);
    assert_int_equal(__atomic_load_n(&h.done, __ATOMIC_SEQ_CST), 0);
    mem_lock(h.mem);
    assert_int_equal(frame->holds, 1);
    frame->is_moving = 0;
    mem_unlock(h.mem);
    pthread_join(thread, NULL);
    assert_int_equal(h.got.n, keep.n);
    share_drop(h.mem, h.got);
    keep_drop(h.mem, &keep);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_follows),
        cmocka_unit_test(test_hold_waits_for_a_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
