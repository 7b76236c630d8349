/*
 * test_llsc.c - load linked and store conditional: one vCPU, two on one thread,
 * and two on two threads that must not lose an update.
 */
#include <pthread.h>

#include "test_cpu.h"

#define LINE LINEMON_LINE_BYTES

static const disco_vcpu_config breaking = { .size = sizeof(breaking),
                                            .break_exit = 1 };

static uint64_t ll(struct host_vcpu *v, uint64_t pa)
{
    SET_GPR(v, 8, KSEG0(pa));
    run_word(v, MEM(LL, 9, 0, 8));
    return GPR(v, 9);
}

/* True when it stored `value`. */
static bool sc(struct host_vcpu *v, uint64_t pa, uint32_t value)
{
    SET_GPR(v, 8, KSEG0(pa));
    SET_GPR(v, 9, value);
    run_word(v, MEM(SC, 9, 0, 8));
    assert_in_range(GPR(v, 9), 0, 1);
    return GPR(v, 9);
}

static void sw(struct host_vcpu *v, uint64_t pa, uint32_t value)
{
    SET_GPR(v, 8, KSEG0(pa));
    SET_GPR(v, 9, value);
    run_word(v, MEM(SW, 9, 0, 8));
}

static void test_one_vcpu(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_put32(v->host, TEST_DATA, 0x80000001);
    assert_int_equal(ll(v, TEST_DATA), UINT64_C(0xffffffff80000001));
    assert_int_equal(host_reg(v, DISCO_REG_LLBIT), 1);
    assert_true(sc(v, TEST_DATA, 5));
    assert_int_equal(host_get32(v->host, TEST_DATA), 5);
    /* Each SC needs its own LL. */
    assert_false(sc(v, TEST_DATA, 6));
    assert_int_equal(host_get32(v->host, TEST_DATA), 5);
    /* Another address. */
    ll(v, TEST_DATA);
    assert_false(sc(v, TEST_DATA + 0x1000, 6));
    assert_false(sc(v, TEST_DATA, 6));
    /* 64 bits. */
    host_put64(v->host, TEST_DATA, UINT64_C(0x123456789abcdef0));
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    run_word(v, MEM(LLD, 9, 0, 8));
    assert_int_equal(GPR(v, 9), UINT64_C(0x123456789abcdef0));
    SET_GPR(v, 9, UINT64_C(0xfedcba9876543210));
    run_word(v, MEM(SCD, 9, 0, 8));
    assert_int_equal(GPR(v, 9), 1);
    assert_int_equal(host_get64(v->host, TEST_DATA),
                     UINT64_C(0xfedcba9876543210));
    finish(v);
}

/* Exceptions and ERET break the link; so does the host's LLBIT = 0. */
static void test_link_is_broken(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    ll(v, TEST_DATA);
    run_word(v, ASM(SYSCALL));
    SET_C0(v, C0_STATUS, TEST_STATUS);
    assert_false(sc(v, TEST_DATA, 6));
    ll(v, TEST_DATA);
    run_word(v, ASM(ERET));
    assert_false(sc(v, TEST_DATA, 6));
    ll(v, TEST_DATA);
    host_set_reg(v, DISCO_REG_LLBIT, 0);
    assert_false(sc(v, TEST_DATA, 6));
    host_set_reg(v, DISCO_REG_LLBIT, 1); /* cannot be made up */
    assert_false(sc(v, TEST_DATA, 6));
    ll(v, TEST_DATA);
    host_set_kind(v->host, TEST_DATA, HOST_RAM); /* the frame moves */
    assert_false(sc(v, TEST_DATA, 6));
    ll(v, TEST_DATA);
    mips_backend_ops.invalidate(v->state, DISCO_DROP_ALL, NULL, 0);
    assert_false(sc(v, TEST_DATA, 6));
    /* A device stores to the line. */
    ll(v, TEST_DATA);
    linemon_store_begin(v->host->lines, v->host->ram + TEST_DATA);
    linemon_store_end(v->host->lines, v->host->ram + TEST_DATA);
    assert_false(sc(v, TEST_DATA, 6));
    finish(v);
}

/* Faults of SC come before its failure. */
static void test_sc_faults_first(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_GPR(v, 8, 0x5000);
    run_word(v, MEM(SC, 9, 0, 8));
    assert_int_equal(exc_code(v), EXC_TLBS);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    run_word(v, MEM(SC, 9, 2, 8));
    assert_int_equal(exc_code(v), EXC_ADES);
    finish(v);
}

static void test_two_vcpus(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu *a = start_in(h, NULL, 2), *b = start_in(h, NULL, 2);

    (void)state;
    SET_PC(b, KSEG0(TEST_CODE));
    /* The first LL of a line shakes hands, the next ones do not. */
    ll(a, TEST_DATA);
    assert_int_equal(h->barriers, 1);
    ll(b, TEST_DATA + 64);
    assert_int_equal(h->barriers, 1);
    /* Both linked: the first SC wins. */
    assert_true(sc(a, TEST_DATA, 1));
    assert_false(sc(b, TEST_DATA, 2));
    assert_int_equal(host_get32(h, TEST_DATA), 1);
    /* A plain store of another in the line; beyond the line. */
    ll(a, TEST_DATA);
    sw(b, TEST_DATA + 4, 1);
    assert_false(sc(a, TEST_DATA, 3));
    ll(a, TEST_DATA);
    sw(b, TEST_DATA + LINE, 1);
    assert_true(sc(a, TEST_DATA, 3));
    /* ABA. */
    ll(a, TEST_DATA);
    sw(b, TEST_DATA, 77);
    sw(b, TEST_DATA, 3);
    assert_false(sc(a, TEST_DATA, 4));
    assert_int_equal(host_get32(h, TEST_DATA), 3);
    /* Own stores elsewhere do not mend it. */
    ll(a, TEST_DATA + LINE);
    ll(a, TEST_DATA);
    sw(b, TEST_DATA, 3);
    sw(a, TEST_DATA + LINE, 1);
    assert_false(sc(a, TEST_DATA, 4));
    ll(a, TEST_DATA);
    sw(b, TEST_DATA, 3);
    sw(a, TEST_DATA + 8, 1);
    assert_false(sc(a, TEST_DATA, 4));
    /* ABA by LL and SC. */
    ll(a, TEST_DATA);
    ll(b, TEST_DATA);
    assert_true(sc(b, TEST_DATA, 77));
    ll(b, TEST_DATA);
    assert_true(sc(b, TEST_DATA, 3));
    assert_false(sc(a, TEST_DATA, 4));
    /* Parts of words, doubles and bytes count too. */
    const uint32_t stores[] = { MEM(SB, 9, 3, 8),   MEM(SH, 9, 2, 8),
                                MEM(SD, 9, 0, 8),   MEM(SWL, 9, 1, 8),
                                MEM(SDR, 9, 3, 8),  MEM(SWC1, 9, 0, 8),
                                MEM(SDC1, 9, 0, 8), RRR(SDXC1, 9, 8, 0) };
    for (unsigned i = 0; i < 8; i++) {
        ll(a, TEST_DATA);
        SET_GPR(b, 8, KSEG0(TEST_DATA));
        run_word(b, stores[i]);
        assert_false(sc(a, TEST_DATA, 4));
    }
    check_invariants(b);
    finish(a);
}

/*
 * Stores to a page that nobody else was shown need not be announced; from the
 * moment that another touches it they are.
 */
static void test_exclusive_page(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu *a = start_in(h, NULL, 2), *b = start_in(h, NULL, 2);

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t pa = TEST_DATA + 0x1000 * (uint64_t)i;

        sw(a, pa, 1);
        check_invariants(a);
        assert_int_equal(ll(a, pa), 1);
        sw(a, pa + 4, 9); /* own stores do not break it */
        assert_true(sc(a, pa, 2));
        /* By a load, a store, a link of the other. */
        if (i & 1)
            ll(b, pa);
        else if (i & 2)
            sw(b, pa + 8, 0);
        ll(b, pa);
        check_invariants(a);
        sw(a, pa, 3);
        assert_false(sc(b, pa, 4));
        ll(a, pa);
        sw(b, pa, 4);
        assert_false(sc(a, pa, 5));
        assert_int_equal(host_get32(h, pa), 4);
        check_invariants(b);
    }
    finish(a);
}

/* --- Two threads
 * ---------------------------------------------------------------- */

enum {
    COUNTER = TEST_DATA,
    LOCK = TEST_DATA + 0x400,
    OWNED = TEST_DATA + 0x800,
    CELL = TEST_DATA + 0xc00,
    GEN = TEST_DATA + 0x1000
};

struct racer {
    struct host_vcpu *v;
    uint64_t until_ns; /* give up then */
};

struct racers {
    struct mips_host *h;
    struct host_vcpu *v[2];
    uint64_t until_ns;
};

static void *race(void *arg)
{
    const struct racer *r = arg;

    /* Short runs: entering and leaving takes part in the handshake. */
    while (host_run(r->v, 5000) == DISCO_EXIT_BUDGET)
        if (host_ns() > r->until_ns)
            break;
    return NULL;
}

static struct racers start_racers(void)
{
    struct racers r = { .h = host_new(TEST_RAM, 2), .until_ns = UINT64_MAX };

    for (unsigned i = 0; i < 2; i++)
        r.v[i] = start_in(r.h, &breaking, 2);
    return r;
}

static void run_racers(struct racers *r, uint64_t pc0, uint64_t pc1)
{
    pthread_t thread[2];
    struct racer racer[2];
    const uint64_t pc[2] = { pc0, pc1 };

    for (unsigned i = 0; i < 2; i++) {
        SET_PC(r->v[i], KSEG0(pc[i]));
        SET_GPR(r->v[i], 4, KSEG0(COUNTER));
        SET_GPR(r->v[i], 5, KSEG0(LOCK));
        SET_GPR(r->v[i], 6, KSEG0(OWNED));
        SET_GPR(r->v[i], 7, KSEG0(CELL));
        SET_GPR(r->v[i], 16, KSEG0(GEN));
    }
    for (unsigned i = 0; i < 2; i++) {
        racer[i] = (struct racer){ r->v[i], r->until_ns };
        assert_int_equal(pthread_create(&thread[i], NULL, race, &racer[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 2 && r->until_ns == UINT64_MAX; i++)
        assert_int_equal(r->v[i]->last.reason, DISCO_EXIT_BREAK);
}

static void put_words(struct mips_host *h, uint64_t pa, const uint32_t *words,
                      unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        host_put32(h, pa + 4 * i, words[i]);
}

enum { ROUNDS = 4000 };

/* A counter by LL and SC, and one under a lock. */
static void test_no_lost_update(void **state)
{
    struct racers r = start_racers();
    const uint32_t code[] = {
        LUI_(2, ROUNDS >> 16),
        RRI(ORI, 2, 2, ROUNDS & 0xffff),
        MEM(LL, 8, 0, 4), /* count */
        RRI(ADDIU, 8, 8, 1),
        MEM(SC, 8, 0, 4),
        BRANCH(BEQL, 8, 0, -4),
        NOP_WORD,
        MEM(LL, 8, 0, 5), /* lock */
        BRANCH(BNE, 8, 0, -2),
        LI(8, 1),
        MEM(SC, 8, 0, 5),
        BRANCH(BEQ, 8, 0, -5),
        NOP_WORD,
        MEM(LW, 9, 0, 6), /* owned */
        RRI(ADDIU, 9, 9, 1),
        MEM(SW, 9, 0, 6),
        MEM(SW, 0, 0, 5), /* unlock: no SYNC on an R10000 */
        RRI(ADDIU, 2, 2, -1),
        BRANCH(BNE, 2, 0, -17),
        NOP_WORD,
        ASM(BREAK),
    };

    (void)state;
    put_words(r.h, TEST_CODE, code, sizeof(code) / 4);
    run_racers(&r, TEST_CODE, TEST_CODE);
    assert_int_equal(host_get32(r.h, COUNTER), 2 * ROUNDS);
    assert_int_equal(host_get32(r.h, OWNED), 2 * ROUNDS);
    assert_int_equal(host_get32(r.h, LOCK), 0);
    assert_true(host_free(r.h));
}

/*
 * One writes A, B, A to the cell and then counts up GEN; the other links the
 * cell, reads GEN twice and stores conditionally.  When GEN moved by two there
 * was a whole A B A in between: SC must have failed.
 */
static void test_aba_fails(void **state)
{
    struct racers r = start_racers();
    const uint32_t writer[] = {
        LUI_(2, ROUNDS >> 16),
        RRI(ORI, 2, 2, ROUNDS & 0xffff),
        MEM(SW, 2, 0, 7),
        MEM(SW, 0, 0, 7),
        RRI(ADDIU, 3, 3, 1),
        MEM(SW, 3, 0, 16),
        RRI(ADDIU, 2, 2, -1),
        BRANCH(BNE, 2, 0, -6),
        NOP_WORD,
        LI(2, 1),
        MEM(SW, 2, 8, 16),
        ASM(BREAK),
    };
    const uint32_t linker[] = {
        MEM(LL, 8, 0, 7),
        MEM(LW, 9, 0, 16),
        LI(10, 30),
        BRANCH(BNE, 10, 0, -1),
        RRI(ADDIU, 10, 10, -1),
        MEM(LW, 11, 0, 16),
        LI(12, 0),
        MEM(SC, 12, 0, 7),
        RRR(SUBU, 11, 11, 9),
        RRI(SLTIU, 11, 11, 2), /* 1: fine */
        RRI(XORI, 11, 11, 1),
        RRR(AND, 13, 12, 11), /* succeeded although GEN moved */
        RRR(ADDU, 20, 20, 13),
        RRR(ADDU, 21, 21, 12),
        RRR(ADDU, 22, 22, 11),
        MEM(LW, 14, 8, 16),
        BRANCH(BEQ, 14, 0, -17),
        NOP_WORD,
        ASM(BREAK),
    };

    (void)state;
    put_words(r.h, TEST_CODE, writer, sizeof(writer) / 4);
    put_words(r.h, TEST_CODE + 0x1000, linker, sizeof(linker) / 4);
    run_racers(&r, TEST_CODE, TEST_CODE + 0x1000);
    assert_int_equal(GPR(r.v[1], 20), 0);
    assert_int_equal(host_get32(r.h, GEN), ROUNDS);
    assert_true(host_free(r.h));
}

/*
 * Strong ordering: x = 1; r = y against y = 1; s = x never gives r = s = 0.
 * Without SYNC: Linux for this CPU uses none.
 */
static void test_store_load_order(void **state)
{
    struct racers r = start_racers();
    /* Rounds meet at a barrier of two flags: mine, the other's. */
    const uint32_t code[] = {
        RRI(ADDIU, 2, 2, 1), /* round */
        MEM(SW, 2, 0, 17),   /* I am in this round */
        MEM(LW, 8, 0, 18),   /* wait for the other */
        RRR(SLT, 8, 8, 2),
        BRANCH(BNE, 8, 0, -3),
        NOP_WORD,
        MEM(SW, 2, 0, 19), /* mine = round */
        MEM(LW, 9, 0, 20), /* the other's */
        MEM(SW, 9, 0, 21), /* what I saw */
        RRI(ADDIU, 21, 21, 4),
        RRI(ADDIU, 3, 3, -1),
        BRANCH(BNE, 3, 0, -12),
        NOP_WORD,
        ASM(BREAK),
    };
    enum { N = 4000, FLAGS = 0x30000, CELLS = 0x31000, SEEN = 0x100000 };
    unsigned both_old = 0;
    uint64_t rounds = N;

    (void)state;
    /* Without a core for each, every round costs a turn of the scheduler. */
    r.until_ns = host_ns() + 1000000000;
    put_words(r.h, TEST_CODE, code, sizeof(code) / 4);
    for (unsigned i = 0; i < 2; i++) {
        SET_GPR(r.v[i], 3, N);
        SET_GPR(r.v[i], 17, KSEG0(FLAGS + 0x200 * i));
        SET_GPR(r.v[i], 18, KSEG0(FLAGS + 0x200 * (1 - i)));
        SET_GPR(r.v[i], 19, KSEG0(CELLS + 0x200 * i));
        SET_GPR(r.v[i], 20, KSEG0(CELLS + 0x200 * (1 - i)));
        SET_GPR(r.v[i], 21, KSEG0(SEEN + 0x10000 * i));
    }
    run_racers(&r, TEST_CODE, TEST_CODE);
    for (unsigned i = 0; i < 2; i++)
        if (N - GPR(r.v[i], 3) < rounds)
            rounds = N - GPR(r.v[i], 3);
    assert_true(rounds > 10);
    for (unsigned n = 0; n < rounds; n++)
        both_old += host_get32(r.h, SEEN + 4 * n) < n + 1 &&
                    host_get32(r.h, SEEN + 0x10000 + 4 * n) < n + 1;
    assert_int_equal(both_old, 0);
    assert_true(host_free(r.h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_vcpu),
        cmocka_unit_test(test_link_is_broken),
        cmocka_unit_test(test_sc_faults_first),
        cmocka_unit_test(test_two_vcpus),
        cmocka_unit_test(test_exclusive_page),
        cmocka_unit_test(test_no_lost_update),
        cmocka_unit_test(test_aba_fails),
        cmocka_unit_test(test_store_load_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
