/*
 * test_cp0.c - what every CP0 register keeps of a write, Count and Compare,
 * performance counters, watchpoint, Random.
 */
#include "test_cpu.h"

#define U64(v) UINT64_C(v)
#define ONES   UINT64_MAX
#define SX(v)  ((uint64_t)(int64_t)(int32_t)(v))

static uint64_t dmfc0(struct host_vcpu *v, unsigned reg)
{
    run_word(v, CP0(DMFC0, 8, reg));
    return GPR(v, 8);
}

static uint64_t mfc0(struct host_vcpu *v, unsigned reg)
{
    run_word(v, CP0(MFC0, 8, reg));
    return GPR(v, 8);
}

static void dmtc0(struct host_vcpu *v, unsigned reg, uint64_t value)
{
    SET_GPR(v, 9, value);
    run_word(v, CP0(DMTC0, 9, reg));
}

static void mtc0(struct host_vcpu *v, unsigned reg, uint64_t value)
{
    SET_GPR(v, 9, value);
    run_word(v, CP0(MTC0, 9, reg));
}

/* --- Masks
 * ---------------------------------------------------------------------- */

/* After a write of ones and of zeroes by DMTC0, what DMFC0 reads. */
struct mask_case {
    unsigned reg;
    uint64_t ones, zeroes;
};

static const struct mask_case masks[] = {
    { C0_INDEX, 0x3f, 0 },
    { C0_ENTRYLO0, U64(0xc0000003ffffffff), 0 },
    { C0_ENTRYLO1, U64(0xc0000003ffffffff), 0 },
    { C0_CONTEXT, U64(0xffffffffff800000), 0 },
    { C0_PAGEMASK, 0x01ffe000, 0 },
    { C0_WIRED, 0x3f, 0 },
    { 7, 0, 0 },
    { C0_BADVADDR, 0, 0 },
    { C0_ENTRYHI, U64(0xc0000fffffffe0ff), 0 },
    { C0_COMPARE, SX(0xffffffff), 0 },
    { C0_EPC, ONES, 0 },
    { C0_PRID, 0x934, 0x934 },
    { C0_CONFIG, 0x6c01a007, 0x6c01a000 },
    { C0_LLADDR, SX(0xffffffff), 0 },
    { C0_WATCHLO, SX(0xfffffffb), 0 },
    { C0_WATCHHI, 0xff, 0 },
    { C0_XCONTEXT, U64(0xffffffe000000000), 0 },
    { C0_FRAMEMASK, 0xffff, 0 },
    { C0_DIAG, ONES, 0 },
    { 23, 0, 0 },
    { 24, 0, 0 },
    { C0_ECC, 0x3ff, 0 },
    { C0_CACHEERR, 0, 0 },
    { C0_TAGLO, SX(0xffffffff), 0 },
    { C0_TAGHI, SX(0xffffffff), 0 },
    { C0_ERROREPC, ONES, 0 },
    { 31, 0, 0 },
};

static void test_masks(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        const struct mask_case *c = &masks[i];

        dmtc0(v, c->reg, ONES);
        assert_int_equal(dmfc0(v, c->reg), c->ones);
        assert_int_equal(mfc0(v, c->reg), SX(c->ones));
        dmtc0(v, c->reg, 0);
        assert_int_equal(dmfc0(v, c->reg), c->zeroes);
        /* MTC0 takes 32 bits, sign-extended. */
        mtc0(v, c->reg, U64(0x123456780f0f0f0f));
        if (c->zeroes == 0)
            assert_int_equal(dmfc0(v, c->reg), 0x0f0f0f0f & c->ones);
        dmtc0(v, c->reg, 0);
    }
    finish(v);
}

static void test_status_bits(void **state)
{
    struct host_vcpu *v = start();
    uint32_t writable = 0xf65dffff;

    (void)state;
    dmtc0(v, C0_STATUS, SX(0xffffffff));
    assert_int_equal(C0(v, C0_STATUS), writable);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    for (unsigned bit = 0; bit < 32; bit++) {
        SET_GPR(v, 9, U64(1) << bit);
        SET_C0(v, C0_STATUS, TEST_STATUS);
        run_word(v, CP0(MTC0, 9, C0_STATUS));
        assert_int_equal(C0(v, C0_STATUS), (U64(1) << bit) & writable);
    }
    finish(v);
}

static void test_cause_bits(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    dmtc0(v, C0_CAUSE, ONES);
    assert_int_equal(dmfc0(v, C0_CAUSE), 0x300);
    mips_backend_ops.set_irq(v->state, 0, 1);
    mips_backend_ops.set_irq(v->state, 4, 1);
    assert_int_equal(dmfc0(v, C0_CAUSE), 0x300 | 0x400 | 0x4000);
    dmtc0(v, C0_CAUSE, 0);
    assert_int_equal(dmfc0(v, C0_CAUSE), 0x400 | 0x4000);
    finish(v);
}

/* The models: PRId, Config with the CPU's number and byte order. */
static void test_models(void **state)
{
    const struct {
        const char *name;
        uint32_t prid;
        unsigned counters;
    } models[] = { { "R10000", 0x934, 2 },
                   { "R12000", 0xe23, 4 },
                   { "R14000", 0xf12, 4 } };
    disco_vcpu_config config = { .size = sizeof(config) };
    disco_error err = { .size = sizeof(err) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct mips_host *h = host_new(TEST_RAM, 1);
        struct host_vcpu *v;

        config.model = models[i].name;
        config.order = DISCO_LITTLE;
        v = start_in(h, &config, 3);
        assert_int_equal(C0(v, C0_CONFIG), 0x6c012002);
        h->big = true;
        config.order = DISCO_BIG;
        v = start_in(h, &config, 3);
        v = start_in(h, &config, 3);
        assert_int_equal(C0(v, C0_CONFIG), 0x6c01a012);
        assert_int_equal(C0(v, C0_PRID), models[i].prid);
        for (unsigned n = 0; n < 4; n++) {
            uint64_t id = DISCO_REG(DISCO_REG_CLASS_PERF, 2 * n + 1);

            host_set_reg(v, id, 5);
            assert_int_equal(host_reg(v, id), n < models[i].counters ? 5 : 0);
        }
        finish(v);
    }
    config.model = "R99";
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu dummy = { .host = h };
    disco_backend_host cb = { .size = sizeof(cb), .ctx = &dummy };
    void *cpu;

    assert_int_equal(mips_backend_ops.create(&cb, &config, &cpu, &err),
                     DISCO_E_NOENT);
    assert_true(err.text[0] != 0);
    host_free(h);
}

static void test_bad_configs(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    const disco_vcpu_config bad[] = {
        { .mode = 2 },
        { .l2tlb = 3 },
        { .order = 3 },
        { .fp = 2 },
        { .l2tlb_entries = 63 },
        { .l2tlb_entries = 96 },
        { .l2tlb_entries = 131072 },
    };
    struct host_vcpu dummy = { .host = h };
    disco_backend_host cb = { .size = sizeof(cb), .ctx = &dummy };
    void *cpu;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        disco_error err = { .size = sizeof(err) };

        assert_int_equal(mips_backend_ops.create(&cb, &bad[i], &cpu, &err),
                         DISCO_E_INVAL);
        assert_int_equal(err.status, DISCO_E_INVAL);
        assert_true(err.text[0] != 0);
    }
    host_free(h);
}

/* Every allocation may fail; nothing leaks. */
static void test_allocation_failures(void **state)
{
    const disco_vcpu_config config = { .size = sizeof(config),
                                       .mode = DISCO_MODE_DISCO };
    long n = 1;

    (void)state;
    for (;; n++) {
        struct mips_host *h = host_new(TEST_RAM, 1);
        struct host_vcpu *v;

        h->fail_in = n;
        v = host_vcpu(h, &config, 1);
        if (!v) {
            assert_true(host_free(h));
            continue;
        }
        /* Creation is through: the next one is a page of code.  What the JIT
         * has no memory for is interpreted. */
        SET_PC(v, KSEG0(TEST_CODE));
        if (h->fail_in == 0)
            h->fail_in = 1;
        if (HOST_ENGINE == DISCO_ENGINE_INTERP) {
            assert_int_equal(host_run(v, 10), DISCO_EXIT_NO_MEMORY);
            assert_int_equal(PC(v), KSEG0(TEST_CODE));
            assert_int_equal(host_reg(v, DISCO_REG_INSNS), 0);
        }
        run_exactly(v, 10);
        finish(v);
        break;
    }
    assert_true(n > 3);
}

/* --- Random
 * ------------------------------------------------------------------------*/

static void test_random(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned wired = 0; wired < 64; wired += 9) {
        uint64_t last = 0;

        mtc0(v, C0_WIRED, wired);
        assert_int_equal(C0(v, C0_RANDOM), 63);
        for (unsigned i = 0; i < 200; i++) {
            uint64_t now = mfc0(v, C0_RANDOM);

            assert_in_range(now, wired, 63);
            if (i)
                assert_int_equal(now, last == wired ? 63 : last - 1);
            last = now;
        }
    }
    mtc0(v, C0_RANDOM, 5); /* read-only */
    mtc0(v, C0_WIRED, 0);
    assert_int_equal(mfc0(v, C0_RANDOM), 62);
    finish(v);
}

/* --- Time
 * ------------------------------------------------------------------------------*/

static void test_count(void **state)
{
    struct host_vcpu *v = start();
    uint64_t first, cycles;

    (void)state;
    HOST_CODE(v->host, TEST_CODE, CP0(MFC0, 8, C0_COUNT), NOP_WORD, NOP_WORD,
              CP0(MFC0, 9, C0_COUNT), CP0(MTC0, 10, C0_COUNT), NOP_WORD,
              CP0(MFC0, 11, C0_COUNT));
    SET_GPR(v, 10, 0xfffffffe);
    run_exactly(v, 7);
    first = GPR(v, 8);
    assert_in_range(GPR(v, 9) - first, 1, 2);
    assert_int_equal(GPR(v, 11), SX(0xffffffff));
    /* Half the clock, whatever the clock did before. */
    cycles = mips_backend_ops.cycles(v->state);
    first = C0(v, C0_COUNT);
    mips_backend_ops.set_cycles(v->state, cycles + 1000000);
    assert_int_equal(mips_backend_ops.cycles(v->state), cycles + 1000000);
    assert_int_equal((uint32_t)(C0(v, C0_COUNT) - first), 500000);
    mips_backend_ops.set_cycles(v->state, 5); /* never back */
    assert_int_equal(mips_backend_ops.cycles(v->state), cycles + 1000000);
    finish(v);
}

/* The VM's clock: what one vCPU was told, no other reads below. */
static void test_count_is_the_vms(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu *a = start_in(h, NULL, 2), *b = start_in(h, NULL, 2);
    uint64_t seen = 0;

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct host_vcpu *v = i % 3 ? a : b;
        uint64_t now = mfc0(v, C0_COUNT);

        assert_true(now >= seen);
        seen = now;
    }
    finish(a);
}

/* IP7 rises with the instruction that makes Count equal to Compare. */
static void test_compare_exact(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    /* Busy: without the increment it would be idle. */
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, -1), RRI(ADDIU, 8, 8, 1));
    HOST_CODE(v->host, 0x180, BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    for (unsigned ahead = 1; ahead < 60; ahead++) {
        uint64_t cycles = mips_backend_ops.cycles(v->state), due;

        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x8000);
        SET_PC(v, KSEG0(TEST_CODE));
        SET_C0(v, C0_COMPARE, (uint32_t)C0(v, C0_COUNT) + ahead);
        assert_false(C0(v, C0_CAUSE) & 0x8000);
        due = (cycles / 2 + ahead) * 2;
        assert_int_equal(mips_backend_ops.next_timer_cycles(v->state), due);
        run_exactly(v, due - cycles - 1);
        assert_false(C0(v, C0_CAUSE) & 0x8000);
        assert_false(C0(v, C0_STATUS) & ST_EXL);
        run_exactly(v, 1);
        assert_true(C0(v, C0_CAUSE) & 0x8000);
        /* Taken now, or after the slot of the branch that just ran. */
        if (host_reg(v, DISCO_REG_DELAY))
            run_exactly(v, 1);
        check_exception(v, EXC_INT, 0x180, KSEG0(TEST_CODE));
        /* It stays until Compare is written. */
        run_exactly(v, 5);
        assert_true(C0(v, C0_CAUSE) & 0x8000);
        SET_C0(v, C0_COMPARE, 0);
        assert_false(C0(v, C0_CAUSE) & 0x8000);
    }
    finish(v);
}

/* The same, seen by the guest: a loop that polls Cause. */
static void test_compare_polled(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, CP0(MFC0, 8, C0_COUNT), RRI(ADDIU, 8, 8, 50),
              CP0(MTC0, 8, C0_COMPARE), CP0(MFC0, 9, C0_COUNT) /* loop */,
              CP0(MFC0, 10, C0_CAUSE), RRI(ANDI, 10, 10, 0x8000),
              BRANCH(BEQ, 10, 0, -4), NOP_WORD, ASM(SYSCALL));
    HOST_CODE(v->host, 0x180, BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    run_exactly(v, 400);
    assert_int_equal(exc_code(v), EXC_SYS);
    /* Count was equal at the latest at the next read of Cause. */
    assert_in_range((int32_t)(GPR(v, 9) - GPR(v, 8)) + 8, 6, 12);
    finish(v);
}

static void test_timer_hints(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_C0(v, C0_COMPARE, (uint32_t)C0(v, C0_COUNT) + 1000);
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE);
    assert_int_equal(mips_backend_ops.next_timer_cycles(v->state), UINT64_MAX);
    SET_C0(v, C0_STATUS, TEST_STATUS | 0x8000);
    assert_in_range(mips_backend_ops.next_timer_cycles(v->state), 1900, 2100);
    assert_int_equal(mips_backend_ops.pending(v->state), 0);
    mips_backend_ops.set_cycles(v->state, 3000);
    assert_int_equal(mips_backend_ops.pending(v->state), 1);
    assert_true(C0(v, C0_CAUSE) & 0x8000);
    finish(v);
}

/* --- Performance counters
 * ------------------------------------------------------------*/

#define PERF_SPEC(n)  DISCO_REG(DISCO_REG_CLASS_PERF, 2 * (n))
#define PERF_COUNT(n) DISCO_REG(DISCO_REG_CLASS_PERF, 2 * (n) + 1)
#define MTPC(t, n)    (ASM(MTPC) | FIELD(t, 16) | (n) << 1)
#define MTPS(t, n)    (ASM(MTPS) | FIELD(t, 16) | (n) << 1)
#define MFPC(t, n)    (ASM(MFPC) | FIELD(t, 16) | (n) << 1)
#define MFPS(t, n)    (ASM(MFPS) | FIELD(t, 16) | (n) << 1)
enum { P_EXL = 1, P_K = 2, P_S = 4, P_U = 8, P_IE = 16 };

static void test_perf_registers(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MTPS(8, 0), MTPC(9, 0), MTPS(9, 1),
              MTPC(8, 1), MFPS(10, 0), MFPC(11, 0), MFPS(12, 1), MFPC(13, 1));
    SET_GPR(v, 8, 0xffffff00);
    SET_GPR(v, 9, 0x12345678);
    run_exactly(v, 8);
    assert_int_equal(GPR(v, 10), 0x100);
    assert_int_equal(GPR(v, 11), 0x12345678);
    assert_int_equal(GPR(v, 12), 0x12345678 & 0x1ff);
    assert_int_equal(GPR(v, 13), SX(0xffffff00));
    finish(v);
}

static void test_perf_modes(void **state)
{
    struct host_vcpu *v = start();
    const struct {
        uint32_t status, spec;
        unsigned counts;
    } cases[] = {
        { TEST_STATUS, P_K, 10 },
        { TEST_STATUS, P_K | 1 << 5, 10 },
        { TEST_STATUS, P_U | P_S | P_EXL, 0 },
        { TEST_STATUS, P_K | 7 << 5, 0 },
        { TEST_STATUS | ST_EXL, P_K, 0 },
        { TEST_STATUS | ST_EXL, P_EXL, 10 },
        { TEST_STATUS | ST_ERL, P_K | P_U | P_S | P_EXL, 0 },
        { ST_UX | 0x10, P_U, 10 },
        { ST_UX | 0x10, P_K | P_S, 0 },
        { ST_SX | 0x08, P_S, 10 },
    };

    (void)state;
    host_tlb(v, 0, 0x400000, LO(TEST_CODE, LO_V | LO_G), LO_G, 0);
    HOST_CODE(v->host, TEST_CODE, NOP_WORD, NOP_WORD);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool mapped = cases[i].status & 0x18;

        SET_C0(v, C0_STATUS, cases[i].status);
        SET_PC(v, mapped ? 0x400000 : KSEG0(TEST_CODE));
        host_set_reg(v, PERF_SPEC(0), cases[i].spec);
        host_set_reg(v, PERF_COUNT(0), 0);
        run_exactly(v, 10);
        assert_int_equal(host_reg(v, PERF_COUNT(0)), cases[i].counts);
    }
    finish(v);
}

/* Overflow is IP7, exactly; it goes away when bit 31 does. */
static void test_perf_overflow(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned ahead = 1; ahead < 40; ahead += 3) {
        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x8000);
        SET_PC(v, KSEG0(TEST_CODE));
        host_set_reg(v, PERF_SPEC(1), P_K | P_IE);
        host_set_reg(v, PERF_COUNT(1), 0x80000000u - ahead);
        run_exactly(v, ahead - 1);
        assert_false(C0(v, C0_CAUSE) & 0x8000);
        run_exactly(v, 1);
        assert_true(C0(v, C0_CAUSE) & 0x8000);
        check_exception(v, EXC_INT, 0x180, KSEG0(TEST_CODE) + 4 * ahead);
        assert_int_equal(host_reg(v, PERF_COUNT(1)), 0x80000000u);
        host_set_reg(v, PERF_COUNT(1), 0);
        assert_false(C0(v, C0_CAUSE) & 0x8000);
    }
    finish(v);
}

/* ... also when the mode that counts begins in the middle of a run. */
static void test_perf_overflow_after_eret(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_tlb(v, 0, 0x400000, LO(TEST_CODE + 0x1000, LO_V | LO_G), LO_G, 0);
    HOST_CODE(v->host, TEST_CODE, ASM(ERET));
    /* The second time all code is known: nothing else ends the slice. */
    for (unsigned i = 0; i < 2; i++) {
        SET_PC(v, KSEG0(TEST_CODE));
        SET_C0(v, C0_EPC, 0x400000);
        SET_C0(v, C0_STATUS, ST_UX | ST_EXL | 0x10 | ST_IE | 0x8000);
        host_set_reg(v, PERF_SPEC(0), P_U | P_IE);
        host_set_reg(v, PERF_COUNT(0), 0x80000000u - 10);
        run_exactly(v, 400);
        assert_int_equal(exc_code(v), EXC_INT);
        assert_in_range(C0(v, C0_EPC), 0x400000 + 36, 0x400000 + 44);
    }
    finish(v);
}

/* --- Watch
 * ----------------------------------------------------------------------------*/

static void test_watch(void **state)
{
    struct host_vcpu *v = start();
    enum { R = 2, W = 1 };
    const struct {
        uint32_t word, bits;
        int offset;
        bool hit;
    } cases[] = {
        { MEM(LW, 9, 0, 8), R, 0, true },     { MEM(LW, 9, 0, 8), R, 4, true },
        { MEM(LB, 9, 0, 8), R, 7, true },     { MEM(LW, 9, 0, 8), R, 8, false },
        { MEM(LW, 9, 0, 8), R, -4, false },   { MEM(LW, 9, 0, 8), W, 0, false },
        { MEM(LD, 9, 0, 8), R | W, 0, true }, { MEM(SW, 9, 0, 8), W, 4, true },
        { MEM(SB, 9, 0, 8), W, 3, true },     { MEM(SB, 9, 0, 8), R, 3, false },
        { MEM(SD, 9, 0, 8), W, 8, false },    { MEM(LWL, 9, 0, 8), R, 2, true },
        { MEM(SWR, 9, 0, 8), W, 2, true },    { MEM(LL, 9, 0, 8), R, 0, true },
        { MEM(LDC1, 9, 0, 8), R, 0, true },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* Tables that know the page do not hide it. */
        SET_C0(v, C0_STATUS, TEST_STATUS);
        SET_C0(v, C0_WATCHLO, 0);
        SET_GPR(v, 8, KSEG0(TEST_DATA + 64 + cases[i].offset));
        SET_GPR(v, 9, 0);
        run_word(v, cases[i].word);
        mtc0(v, C0_WATCHLO, TEST_DATA + 64 + cases[i].bits);
        SET_GPR(v, 9, 0x5a);
        run_word(v, cases[i].word);
        if (cases[i].hit) {
            check_exception(v, EXC_WATCH, 0x180, KSEG0(TEST_CODE));
            if (cases[i].word >> 26 != 0x35)
                assert_int_equal(GPR(v, 9), 0x5a);
        } else {
            assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
        }
    }
    /* Physical addresses beyond 4 GiB. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    mtc0(v, C0_WATCHHI, 1);
    mtc0(v, C0_WATCHLO, TEST_DATA + R);
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    run_word(v, MEM(LW, 9, 0, 8));
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    finish(v);
}

/* With EXL it waits, and comes when EXL goes. */
static void test_watch_deferred(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(LW, 9, 0, 8), NOP_WORD, ASM(ERET));
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    SET_C0(v, C0_WATCHLO, TEST_DATA + 2);
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_EXL);
    SET_C0(v, C0_EPC, KSEG0(TEST_CODE + 0x40));
    host_put32(v->host, TEST_DATA, 7);
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 9), 7);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 8));
    run_exactly(v, 1);
    check_exception(v, EXC_WATCH, 0x180, KSEG0(TEST_CODE + 0x40));
    /* Once. */
    HOST_CODE(v->host, 0x180, ASM(ERET));
    run_exactly(v, 2);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 0x44));
    finish(v);
}

/* --- CACHE
 * --------------------------------------------------------------------------*/

static void test_cache_ops(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_GPR(v, 8, KSEG0(TEST_DATA + 1));
    for (unsigned op = 0; op < 32; op++) {
        run_word(v, CACHEOP(op, 0, 8));
        assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    }
    /* Only hit operations translate. */
    for (unsigned op = 0; op < 32; op++) {
        bool hit = op >> 2 == 4 || op >> 2 == 5;

        SET_C0(v, C0_STATUS, TEST_STATUS);
        SET_GPR(v, 8, 0x5000);
        run_word(v, CACHEOP(op, 0, 8));
        assert_int_equal(PC(v), hit && op != 0x14 ? KSEG0(0x080)
                                                  : KSEG0(TEST_CODE + 4));
    }
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_status_bits),
        cmocka_unit_test(test_cause_bits),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_bad_configs),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_count_is_the_vms),
        cmocka_unit_test(test_compare_exact),
        cmocka_unit_test(test_compare_polled),
        cmocka_unit_test(test_timer_hints),
        cmocka_unit_test(test_perf_registers),
        cmocka_unit_test(test_perf_modes),
        cmocka_unit_test(test_perf_overflow),
        cmocka_unit_test(test_perf_overflow_after_eret),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_watch_deferred),
        cmocka_unit_test(test_cache_ops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
