/*
 * test_frame.c - pools of frames: growth, zeroing, limits, giving chunks back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake_alloc.h"
#include "mem/frame.h"

struct pools {
    struct fake_alloc fake;
    struct alloc alloc;
    struct frames f;
};

static void make(struct pools *p, uint32_t nodes, uint64_t frames)
{
    disco_allocator ops = fake_alloc_ops(&p->fake);

    assert_int_equal(alloc_init(&p->alloc, &ops), 0);
    assert_int_equal(frames_init(&p->f, &p->alloc, nodes, frames), 0);
}

static void drop(struct pools *p)
{
    frames_destroy(&p->f);
    assert_int_equal(p->fake.live, 0);
    assert_int_equal(p->fake.bad_frees, 0);
}

static disco_status take(struct pools *p, uint32_t node, int strict,
                         struct mfn *mfn)
{
    struct chunk_grow g;
    disco_status status;

    while ((status = frame_take(&p->f, node, strict, mfn, &g)) ==
           DISCO_E_STATE) {
        status = chunk_grow_alloc(&p->f, &g);
        if (status)
            return status;
        chunk_grow_install(&p->f, &g);
        chunk_grow_drop(&p->f, &g);
    }
    return status;
}

static void test_all_frames_once(void **state)
{
    enum { FRAMES = 2500 }; /* two chunks and a piece */
    static struct mfn mfn[FRAMES];
    struct pools p;
    struct mfn more;
    int i;

    (void)state;
    make(&p, 1, FRAMES);
    for (i = 0; i < FRAMES; i++) {
        assert_int_equal(take(&p, 0, 0, &mfn[i]), 0);
        assert_true(frame_exists(&p.f, mfn[i]));
        memset(frame_host(&p.f, mfn[i]), i & 0xff, PAGE_BYTES);
    }
    assert_int_equal(take(&p, 0, 0, &more), DISCO_E_NOMEM);
    for (i = 0; i < FRAMES; i++)
        assert_int_equal(frame_host(&p.f, mfn[i])[4095], i & 0xff);
    assert_int_equal(p.f.pool[0].used, FRAMES);
    for (i = 0; i < FRAMES; i += 2)
        frame_give(&p.f, mfn[i]);
    for (i = 0; i < FRAMES; i += 2) {
        assert_int_equal(take(&p, 0, 0, &mfn[i]), 0);
        assert_int_equal(frame_host(&p.f, mfn[i])[0], 0);
        assert_int_equal(frame_host(&p.f, mfn[i])[4095], 0);
    }
    assert_int_equal(take(&p, 0, 0, &more), DISCO_E_NOMEM);
    drop(&p);
}

static void test_fallback(void **state)
{
    struct pools p;
    struct mfn mfn;

    (void)state;
    make(&p, 3, 1);
    assert_int_equal(take(&p, 1, 0, &mfn), 0);
    assert_int_equal(mfn_node(mfn), 1);
    assert_int_equal(take(&p, 1, 1, &mfn), DISCO_E_NOMEM);
    assert_int_equal(take(&p, 1, 0, &mfn), 0);
    assert_int_equal(mfn_node(mfn), 2);
    assert_int_equal(take(&p, 1, 0, &mfn), 0);
    assert_int_equal(mfn_node(mfn), 0);
    assert_int_equal(take(&p, 1, 0, &mfn), DISCO_E_NOMEM);
    drop(&p);
}

static void test_empty_chunks_go_back(void **state)
{
    enum { FRAMES = 4 * CHUNK_FRAMES };
    static struct mfn mfn[FRAMES];
    struct pools p;
    uint64_t peak;
    int i;

    (void)state;
    make(&p, 1, FRAMES);
    for (i = 0; i < FRAMES; i++)
        assert_int_equal(take(&p, 0, 0, &mfn[i]), 0);
    peak = p.fake.live_bytes;
    for (i = 0; i < FRAMES; i++)
        frame_give(&p.f, mfn[i]);
    frame_garbage_drop(&p.f, frame_garbage_take(&p.f));
    assert_true(p.fake.live_bytes < peak / 3); /* one is kept */
    assert_int_equal(p.f.pool[0].present, 1);
    for (i = 0; i < FRAMES; i++)
        assert_int_equal(take(&p, 0, 0, &mfn[i]), 0);
    drop(&p);
}

static void test_foreign(void **state)
{
    static uint8_t host[3 * PAGE_BYTES] __attribute__((aligned(4096)));
    struct chunk_grow g;
    struct pools p;
    uint64_t first, second, third;
    struct mfn mfn;

    (void)state;
    make(&p, 2, 4);
    while (frame_foreign_add(&p.f, host, 3, &first, &g) == DISCO_E_STATE) {
        assert_int_equal(chunk_grow_alloc(&p.f, &g), 0);
        chunk_grow_install(&p.f, &g);
    }
    assert_int_equal(frame_foreign_add(&p.f, host, 3000, &second, &g), 0);
    assert_int_equal(second, first + CHUNK_FRAMES);
    mfn = mfn_make(2, first + 2);
    assert_false(frame_exists(&p.f, mfn)); /* no records yet */
    assert_int_equal(frame_foreign_touch(&p.f, mfn, &g), DISCO_E_STATE);
    assert_int_equal(chunk_grow_alloc(&p.f, &g), 0);
    chunk_grow_install(&p.f, &g);
    assert_int_equal(frame_foreign_touch(&p.f, mfn, &g), 0);
    assert_true(frame_exists(&p.f, mfn));
    assert_ptr_equal(frame_host(&p.f, mfn), host + 2 * PAGE_BYTES);
    frame_foreign_remove(&p.f, first, 3);
    assert_int_equal(frame_foreign_add(&p.f, host, 1024, &third, &g), 0);
    assert_int_equal(third, first); /* the gap is used again */
    assert_int_equal(
        frame_foreign_add(&p.f, host, UINT64_C(1) << 40, &third, &g),
        DISCO_E_NOMEM);
    frame_foreign_remove(&p.f, second, 3000);
    drop(&p);
}

static void test_bad_names(void **state)
{
    struct mfn bad[] = { { UINT64_MAX }, { 5 }, { UINT64_C(3) << 32 } };
    struct pools p;
    struct mfn mfn;
    int i;

    (void)state;
    make(&p, 1, 4);
    assert_int_equal(take(&p, 0, 0, &mfn), 0);
    for (i = 0; i < 3; i++)
        assert_false(frame_exists(&p.f, bad[i]));
    drop(&p);
}

/* Pools of different sizes; a full one's frames come from its neighbours. */
static void test_nearest_node(void **state)
{
    static const uint64_t bytes[3] = { PAGE_BYTES, PAGE_BYTES, PAGE_BYTES * 2 };
    static const uint8_t near[3][4] = { { 0, 2, 1 }, { 1, 0, 2 }, { 2, 1, 0 } };
    static const uint32_t want[] = { 0, 2, 2, 1 };
    struct pools p;
    struct mfn mfn;
    int i;

    (void)state;
    make(&p, 3, 1);
    frames_shape(&p.f, bytes, near[0], 4);
    assert_int_equal(p.f.pool[2].total, 2);
    for (i = 0; i < 4; i++) {
        assert_int_equal(take(&p, 0, 0, &mfn), 0);
        assert_int_equal(mfn_node(mfn), want[i]);
    }
    assert_int_equal(take(&p, 0, 0, &mfn), DISCO_E_NOMEM);
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_frames_once),
        cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_empty_chunks_go_back),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_nearest_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
