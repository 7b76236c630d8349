/*
 * test_cache.c - the block cache by itself: who fills, who waits, what goes.
 */
#include <string.h>

#include "core/machine.h"
#include "fake_alloc.h"
#include "fixture.h"
#include "mem/cache.h"

struct setting {
    disco_machine *machine;
    struct cache cache;
    struct mem *mem;
};

static void make(struct setting *s, uint32_t nodes, uint64_t limit)
{
    disco_machine_config c = { .size = sizeof(c) };

    c.nodes = nodes;
    c.node_bytes = 64 * 4096;
    assert_int_equal(disco_machine_create(&c, &s->machine, NULL), 0);
    s->mem = &s->machine->mem;
    assert_int_equal(cache_init(&s->cache, s->mem, limit), 0);
}

static void drop(struct setting *s)
{
    assert_int_equal(cache_verify(&s->cache), 0);
    cache_destroy(&s->cache);
    assert_int_equal(disco_machine_verify(s->machine), 0);
    assert_int_equal(s->mem->frames.pool[0].used, 0);
    assert_int_equal(disco_machine_destroy(s->machine), 0);
}

static struct tree_key key_of(uint64_t image, uint64_t block)
{
    struct tree_key key = { image, block };

    return key;
}

/* Bring a block that is not there; its frame, without a reference. */
static struct mfn bring(struct setting *s, uint64_t image, uint64_t block,
                        uint32_t node)
{
    uint8_t data[4096];
    struct cache_entry *entry;
    struct mfn mfn;

    memset(data, (int)block, sizeof(data));
    assert_int_equal(
        cache_get(&s->cache, key_of(image, block), NULL, &entry, &mfn),
        CACHE_FILL);
    assert_int_equal(cache_publish(&s->cache, entry, node, data, &mfn), 0);
    share_drop(s->mem, mfn);
    return mfn;
}

static int is_there(struct setting *s, uint64_t image, uint64_t block)
{
    struct cache_entry *entry;
    struct mfn mfn;

    if (cache_get(&s->cache, key_of(image, block), NULL, &entry, &mfn) ==
        CACHE_FILL) {
        cache_fail(&s->cache, entry, DISCO_E_IO);
        return 0;
    }
    assert_int_equal(*share_bytes(s->mem, mfn), (uint8_t)block);
    share_drop(s->mem, mfn);
    return 1;
}

struct waiter {
    struct cache_wait wait;
    uint32_t calls;
    disco_status status;
    struct mfn mfn;
};

static void waited(struct cache_wait *wait, disco_status status, struct mfn mfn)
{
    struct waiter *w = (struct waiter *)(void *)wait;

    w->calls++;
    w->status = status;
    w->mfn = mfn;
}

static void one_fills_others_wait(void **state)
{
    struct waiter w[3] = { { .wait = { .done = waited } },
                           { .wait = { .done = waited } },
                           { .wait = { .done = waited } } };
    struct cache_entry *entry, *none;
    struct setting s;
    struct mfn mfn;
    uint32_t i;

    (void)state;
    make(&s, 1, 16);
    assert_int_equal(
        cache_get(&s.cache, key_of(1, 7), &w[0].wait, &entry, &mfn),
        CACHE_FILL);
    for (i = 0; i < 3; i++)
        assert_int_equal(
            cache_get(&s.cache, key_of(1, 7), &w[i].wait, &none, &mfn),
            CACHE_WAIT);
    assert_int_equal(cache_get(&s.cache, key_of(1, 7), NULL, &none, &mfn),
                     CACHE_WAIT);
    assert_int_equal(cache_publish(&s.cache, entry, 0, NULL, &mfn), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(w[i].calls, 1);
        assert_int_equal(w[i].status, 0);
        assert_int_equal(w[i].mfn.n, mfn.n);
        share_drop(s.mem, mfn);
    }
    share_drop(s.mem, mfn);
    /* And when it fails. */
    assert_int_equal(cache_get(&s.cache, key_of(1, 8), NULL, &entry, &mfn),
                     CACHE_FILL);
    cache_get(&s.cache, key_of(1, 8), &w[0].wait, &none, &mfn);
    cache_fail(&s.cache, entry, DISCO_E_IO);
    assert_int_equal(w[0].calls, 2);
    assert_int_equal(w[0].status, DISCO_E_IO);
    assert_int_equal(s.cache.stats.misses, 2);
    assert_int_equal(s.cache.stats.waits, 4);
    drop(&s);
}

/* What is dropped while it is filled reaches who waits, and nobody later. */
static void dropped_on_its_way(void **state)
{
    struct waiter w = { .wait = { .done = waited } };
    struct cache_entry *entry, *other;
    struct setting s;
    struct mfn mfn;

    (void)state;
    make(&s, 1, 16);
    cache_get(&s.cache, key_of(1, 7), NULL, &entry, &mfn);
    cache_get(&s.cache, key_of(1, 7), &w.wait, &other, &mfn);
    cache_drop(&s.cache, 1, 0, UINT64_MAX);
    assert_int_equal(cache_get(&s.cache, key_of(1, 7), NULL, &other, &mfn),
                     CACHE_FILL);
    assert_int_equal(cache_publish(&s.cache, entry, 0, NULL, &mfn), 0);
    share_drop(s.mem, mfn);
    assert_int_equal(w.calls, 1);
    share_drop(s.mem, w.mfn);
    assert_int_equal(s.cache.ready, 0);
    cache_fail(&s.cache, other, DISCO_E_IO);
    drop(&s);
}

static void ranges_are_dropped(void **state)
{
    struct setting s;
    uint64_t i;

    (void)state;
    make(&s, 1, 64);
    for (i = 0; i < 10; i++) {
        bring(&s, 1, i, 0);
        bring(&s, 2, i, 0);
    }
    cache_drop(&s.cache, 1, 3, 5);
    for (i = 0; i < 10; i++) {
        assert_int_equal(is_there(&s, 1, i), i < 3 || i > 5);
        assert_int_equal(is_there(&s, 2, i), 1);
    }
    cache_drop(&s.cache, 2, 0, UINT64_MAX);
    assert_int_equal(s.cache.ready, 7);
    drop(&s);
}

static void the_unused_go_first(void **state)
{
    struct cache_entry *entry;
    struct mfn held, mfn;
    struct setting s;
    uint64_t i;

    (void)state;
    make(&s, 1, 8);
    for (i = 0; i < 8; i++)
        bring(&s, 1, i, 0);
    assert_int_equal(s.cache.stats.evictions, 0);
    /* 0 is used again, 1 is held by somebody. */
    assert_int_equal(is_there(&s, 1, 0), 1);
    assert_int_equal(cache_get(&s.cache, key_of(1, 1), NULL, &entry, &held),
                     CACHE_HIT);
    for (i = 8; i < 13; i++)
        bring(&s, 1, i, 0);
    assert_int_equal(s.cache.ready, 8);
    assert_int_equal(is_there(&s, 1, 0), 1);
    assert_int_equal(cache_get(&s.cache, key_of(1, 1), NULL, &entry, &mfn),
                     CACHE_HIT);
    assert_int_equal(mfn.n, held.n);
    assert_int_equal(is_there(&s, 1, 2), 0);
    share_drop(s.mem, held);
    share_drop(s.mem, mfn);
    drop(&s);
}

static void frames_are_given_back_by_node(void **state)
{
    struct setting s;
    uint64_t i;

    (void)state;
    make(&s, 2, 128);
    for (i = 0; i < 60; i++)
        assert_int_equal(mfn_node(bring(&s, 1, i, i % 2)), i % 2);
    assert_int_equal(cache_give_back(&s.cache, 1, 1), 30);
    assert_int_equal(s.mem->frames.pool[1].used, 0);
    assert_int_equal(s.mem->frames.pool[0].used, 30);
    assert_int_equal(cache_give_back(&s.cache, 1, 1), 30);
    assert_int_equal(cache_give_back(&s.cache, 0, 1), 0);
    drop(&s);
}

/* A cached frame moves, and the cache finds it where it is. */
static void frames_move(void **state)
{
    disco_page_info info = { .size = sizeof(info) };
    struct cache_entry *entry;
    struct setting s;
    struct mfn mfn;
    disco_vm *vm;

    (void)state;
    make(&s, 2, 128);
    bring(&s, 1, 5, 0);
    assert_int_equal(disco_vm_create(s.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 4096, NULL), 0);
    assert_int_equal(cache_get(&s.cache, key_of(1, 5), NULL, &entry, &mfn),
                     CACHE_HIT);
    assert_int_equal(disco_page_map(vm, 0, (disco_page){ mfn.n + 1 }), 0);
    share_drop(s.mem, mfn);
    assert_int_equal(disco_page_migrate(vm, 0, 1), 0);
    assert_int_equal(cache_get(&s.cache, key_of(1, 5), NULL, &entry, &mfn),
                     CACHE_HIT);
    assert_int_equal(disco_page_info_get(vm, 0, &info), 0);
    assert_int_equal(info.node, 1);
    assert_int_equal(info.mfn, mfn.n);
    share_drop(s.mem, mfn);
    assert_int_equal(cache_give_back(&s.cache, 1, 1), 0); /* it is mapped */
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(cache_give_back(&s.cache, 1, 1), 1);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_fills_others_wait),
        cmocka_unit_test(dropped_on_its_way),
        cmocka_unit_test(ranges_are_dropped),
        cmocka_unit_test(the_unused_go_first),
        cmocka_unit_test(frames_are_given_back_by_node),
        cmocka_unit_test(frames_move),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
