/*
 * test_except.c - every exception: vector, EPC and BD, Cause, BadVAddr and its
 * kin, priorities, nesting, ERET, interrupts.
 */
#include "test_cpu.h"

#define UNMAPPED 0x5000 /* user page that no TLB entry has */

/* --- Causes
 * ---------------------------------------------------------------------*/

/* One instruction (rs 8, rt 9) that raises; va: BadVAddr when not 0. */
struct cause_case {
    uint32_t word;
    uint64_t rs;
    uint32_t status; /* instead of TEST_STATUS when not 0 */
    uint8_t exc, ce;
    uint16_t offset; /* of the vector */
    bool bad;        /* BadVAddr becomes rs */
};

static const struct cause_case causes[] = {
    { ASM(SYSCALL), 0, 0, EXC_SYS, 0, 0x180, 0 },
    { ASM(SYSCALL) | 0x3ffffc0, 0, 0, EXC_SYS, 0, 0x180, 0 },
    { ASM(BREAK), 0, 0, EXC_BP, 0, 0x180, 0 },
    { 0x70000000, 0, 0, EXC_RI, 0, 0x180, 0 },
    { RRR(TEQ, 0, 0, 0), 0, 0, EXC_TR, 0, 0x180, 0 },
    { RRI(ADDI, 9, 8, 1), 0x7fffffff, 0, EXC_OV, 0, 0x180, 0 },
    { FP(ADD_D, 0, 0, 0), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { FMOVE(MFC1, 9, 0), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { BC1(BC1T, 0, 4), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { MEM(LWC1, 0, 0, 8), 1, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { MEM(SDC1, 0, 0, 8), 1, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { FMOVE(CTC1, 0, 31), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { RRR(MOVF, 9, 8, 0), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { FP4(MADD_S, 0, 0, 0, 0), 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { 0x46000019 /* unknown COP1 */, 0, ST_KX, EXC_CPU, 1, 0x180, 0 },
    { 0x46000019, 0, 0, EXC_FPE, 0, 0x180, 0 },
    { 0x48000000 /* COP2 */, 0, 0, EXC_CPU, 2, 0x180, 0 },
    { MEM(LWC2, 0, 0, 8), 1, 0, EXC_CPU, 2, 0x180, 0 },
    { MEM(SDC2, 0, 0, 8), 1, 0, EXC_CPU, 2, 0x180, 0 },
    { 0x48000000, 0, ST_CU2, EXC_RI, 0, 0x180, 0 },
    { MEM(LDC2, 0, 0, 8), 1, ST_CU2, EXC_RI, 0, 0x180, 0 },
    { MEM(LH, 9, 0, 8), 1, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LW, 9, 0, 8), 2, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LD, 9, 0, 8), 4, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LWU, 9, 0, 8), 2, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LDC1, 9, 0, 8), 4, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LL, 9, 0, 8), 2, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(LLD, 9, 0, 8), 4, 0, EXC_ADEL, 0, 0x180, 1 },
    { RRR(LWXC1, 0, 8, 0), 2, 0, EXC_ADEL, 0, 0x180, 1 },
    { MEM(SH, 9, 0, 8), 1, 0, EXC_ADES, 0, 0x180, 1 },
    { MEM(SW, 9, 0, 8), 2, 0, EXC_ADES, 0, 0x180, 1 },
    { MEM(SD, 9, 0, 8), 4, 0, EXC_ADES, 0, 0x180, 1 },
    { MEM(SC, 9, 0, 8), 2, 0, EXC_ADES, 0, 0x180, 1 },
    { MEM(SWC1, 9, 0, 8), 2, 0, EXC_ADES, 0, 0x180, 1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0x1000000000000000), 0, EXC_ADEL, 0, 0x180,
      1 },
    { MEM(SW, 9, 0, 8), UINT64_C(0x5000000000000000), 0, EXC_ADES, 0, 0x180,
      1 },
    { MEM(LW, 9, 0, 8), UNMAPPED, 0, EXC_TLBL, 0, 0x080, 1 },
    { MEM(SW, 9, 0, 8), UNMAPPED, 0, EXC_TLBS, 0, 0x080, 1 },
    { MEM(LW, 9, 0, 8), UNMAPPED, ST_KX, EXC_TLBL, 0, 0x000, 1 },
    { MEM(SW, 9, 0, 8), UNMAPPED, ST_KX, EXC_TLBS, 0, 0x000, 1 },
    { MEM(LWL, 9, 0, 8), UNMAPPED, 0, EXC_TLBL, 0, 0x080, 1 },
    { MEM(SDR, 9, 7, 8), UNMAPPED, 0, EXC_TLBS, 0, 0x080, 1 },
    { CACHEOP(0x15, 0, 8), UNMAPPED, 0, EXC_TLBL, 0, 0x080, 1 },
    { MEM(LL, 9, 0, 8), UNMAPPED, 0, EXC_TLBL, 0, 0x080, 1 },
    { MEM(SC, 9, 0, 8), UNMAPPED, 0, EXC_TLBS, 0, 0x080, 1 },
    { MEM(LW, 9, 0, 8), 0x7000, 0, EXC_TLBL, 0, 0x180, 1 }, /* V=0 */
    { MEM(SW, 9, 0, 8), 0x7000, 0, EXC_TLBS, 0, 0x180, 1 },
    { MEM(SW, 9, 0, 8), 0x6000, 0, EXC_MOD, 0, 0x180, 1 }, /* D=0 */
    { MEM(LW, 9, 0, 8), KSEG0(0x1f000000), 0, EXC_DBE, 0, 0x180, 0 },
    { MEM(SW, 9, 0, 8), KSEG0(0x1f000000), 0, EXC_DBE, 0, 0x180, 0 },
    /* Regions choose the refill vector, not the mode. */
    { MEM(LW, 9, 0, 8), UNMAPPED, ST_UX, EXC_TLBL, 0, 0x080, 1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0x4000000000000000), 0, EXC_TLBL, 0, 0x080,
      1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0xc000000000000000), 0, EXC_TLBL, 0, 0x080,
      1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0xffffffffe0000000), 0, EXC_TLBL, 0, 0x080,
      1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0xffffffffe0000000), ST_UX, EXC_TLBL, 0, 0x000,
      1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0xffffffffc0000000), ST_SX, EXC_TLBL, 0, 0x080,
      1 },
    { MEM(LW, 9, 0, 8), UINT64_C(0xffffffffc0000000), ST_UX, EXC_TLBL, 0, 0x000,
      1 },
};

/* At a: `word` alone (slot 0) or in the slot of a taken branch. */
static void set_cause(struct host_vcpu *v, const struct cause_case *c,
                      uint64_t at, bool slot, uint32_t more_status)
{
    if (slot)
        HOST_CODE(v->host, at, BRANCH(BEQ, 0, 0, 6), c->word);
    else
        HOST_CODE(v->host, at, c->word);
    SET_C0(v, C0_STATUS, (c->status ? c->status : TEST_STATUS) | more_status);
    SET_C0(v, C0_BADVADDR, 0x1111);
    SET_C0(v, C0_EPC, 0x2222);
    SET_C0(v, C0_CAUSE, 0);
    SET_C0(v, C0_ENTRYHI, 0x77);
    SET_GPR(v, 8, c->rs);
    SET_GPR(v, 9, 5);
    SET_PC(v, KSEG0(at));
    host_tlb(v, 3, 0x6000, LO(0x6000, LO_V), 0, 0);
    host_tlb(v, 3, 0x6077, LO(0x6000, LO_V), 0, 0);
}

static void check_cause(struct host_vcpu *v, const struct cause_case *c,
                        uint64_t vector)
{
    /* Only SDR has an offset: the byte's address, not the word's. */
    uint64_t bad = c->rs + (c->word >> 26 == 0x2d ? c->word & 0xffff : 0);

    assert_int_equal(exc_code(v), c->exc);
    assert_int_equal(C0(v, C0_CAUSE) >> 28 & 3, c->ce);
    assert_int_equal(PC(v), vector);
    assert_int_equal(C0(v, C0_BADVADDR), c->bad ? bad : 0x1111);
    assert_int_equal(GPR(v, 9), 5);
    if (c->exc == EXC_TLBL || c->exc == EXC_TLBS || c->exc == EXC_MOD) {
        assert_int_equal(C0(v, C0_ENTRYHI),
                         (bad & UINT64_C(0xc0000fffffffe000)) | 0x77);
        assert_int_equal(C0(v, C0_CONTEXT), (bad >> 13 & 0x7ffff) << 4);
        assert_int_equal(C0(v, C0_XCONTEXT),
                         bad >> 62 << 35 | (bad >> 13 & 0x7fffffff) << 4);
    } else {
        assert_int_equal(C0(v, C0_ENTRYHI), 0x77);
    }
}

static void test_causes(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const struct cause_case *c = &causes[i];

        set_cause(v, c, TEST_CODE, false, 0);
        run_exactly(v, 1);
        check_cause(v, c, KSEG0(c->offset));
        assert_int_equal(C0(v, C0_EPC), KSEG0(TEST_CODE));
        assert_false(C0(v, C0_CAUSE) & CAUSE_BD);
        /* The bootstrap vectors. */
        set_cause(v, c, TEST_CODE, false, ST_BEV);
        run_exactly(v, 1);
        check_cause(v, c, KSEG1(0x1fc00200) + c->offset);
    }
    finish(v);
}

static void test_causes_in_slot(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t at[] = { TEST_CODE, TEST_CODE + 0xffc };

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(causes) / sizeof(causes[0]); i++) {
        const struct cause_case *c = &causes[i / 2];

        if (c->word >> 26 == 0x11 && c->word >> 21 == 0x228)
            continue; /* a branch */
        set_cause(v, c, at[i % 2], true, 0);
        run_exactly(v, 2);
        check_cause(v, c, KSEG0(c->offset));
        assert_int_equal(C0(v, C0_EPC), KSEG0(at[i % 2]));
        assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
    }
    finish(v);
}

/* With EXL: EPC and BD stay, refills go to the general vector. */
static void test_causes_with_exl(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        const struct cause_case *c = &causes[i];

        set_cause(v, c, TEST_CODE, false, ST_EXL);
        SET_C0(v, C0_CAUSE, CAUSE_BD);
        run_exactly(v, 1);
        check_cause(v, c, KSEG0(0x180));
        assert_int_equal(C0(v, C0_EPC), 0x2222);
        assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
        SET_C0(v, C0_CAUSE, 0);
        SET_PC(v, KSEG0(TEST_CODE));
        run_exactly(v, 1);
        assert_false(C0(v, C0_CAUSE) & CAUSE_BD);
    }
    finish(v);
}

/* --- Fetching
 * -------------------------------------------------------------------*/

static void check_fetch(struct host_vcpu *v, uint64_t pc, uint32_t status,
                        unsigned exc, unsigned offset)
{
    SET_C0(v, C0_STATUS, status);
    SET_C0(v, C0_BADVADDR, 0x1111);
    SET_PC(v, pc);
    run_exactly(v, 1);
    check_exception(v, exc, offset, pc);
    assert_int_equal(C0(v, C0_BADVADDR), exc == EXC_IBE ? 0x1111 : pc);
}

static void test_fetch(void **state)
{
    struct host_vcpu *v = start();
    uint32_t user64 = ST_UX | 0x10, user32 = 0x10;

    (void)state;
    host_tlb(v, 0, 0x8000, LO(0x8000, LO_V), 0, 0);
    check_fetch(v, KSEG0(TEST_CODE + 2), TEST_STATUS, EXC_ADEL, 0x180);
    check_fetch(v, KSEG0(TEST_CODE + 1), TEST_STATUS, EXC_ADEL, 0x180);
    check_fetch(v, KSEG0(TEST_CODE), user64, EXC_ADEL, 0x180);
    check_fetch(v, KSEG0(TEST_CODE), user32, EXC_ADEL, 0x180);
    check_fetch(v, 0x80000000, user32, EXC_ADEL, 0x180);
    check_fetch(v, UINT64_C(0x100004000), user32, EXC_ADEL, 0x180);
    check_fetch(v, UINT64_C(0x100004000), user64, EXC_TLBL, 0x080);
    check_fetch(v, 0x4000, user64, EXC_TLBL, 0x080);
    check_fetch(v, 0x4000, user32, EXC_TLBL, 0x000);
    check_fetch(v, 0x9000, user32, EXC_TLBL, 0x180);
    check_fetch(v, 0x4002, user32, EXC_ADEL, 0x180);
    check_fetch(v, KSEG0(0x1f000000), TEST_STATUS, EXC_IBE, 0x180);
    check_fetch(v, KSEG1(HOST_MMIO), TEST_STATUS, EXC_IBE, 0x180);
    check_fetch(v, UINT64_C(0xffffffff00000000), TEST_STATUS, EXC_ADEL, 0x180);
    finish(v);
}

/* The slot lies on a page that faults: EPC is the branch. */
static void test_fetch_of_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_tlb(v, 0, 0x8000, LO(0x8000, LO_V), 0, 0);
    HOST_CODE(v->host, 0x8ffc, BRANCH(BGEZAL, 0, 0, 9));
    v->host->ram[0x8ffc + 1] |= 0x11; /* REGIMM's rt */
    SET_PC(v, 0x8ffc);
    run_exactly(v, 2);
    check_exception(v, EXC_TLBL, 0x180, 0x8ffc);
    assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
    assert_int_equal(C0(v, C0_BADVADDR), 0x9000);
    /* The same, stopped between the two. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_PC(v, 0x8ffc);
    run_exactly(v, 1);
    assert_int_equal(PC(v), 0x9000);
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), 1);
    run_exactly(v, 1);
    check_exception(v, EXC_TLBL, 0x180, 0x8ffc);
    assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
    finish(v);
}

/* A jump to a bad place: EPC is that place, the slot has run. */
static void test_jump_to_bad_address(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t bad[] = { KSEG0(TEST_CODE) + 2, UINT64_C(1) << 50, 0x4000,
                             KSEG0(TEST_CODE) + 0x41 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        SET_C0(v, C0_STATUS, TEST_STATUS);
        HOST_CODE(v->host, TEST_CODE, RRR(JR, 0, 8, 0), LI(10, (int)i));
        SET_GPR(v, 8, bad[i]);
        SET_PC(v, KSEG0(TEST_CODE));
        run_exactly(v, 3);
        assert_int_equal(exc_code(v), i == 2 ? EXC_TLBL : EXC_ADEL);
        assert_int_equal(C0(v, C0_EPC), bad[i]);
        assert_int_equal(C0(v, C0_BADVADDR), bad[i]);
        assert_false(C0(v, C0_CAUSE) & CAUSE_BD);
        assert_int_equal(GPR(v, 10), i);
    }
    finish(v);
}

/* --- FP exceptions
 * -------------------------------------------------------------*/

static void test_fpe(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_set_reg(v, DISCO_REG_FPR(2), UINT64_C(0x3ff0000000000000));
    host_set_reg(v, DISCO_REG_FPR(3), 0);
    host_set_reg(v, DISCO_REG_FPR(4), 77);
    host_set_reg(v, DISCO_REG_FCSR, 1 << 10); /* enable Z */
    run_word(v, FP(DIV_D, 4, 2, 3));
    check_exception(v, EXC_FPE, 0x180, KSEG0(TEST_CODE));
    assert_int_equal(host_reg(v, DISCO_REG_FPR(4)), 77);
    assert_int_equal(host_reg(v, DISCO_REG_FCSR), 1 << 15 | 1 << 10);
    /* CTC1 that makes a Cause bit meet its Enable traps at once. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_GPR(v, 8, 1 << 12 | 1 << 7);
    run_word(v, FMOVE(CTC1, 8, 31));
    check_exception(v, EXC_FPE, 0x180, KSEG0(TEST_CODE));
    assert_int_equal(host_reg(v, DISCO_REG_FCSR), 1 << 12 | 1 << 7);
    finish(v);
}

/* cc > 0 and MIPS IV instructions in user mode without XX. */
static void test_mips4_off(void **state)
{
    struct host_vcpu *v = start();
    const struct {
        uint32_t word;
        unsigned exc;
    } cases[] = {
        { FCMP(C_EQ_S, 0, 0, 0), EXC_NONE },
        { FCMP(C_EQ_S, 1, 0, 0), EXC_FPE },
        { BC1(BC1T, 0, 1), EXC_NONE },
        { BC1(BC1T, 1, 1), EXC_FPE },
        { FP(RECIP_D, 0, 0, 0), EXC_FPE },
        { FP4(MADD_S, 0, 0, 0, 0), EXC_RI },
        { RRR(LWXC1, 0, 0, 0), EXC_RI },
        { RRR(MOVZ, 0, 0, 0), EXC_RI },
        { RRR(MOVF, 0, 0, 0), EXC_RI },
        { MEM(PREF, 0, 0, 0), EXC_RI },
        { RRR(DADDU, 0, 0, 0), EXC_RI },
        { FMOVE(DMFC1, 0, 0), EXC_RI },
        { MEM(LD, 2, 0, 0), EXC_RI },
        { MEM(LDC1, 2, 0, 8), EXC_NONE },
        { RRR(DMULT, 0, 0, 0), EXC_RI },
    };

    (void)state;
    host_tlb(v, 0, 0x8000, LO(TEST_CODE, LO_V | LO_G), LO(0, LO_G), 0);
    SET_GPR(v, 8, 0x8000);
    for (unsigned cu1 = 0; cu1 < 2; cu1++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            bool fp =
                cases[i].word >> 26 == 0x11 || cases[i].word >> 26 == 0x35;
            unsigned want = cases[i].exc;

            if (fp && !cu1)
                want = EXC_CPU;
            HOST_CODE(v->host, TEST_CODE, cases[i].word);
            host_set_reg(v, DISCO_REG_FCSR, 0);
            SET_C0(v, C0_STATUS, 0x10 | (cu1 ? ST_CU1 : 0));
            SET_PC(v, 0x8000);
            run_exactly(v, 1);
            if (want == EXC_NONE) {
                assert_false(C0(v, C0_STATUS) & ST_EXL);
                continue;
            }
            check_exception(v, want, 0x180, 0x8000);
            if (want == EXC_FPE)
                assert_true(host_reg(v, DISCO_REG_FCSR) & FCSR_CAUSE_E);
        }
    }
    finish(v);
}

/* --- Priorities
 * ------------------------------------------------------------------*/

/* Of two causes of one instruction the higher is taken. */
static void test_priorities(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    /* Misaligned beats TLB miss; unusable FPU beats misaligned. */
    SET_GPR(v, 8, UNMAPPED + 1);
    run_word(v, MEM(LW, 9, 0, 8));
    assert_int_equal(exc_code(v), EXC_ADEL);
    SET_C0(v, C0_STATUS, ST_KX);
    run_word(v, MEM(LWC1, 9, 0, 8));
    assert_int_equal(exc_code(v), EXC_CPU);
    /* TLB invalid beats Modified; Modified beats bus error. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    host_tlb(v, 0, 0x8000, LO(0x1f000000, 0), LO(0x1f000000, LO_V), 0);
    SET_GPR(v, 8, 0x8000);
    run_word(v, MEM(SW, 9, 0, 8));
    assert_int_equal(exc_code(v), EXC_TLBS);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_GPR(v, 8, 0x9000);
    run_word(v, MEM(SW, 9, 0, 8));
    assert_int_equal(exc_code(v), EXC_MOD);
    /* An interrupt is lowest, but the next instruction never starts. */
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x100);
    SET_C0(v, C0_CAUSE, 0x100);
    SET_PC(v, KSEG0(TEST_CODE + 2));
    run_exactly(v, 1);
    assert_int_equal(C0(v, C0_EPC), KSEG0(TEST_CODE + 2));
    assert_int_equal(exc_code(v), EXC_INT);
    finish(v);
}

/* --- Interrupts
 * --------------------------------------------------------------------*/

static void test_interrupt_masks(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, NOP_WORD, NOP_WORD, NOP_WORD);
    HOST_CODE(v->host, 0x180, NOP_WORD, NOP_WORD);
    for (unsigned line = 0; line < 7; line++) {
        const uint32_t off[] = { 0, ST_IE | ST_EXL, ST_IE | ST_ERL };
        uint32_t ip = 0x100u << line;

        if (line >= 2)
            assert_int_equal(mips_backend_ops.set_irq(v->state, line - 2, 1),
                             0);
        else
            SET_C0(v, C0_CAUSE, ip);
        for (unsigned i = 0; i < 3; i++) {
            SET_C0(v, C0_STATUS, TEST_STATUS | off[i] | ip);
            SET_PC(v, KSEG0(TEST_CODE));
            run_exactly(v, 1);
            assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
        }
        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | (0xff00 & ~ip));
        run_exactly(v, 1);
        assert_int_equal(PC(v), KSEG0(TEST_CODE + 8));
        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | ip);
        run_exactly(v, 1); /* the handler's first instruction */
        check_exception(v, EXC_INT, 0x184, KSEG0(TEST_CODE + 8));
        assert_int_equal(C0(v, C0_CAUSE) & 0xff00, ip);
        if (line >= 2)
            mips_backend_ops.set_irq(v->state, line - 2, 0);
        else
            SET_C0(v, C0_CAUSE, 0);
        assert_int_equal(C0(v, C0_CAUSE) & 0xff00, 0);
    }
    assert_int_equal(mips_backend_ops.set_irq(v->state, 5, 1), DISCO_E_INVAL);
    finish(v);
}

/* Never between a branch and its slot. */
static void test_interrupt_waits_for_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, 3), LI(10, 7));
    run_exactly(v, 1);
    SET_C0(v, C0_CAUSE, 0x100);
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x100);
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), 1);
    run_exactly(v, 1);
    assert_int_equal(GPR(v, 10), 7);
    check_exception(v, EXC_INT, 0x180, KSEG0(TEST_CODE + 16));
    assert_false(C0(v, C0_CAUSE) & CAUSE_BD);
    finish(v);
}

/* MTC0 that enables or raises one: the very next instruction is stopped. */
static void test_interrupt_at_once(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, 0x180, NOP_WORD);
    HOST_CODE(v->host, TEST_CODE, CP0(MTC0, 8, C0_STATUS),
              CP0(MTC0, 9, C0_CAUSE), LI(10, 1));
    SET_GPR(v, 8, TEST_STATUS | ST_IE | 0x200);
    SET_GPR(v, 9, 0x200);
    run_exactly(v, 3);
    check_exception(v, EXC_INT, 0x184, KSEG0(TEST_CODE + 8));
    assert_int_equal(GPR(v, 10), 0);
    /* ERET to a place with interrupts enabled. */
    HOST_CODE(v->host, 0x180, ASM(ERET));
    SET_PC(v, KSEG0(0x180));
    run_exactly(v, 1);
    check_exception(v, EXC_INT, 0x180, KSEG0(TEST_CODE + 8));
    finish(v);
}

/* --- ERET, reset
 * ---------------------------------------------------------------------*/

static void test_eret(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, ASM(ERET), LI(10, 1));
    SET_C0(v, C0_EPC, KSEG0(TEST_CODE + 0x40));
    SET_C0(v, C0_ERROREPC, KSEG0(TEST_CODE + 0x80));
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_EXL | ST_ERL);
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 0x80));
    assert_int_equal(C0(v, C0_STATUS), TEST_STATUS | ST_EXL);
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 0x40));
    assert_int_equal(C0(v, C0_STATUS), TEST_STATUS);
    assert_int_equal(GPR(v, 10), 0); /* no delay slot */
    finish(v);
}

static void test_reset_state(void **state)
{
    const disco_vcpu_config config = { .size = sizeof(config),
                                       .fp = DISCO_FP_R10000 };
    struct host_vcpu *v = start_with(&config);

    (void)state;
    for (int again = 0; again < 2; again++) {
        if (again) {
            SET_C0(v, C0_WIRED, 5);
            SET_C0(v, C0_FRAMEMASK, 7);
            host_tlb(v, 4, 0x8000, LO(0x8000, LO_V), 0, 0);
        }
        mips_backend_ops.reset(v->state);
        assert_int_equal(PC(v), UINT64_C(0xffffffffbfc00000));
        assert_int_equal(C0(v, C0_STATUS), ST_ERL | ST_BEV);
        assert_int_equal(C0(v, C0_RANDOM), 63);
        assert_int_equal(C0(v, C0_WIRED), 0);
        assert_int_equal(C0(v, C0_FRAMEMASK), 0);
        assert_int_equal(C0(v, C0_PRID), 0x934);
        assert_int_equal(C0(v, C0_CONFIG), 0x6c01a002);
        /* fp=r10000 is a property of the CPU: a denormal raises E. */
        SET_C0(v, C0_STATUS, TEST_STATUS);
        host_set_reg(v, DISCO_REG_FPR(1), 1);
        run_word(v, FP(ADD_D, 0, 1, 1));
        check_exception(v, EXC_FPE, 0x180, KSEG0(TEST_CODE));
    }
    finish(v);
}

static void test_break_exit(void **state)
{
    const disco_vcpu_config config = { .size = sizeof(config),
                                       .break_exit = 1 };
    struct host_vcpu *v = start_with(&config);

    (void)state;
    HOST_CODE(v->host, TEST_CODE, LI(8, 1), ASM(BREAK), BRANCH(BEQ, 0, 0, 4),
              ASM(BREAK));
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    assert_int_equal(host_reg(v, DISCO_REG_INSNS), 1);
    SET_PC(v, KSEG0(TEST_CODE + 8));
    assert_int_equal(host_run(v, 100), DISCO_EXIT_BREAK);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 12));
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), 1);
    assert_int_equal(host_reg(v, DISCO_REG_INSNS), 2);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_causes_in_slot),
        cmocka_unit_test(test_causes_with_exl),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_fetch_of_slot),
        cmocka_unit_test(test_jump_to_bad_address),
        cmocka_unit_test(test_fpe),
        cmocka_unit_test(test_mips4_off),
        cmocka_unit_test(test_priorities),
        cmocka_unit_test(test_interrupt_masks),
        cmocka_unit_test(test_interrupt_waits_for_slot),
        cmocka_unit_test(test_interrupt_at_once),
        cmocka_unit_test(test_eret),
        cmocka_unit_test(test_reset_state),
        cmocka_unit_test(test_break_exit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
