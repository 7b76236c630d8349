/*
 * test_moved.c - pages that go away while the CPU waits inside a service call:
 * nothing it knew before may be used before the next poll.
 */
#include "test_cpu.h"

enum { OLD = TEST_DATA, NEW = TEST_DATA + 0x10000, NEXT = TEST_CODE + 0x1000 };

/* The fake monitor's own services, under those of this test. */
static struct {
    uint32_t (*resolve)(void *, uint64_t, uint32_t, disco_backend_page *);
    uint32_t (*poll)(void *);
    uint64_t from;  /* page that moves */
    uint64_t at;    /* ... when code of this page is asked for */
    uint32_t moved; /* 1: not polled yet, 2: polled */
} m;

static uint8_t *host_of(struct host_vcpu *v, uint64_t gpa)
{
    return v->host->ram + gpa;
}

/* The page is copied to NEW and the old frame is somebody else's. */
static void move_now(struct host_vcpu *v)
{
    if (m.moved)
        return;
    memcpy(host_of(v, NEW), host_of(v, m.from), 4096);
    memset(host_of(v, m.from), 0xee, 4096);
    m.moved = 1;
    or_seq(&v->request, DISCO_REQ_INVALIDATE);
}

static uint32_t moving_resolve(void *ctx, uint64_t gpa, uint32_t access,
                               disco_backend_page *page)
{
    struct host_vcpu *v = ctx;
    uint32_t behind;

    if (access == DISCO_EXEC && gpa >> 12 == m.at >> 12)
        move_now(v);
    behind = m.resolve(ctx, gpa, access, page);
    if (m.moved && gpa >> 12 == m.from >> 12)
        page->host = host_of(v, NEW);
    return behind;
}

static void moving_barrier(void *ctx)
{
    move_now(ctx);
}

static uint32_t moving_poll(void *ctx)
{
    struct host_vcpu *v = ctx;

    if (m.moved == 1) {
        mips_backend_ops.invalidate(v->state, DISCO_DROP_FRAME,
                                    host_of(v, m.from),
                                    HOST_FRAME + (m.from >> 12));
        m.moved = 2;
    }
    return m.poll(ctx);
}

static struct host_vcpu *start_moving(uint64_t from, uint64_t at)
{
    static const disco_vcpu_config c = { .size = sizeof(c), .break_exit = 1 };
    struct host_vcpu *v = start_in(host_new(TEST_RAM, 1), &c, 2);

    memset(&m, 0, sizeof(m));
    m.resolve = v->cb.resolve;
    m.poll = v->cb.poll;
    m.from = from;
    m.at = at;
    v->cb.resolve = moving_resolve;
    v->cb.poll = moving_poll;
    v->cb.barrier = moving_barrier;
    SET_GPR(v, 8, KSEG0(from));
    return v;
}

static void drop(struct host_vcpu *v)
{
    assert_int_equal(m.moved, 2);
    assert_true(host_free(v->host));
}

/* A data page moves while the next page of code is looked up. */
static void test_store_after_fetch(void **state)
{
    struct host_vcpu *v = start_moving(OLD, NEXT);

    (void)state;
    HOST_CODE(v->host, NEXT - 4, MEM(SW, 9, 0, 8), MEM(SW, 10, 4, 8),
              ASM(BREAK));
    SET_PC(v, KSEG0(NEXT - 4));
    SET_GPR(v, 9, 9);
    SET_GPR(v, 10, 10);
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(host_get32(v->host, NEW), 9);
    assert_int_equal(host_get32(v->host, NEW + 4), 10);
    assert_int_equal(host_get32(v->host, OLD + 4), 0xeeeeeeee);
    drop(v);
}

/* The same in a delay slot that lies on the other page. */
static void test_store_in_slot_after_fetch(void **state)
{
    struct host_vcpu *v = start_moving(OLD, NEXT);

    (void)state;
    HOST_CODE(v->host, NEXT - 8, MEM(SW, 9, 0, 8), BRANCH(BEQ, 0, 0, 2),
              MEM(SW, 10, 4, 8), NOP_WORD, ASM(BREAK));
    SET_PC(v, KSEG0(NEXT - 8));
    SET_GPR(v, 9, 9);
    SET_GPR(v, 10, 10);
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(PC(v), KSEG0(NEXT + 8));
    assert_int_equal(host_get32(v->host, NEW + 4), 10);
    assert_int_equal(host_get32(v->host, OLD + 4), 0xeeeeeeee);
    drop(v);
}

/* A page of code moves while it is looked up: what was decoded is old. */
static void test_code_after_fetch(void **state)
{
    struct host_vcpu *v = start_moving(NEXT, 0);

    (void)state;
    HOST_CODE(v->host, NEXT, LI(9, 1), ASM(BREAK), LI(9, 2), ASM(BREAK));
    SET_PC(v, KSEG0(NEXT));
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    m.at = NEXT;
    mips_tables_flush(v->state); /* the decoded page stays */
    SET_PC(v, KSEG0(NEXT + 8));
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(GPR(v, 9), 2);
    drop(v);
}

/* The line moves while its first LL shakes hands. */
static void test_line_moves(void **state)
{
    struct host_vcpu *v = start_moving(OLD, 0);

    (void)state;
    host_put32(v->host, OLD, 77);
    HOST_CODE(v->host, TEST_CODE, MEM(LL, 9, 0, 8), RRI(ADDIU, 10, 9, 1),
              MEM(SC, 10, 0, 8), ASM(BREAK));
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(GPR(v, 9), 77);
    if (GPR(v, 10))
        assert_int_equal(host_get32(v->host, NEW), 78);
    assert_int_equal(host_get32(v->host, OLD), 0xeeeeeeee);
    drop(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_after_fetch),
        cmocka_unit_test(test_store_in_slot_after_fetch),
        cmocka_unit_test(test_code_after_fetch),
        cmocka_unit_test(test_line_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
