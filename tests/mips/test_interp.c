/*
 * test_interp.c - what instructions compute, branches and their slots, and
 * that a budget stops exactly where it should.
 */
#include "test_cpu.h"

#define MIN32 UINT64_C(0xffffffff80000000)
#define MAX32 UINT64_C(0x7fffffff)
#define MIN64 UINT64_C(0x8000000000000000)
#define MAX64 UINT64_C(0x7fffffffffffffff)
#define ONES  UINT64_MAX
#define NONE  (-1)

/* --- Arithmetic
 * --------------------------------------------------------------- */

/* rd = op(rs, rt); trap: it raises this and leaves rd alone. */
struct reg_case {
    uint32_t word; /* rd 10, rs 8, rt 9 */
    uint64_t rs, rt, rd;
    int trap;
};

#define R3(op, s, t, d)                  \
    {                                    \
        RRR(op, 10, 8, 9), s, t, d, NONE \
    }
#define R3_OV(op, s, t)                    \
    {                                      \
        RRR(op, 10, 8, 9), s, t, 0, EXC_OV \
    }
#define SH(op, a, t, d)                    \
    {                                      \
        SHIFT(op, 10, 9, a), 0, t, d, NONE \
    }
#define IM(op, s, i, d)                  \
    {                                    \
        RRI(op, 10, 8, i), s, 0, d, NONE \
    }
#define IM_OV(op, s, i)                    \
    {                                      \
        RRI(op, 10, 8, i), s, 0, 0, EXC_OV \
    }
#define TR(op, s, t, yes)                              \
    {                                                  \
        RRR(op, 0, 8, 9), s, t, 0, (yes) ? EXC_TR : -2 \
    }
#define TI(op, s, i, yes)                             \
    {                                                 \
        TRAPI(op, 8, i), s, 0, 0, (yes) ? EXC_TR : -2 \
    }

static const struct reg_case reg_cases[] = {
    R3(ADDU, MAX32, 1, MIN32),
    R3(ADDU, ONES, 1, 0),
    R3(ADDU, UINT64_C(0x123456789), 1, UINT64_C(0x2345678a)),
    R3(ADD, MAX32 - 1, 1, MAX32),
    R3_OV(ADD, MAX32, 1),
    R3_OV(ADD, MIN32, ONES),
    R3(SUBU, MIN32, 1, MAX32),
    R3(SUB, 5, 7, (uint64_t)-2),
    R3_OV(SUB, MIN32, 1),
    R3_OV(SUB, 0, MIN32),
    R3(DADDU, MAX64, 1, MIN64),
    R3(DADD, MAX64 - 1, 1, MAX64),
    R3_OV(DADD, MAX64, 1),
    R3_OV(DADD, MIN64, ONES),
    R3(DSUBU, MIN64, 1, MAX64),
    R3(DSUB, 1, 2, ONES),
    R3_OV(DSUB, MIN64, 1),
    R3_OV(DSUB, 0, MIN64),
    R3(AND, 0xff00, 0x0ff0, 0x0f00),
    R3(OR, 0xff00, 0x0ff0, 0xfff0),
    R3(XOR, 0xff00, 0x0ff0, 0xf0f0),
    R3(NOR, 0xff00, 0x00ff, ~UINT64_C(0xffff)),
    R3(SLT, ONES, 0, 1),
    R3(SLT, 0, ONES, 0),
    R3(SLTU, ONES, 0, 0),
    R3(SLTU, 0, ONES, 1),
    R3(SLLV, 33, 1, 2),
    R3(SRLV, 36, ONES, 0x0fffffff),
    R3(SRAV, 63, MIN32, ONES),
    R3(DSLLV, 97, 1, UINT64_C(1) << 33),
    R3(DSRLV, 63, ONES, 1),
    R3(DSRAV, 63, MIN64, ONES),
    R3(MOVZ, 7, 0, 7),
    R3(MOVZ, 7, 1, 0x5a5a),
    R3(MOVN, 7, 0, 0x5a5a),
    R3(MOVN, 7, MIN64, 7),
    SH(SLL, 0, UINT64_C(0x180000000), MIN32),
    SH(SLL, 31, 1, MIN32),
    SH(SRL, 0, MIN32, MIN32),
    SH(SRL, 31, MIN32, 1),
    SH(SRA, 31, MIN32, ONES),
    SH(DSLL, 31, 2, UINT64_C(1) << 32),
    SH(DSLL32, 31, 1, MIN64),
    SH(DSRL, 31, MIN64, UINT64_C(1) << 32),
    SH(DSRL32, 31, MIN64, 1),
    SH(DSRA, 1, MIN64, UINT64_C(0xc000000000000000)),
    SH(DSRA32, 31, MIN64, ONES),
    IM(ADDIU, MAX32, 1, MIN32),
    IM(ADDIU, 0, -1, ONES),
    IM(ADDI, 1, -2, ONES),
    IM_OV(ADDI, MAX32, 1),
    IM_OV(ADDI, MIN32, -1),
    IM(DADDIU, MAX64, 1, MIN64),
    IM(DADDI, 1, -1, 0),
    IM_OV(DADDI, MAX64, 1),
    IM_OV(DADDI, MIN64, -1),
    IM(SLTI, ONES, 0, 1),
    IM(SLTI, 5, -1, 0),
    IM(SLTIU, 5, -1, 1),
    IM(SLTIU, ONES, -1, 0),
    IM(ANDI, ONES, 0x8001, 0x8001),
    IM(ORI, 0, 0x8001, 0x8001),
    IM(XORI, 0xffff, 0x8001, 0x7ffe),
    { ASM(LUI) | FIELD(10, 16) | 0x8000, 0, 0, MIN32, NONE },
    TR(TGE, 1, 1, 1),
    TR(TGE, ONES, 0, 0),
    TR(TGEU, ONES, 0, 1),
    TR(TGEU, 0, 1, 0),
    TR(TLT, ONES, 0, 1),
    TR(TLT, 0, 0, 0),
    TR(TLTU, 0, ONES, 1),
    TR(TLTU, ONES, 0, 0),
    TR(TEQ, 3, 3, 1),
    TR(TEQ, 3, 4, 0),
    TR(TNE, 3, 4, 1),
    TR(TNE, 3, 3, 0),
    TI(TGEI, 0, -1, 1),
    TI(TGEI, ONES, 0, 0),
    TI(TGEIU, ONES, -1, 1),
    TI(TGEIU, 0, -1, 0),
    TI(TLTI, ONES, 0, 1),
    TI(TLTI, 0, -1, 0),
    TI(TLTIU, 0, -1, 1),
    TI(TLTIU, ONES, -1, 0),
    TI(TEQI, ONES, -1, 1),
    TI(TEQI, 1, -1, 0),
    TI(TNEI, 1, -1, 1),
    TI(TNEI, ONES, -1, 0),
};

static void check_reg_case(struct host_vcpu *v, const struct reg_case *c)
{
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_GPR(v, 8, c->rs);
    SET_GPR(v, 9, c->rt);
    SET_GPR(v, 10, 0x5a5a);
    run_word(v, c->word);
    if (c->trap >= 0) {
        check_exception(v, (unsigned)c->trap, 0x180, KSEG0(TEST_CODE));
        assert_int_equal(GPR(v, 10), 0x5a5a);
        return;
    }
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    assert_int_equal(GPR(v, 10), c->trap == NONE ? c->rd : 0x5a5a);
}

static void test_arithmetic(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(reg_cases) / sizeof(reg_cases[0]); i++) {
        char text[64];

        if (disco_disassemble(reg_cases[i].word, 0, text, sizeof(text)))
            fail();
        check_reg_case(v, &reg_cases[i]);
    }
    finish(v);
}

/* The same in a delay slot: other code paths of the interpreter. */
static void test_arithmetic_in_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(reg_cases) / sizeof(reg_cases[0]); i++) {
        const struct reg_case *c = &reg_cases[i];

        HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, 3), c->word);
        SET_C0(v, C0_STATUS, TEST_STATUS);
        SET_GPR(v, 8, c->rs);
        SET_GPR(v, 9, c->rt);
        SET_GPR(v, 10, 0x5a5a);
        SET_PC(v, KSEG0(TEST_CODE));
        run_exactly(v, 2);
        if (c->trap >= 0) {
            check_exception(v, (unsigned)c->trap, 0x180, KSEG0(TEST_CODE));
            assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
            continue;
        }
        assert_int_equal(PC(v), KSEG0(TEST_CODE + 16));
        assert_int_equal(GPR(v, 10), c->trap == NONE ? c->rd : 0x5a5a);
    }
    finish(v);
}

struct hilo_case {
    uint32_t word;
    uint64_t rs, rt, hi, lo;
};

#define MD(op, s, t, h, l)           \
    {                                \
        RRR(op, 0, 8, 9), s, t, h, l \
    }

static const struct hilo_case hilo_cases[] = {
    MD(MULT, ONES, 2, ONES, (uint64_t)-2),
    MD(MULT, MIN32, MIN32, 0x40000000, 0),
    MD(MULT, UINT64_C(0x700000003), 5, 0, 15),
    MD(MULTU, ONES, 2, 1, (uint64_t)-2),
    MD(MULTU, ONES, ONES, (uint64_t)-2, 1),
    MD(DMULT, ONES, 2, ONES, (uint64_t)-2),
    MD(DMULT, MIN64, MIN64, UINT64_C(1) << 62, 0),
    MD(DMULTU, ONES, ONES, ONES - 1, 1),
    MD(DIV, (uint64_t)-7, 2, ONES, (uint64_t)-3),
    MD(DIV, 7, (uint64_t)-2, 1, (uint64_t)-3),
    MD(DIV, MIN32, ONES, 0, MIN32),
    MD(DIV, 5, 0, 5, ONES),
    MD(DIV, (uint64_t)-5, 0, (uint64_t)-5, 1),
    MD(DIVU, ONES, 16, 15, 0x0fffffff),
    MD(DIVU, 9, 0, 9, ONES),
    MD(DIVU, MIN32, 1, 0, MIN32),
    MD(DDIV, (uint64_t)-7, 2, ONES, (uint64_t)-3),
    MD(DDIV, MIN64, ONES, 0, MIN64),
    MD(DDIV, 5, 0, 5, ONES),
    MD(DDIV, MIN64, 0, MIN64, 1),
    MD(DDIVU, ONES, 2, 1, MAX64),
    MD(DDIVU, 9, 0, 9, ONES),
};

static void test_muldiv(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(hilo_cases) / sizeof(hilo_cases[0]); i++) {
        const struct hilo_case *c = &hilo_cases[i];

        SET_GPR(v, 8, c->rs);
        SET_GPR(v, 9, c->rt);
        HOST_CODE(v->host, TEST_CODE, c->word, RRR(MFHI, 10, 0, 0),
                  RRR(MFLO, 11, 0, 0), RRR(MTHI, 0, 9, 0), RRR(MTLO, 0, 8, 0));
        SET_PC(v, KSEG0(TEST_CODE));
        run_exactly(v, 5);
        assert_int_equal(GPR(v, 10), c->hi);
        assert_int_equal(GPR(v, 11), c->lo);
        assert_int_equal(host_reg(v, DISCO_REG_HI), c->rt);
        assert_int_equal(host_reg(v, DISCO_REG_LO), c->rs);
    }
    finish(v);
}

static void test_zero_register(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, LI(0, 5), LUI_(0, 5), MEM(LW, 0, 0, 4),
              RRR(MFLO, 0, 0, 0), CP0(MFC0, 0, C0_STATUS), FMOVE(MFC1, 0, 1),
              MEM(LL, 0, 0, 4), MEM(LWL, 0, 1, 4), RRR(JALR, 0, 5, 0), 0,
              MEM(SC, 0, 0, 4), MOVE(2, 0));
    host_put32(v->host, TEST_DATA, 77);
    SET_GPR(v, 4, KSEG0(TEST_DATA));
    SET_GPR(v, 5, KSEG0(TEST_CODE + 40));
    SET_GPR(v, 2, 9);
    host_set_reg(v, DISCO_REG_LO, 9);
    host_set_reg(v, DISCO_REG_FPR(1), 9);
    run_exactly(v, 12);
    assert_int_equal(GPR(v, 2), 0);
    assert_int_equal(GPR(v, 0), 0);
    finish(v);
}

/* Overflow and traps raise although the result is thrown away. */
static void test_zero_destination_traps(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_GPR(v, 8, MAX32);
    SET_GPR(v, 9, MAX64);
    run_word(v, RRI(ADDI, 0, 8, 1));
    assert_int_equal(exc_code(v), EXC_OV);
    run_word(v, RRR(DADD, 0, 9, 9));
    assert_int_equal(exc_code(v), EXC_OV);
    run_word(v, RRR(SUB, 0, 0, 8));
    run_word(v, RRI(DADDI, 0, 9, 1));
    assert_int_equal(exc_code(v), EXC_OV);
    finish(v);
}

/* --- Branches
 * ------------------------------------------------------------------ */

enum { LIKELY = 1, LINK = 2 };

struct branch_case {
    uint32_t word; /* rs 8, rt 9 */
    unsigned flags;
    bool taken[3]; /* rs = -1, 0, 1; rt = 0 */
};

#define B2(op, f, m, z, p)      \
    {                           \
        BRANCH(op, 8, 9, 0), f, \
        {                       \
            m, z, p             \
        }                       \
    }
#define B1(op, f, m, z, p)    \
    {                         \
        BRANCHZ(op, 8, 0), f, \
        {                     \
            m, z, p           \
        }                     \
    }

static const struct branch_case branch_cases[] = {
    B2(BEQ, 0, 0, 1, 0),
    B2(BNE, 0, 1, 0, 1),
    B2(BEQL, LIKELY, 0, 1, 0),
    B2(BNEL, LIKELY, 1, 0, 1),
    B1(BLEZ, 0, 1, 1, 0),
    B1(BGTZ, 0, 0, 0, 1),
    B1(BLEZL, LIKELY, 1, 1, 0),
    B1(BGTZL, LIKELY, 0, 0, 1),
    B1(BLTZ, 0, 1, 0, 0),
    B1(BGEZ, 0, 0, 1, 1),
    B1(BLTZL, LIKELY, 1, 0, 0),
    B1(BGEZL, LIKELY, 0, 1, 1),
    B1(BLTZAL, LINK, 1, 0, 0),
    B1(BGEZAL, LINK, 0, 1, 1),
    B1(BLTZALL, LIKELY | LINK, 1, 0, 0),
    B1(BGEZALL, LIKELY | LINK, 0, 1, 1),
};

/* Where the branch stands, where it goes, and what its slot is. */
struct placement {
    uint64_t at;
    int words; /* to the target, from the slot */
    uint32_t slot;
};

static void check_branch(struct host_vcpu *v, const struct branch_case *c,
                         const struct placement *p, int sign, bool stepwise)
{
    uint64_t va = KSEG0(p->at), want;
    bool taken = c->taken[sign + 1];
    bool slot_runs = taken || !(c->flags & LIKELY);
    unsigned insns = slot_runs ? 2 : 1;

    HOST_CODE(v->host, p->at, c->word | ASM_LOW16(p->words), p->slot);
    SET_GPR(v, 8, (uint64_t)(int64_t)sign);
    SET_GPR(v, 9, 0);
    SET_GPR(v, 10, 0);
    SET_GPR(v, 31, 1);
    SET_PC(v, va);
    want = taken ? va + 4 + (uint64_t)((int64_t)p->words * 4) : va + 8;
    if (stepwise) {
        run_exactly(v, 1);
        if (slot_runs) {
            assert_int_equal(PC(v), va + 4);
            assert_int_equal(host_reg(v, DISCO_REG_DELAY), 1);
            assert_int_equal(host_reg(v, DISCO_REG_DELAY_TARGET), want);
            assert_int_equal(GPR(v, 10), 0);
            run_exactly(v, 1);
        }
    } else {
        run_exactly(v, insns);
    }
    assert_int_equal(PC(v), want);
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), 0);
    assert_int_equal(GPR(v, 10), p->slot && slot_runs ? 7 : 0);
    assert_int_equal(GPR(v, 31), c->flags & LINK ? va + 8 : 1);
}

static void test_branches(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t work = LI(10, 7);
    const struct placement placements[] = {
        { TEST_CODE + 0x100, 5, work },    { TEST_CODE + 0x100, -9, work },
        { TEST_CODE + 0x100, 5, 0 },       { TEST_CODE + 0x100, -9, 0 },
        { TEST_CODE + 0x100, 2000, work }, { TEST_CODE + 0x100, -2000, 0 },
        { TEST_CODE + 0x100, 2000, 0 },    { TEST_CODE + 0x100, 0, work },
        { TEST_CODE + 0x100, -1, 0 },      { TEST_CODE + 0xff8, 1, work },
        { TEST_CODE + 0xff8, 1, 0 },       { TEST_CODE + 0xffc, 3, work },
        { TEST_CODE + 0xffc, 3, 0 },       { TEST_CODE + 0xffc, -3, work },
        { TEST_CODE + 0xffc, -32768, 0 },  { TEST_CODE + 0x100, 32767, work },
    };

    (void)state;
    SET_PC(v, KSEG0(TEST_CODE));
    for (unsigned i = 0; i < sizeof(branch_cases) / sizeof(branch_cases[0]);
         i++)
        for (unsigned p = 0; p < sizeof(placements) / sizeof(placements[0]);
             p++)
            for (int sign = -1; sign <= 1; sign++)
                for (int step = 0; step < 2; step++)
                    check_branch(v, &branch_cases[i], &placements[p], sign,
                                 step);
    finish(v);
}

/* BC1: four forms, eight codes. */
static void test_fp_branches(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t forms[] = { ASM(BC1F), ASM(BC1T), ASM(BC1FL), ASM(BC1TL) };

    (void)state;
    for (unsigned i = 0; i < 4 * 8 * 2 * 2; i++) {
        unsigned form = i & 3, cc = i >> 2 & 7, set = i >> 5 & 1;
        uint64_t at = TEST_CODE + (i >> 6 & 1 ? 0xffc : 0x40);
        bool taken = (form & 1) == set, likely = form & 2;

        HOST_CODE(v->host, at, forms[form] | FIELD(cc, 18) | 6, LI(10, 7));
        host_set_reg(v, DISCO_REG_FCSR,
                     set ? UINT64_C(1) << (cc ? 24 + cc : 23) : 0);
        SET_GPR(v, 10, 0);
        SET_PC(v, KSEG0(at));
        run_exactly(v, taken || !likely ? 2 : 1);
        assert_int_equal(PC(v), KSEG0(at + (taken ? 28 : 8)));
        assert_int_equal(GPR(v, 10), taken || !likely ? 7 : 0);
    }
    finish(v);
}

static void check_jump(struct host_vcpu *v, uint64_t at, uint32_t word,
                       uint64_t target, unsigned link)
{
    HOST_CODE(v->host, at, word, LI(10, 7));
    SET_GPR(v, 8, target);
    SET_GPR(v, 10, 0);
    SET_GPR(v, 31, 1);
    SET_GPR(v, 20, 1);
    SET_PC(v, KSEG0(at));
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(at + 4));
    run_exactly(v, 1);
    assert_int_equal(PC(v), target);
    assert_int_equal(GPR(v, 10), 7);
    assert_int_equal(GPR(v, 31), link == 31 ? KSEG0(at + 8) : 1);
    assert_int_equal(GPR(v, 20), link == 20 ? KSEG0(at + 8) : 1);
}

static void test_jumps(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t at[] = { TEST_CODE, TEST_CODE + 0xff8, TEST_CODE + 0xffc };
    const uint64_t to[] = { KSEG0(TEST_CODE + 0x20), KSEG0(0x30000) };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        uint64_t a = at[i % 3], t = to[i / 3];

        check_jump(v, a, JUMP(J, t), t, 0);
        check_jump(v, a, JUMP(JAL, t), t, 31);
        check_jump(v, a, RRR(JR, 0, 8, 0), t, 0);
        check_jump(v, a, RRR(JALR, 31, 8, 0), t, 31);
        check_jump(v, a, RRR(JALR, 20, 8, 0), t, 20);
        check_jump(v, a, RRR(JALR, 0, 8, 0), t, 0);
    }
    check_jump(v, TEST_CODE, RRR(JR, 0, 8, 0), XKPHYS(0x30000), 0);
    check_jump(v, TEST_CODE, RRR(JR, 0, 8, 0), KSEG1(TEST_CODE + 0x40), 0);
    finish(v);
}

/* The slot changes the register that the jump used, and the link. */
static void test_slot_sees_link(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, RRR(JALR, 8, 8, 0), MOVE(2, 8), NOP_WORD,
              NOP_WORD, BRANCH(BEQ, 3, 3, 3), LI(3, 1));
    SET_GPR(v, 8, KSEG0(TEST_CODE + 16));
    run_exactly(v, 4);
    assert_int_equal(GPR(v, 2), KSEG0(TEST_CODE + 8));
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 32));
    assert_int_equal(GPR(v, 3), 1);
    finish(v);
}

/* A nullified slot has no effect at all, not even an exception. */
static void test_nullified_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BNEL, 0, 0, 8), ASM(SYSCALL),
              BRANCH(BNEL, 0, 0, 8), MEM(LW, 2, 1, 0), BRANCH(BNEL, 0, 0, 8),
              MEM(SW, 0, 0, 4), LI(5, 1));
    host_put32(v->host, TEST_DATA, 123);
    SET_GPR(v, 4, KSEG0(TEST_DATA));
    run_exactly(v, 4);
    assert_int_equal(GPR(v, 5), 1);
    assert_int_equal(host_get32(v->host, TEST_DATA), 123);
    finish(v);
}

/* --- Budget and resuming
 * ---------------------------------------------------------*/

/* A bit of everything, without end; crosses pages. */
static void put_loop(struct mips_host *h)
{
    HOST_CODE(h, TEST_CODE + 0xfe0, RRI(ADDIU, 8, 8, 3), MEM(SW, 8, 0, 4),
              MEM(LW, 9, 0, 4), RRR(MULT, 0, 8, 9), BRANCH(BNEL, 8, 0, 1),
              RRR(MFLO, 10, 0, 0), RRI(ADDIU, 11, 11, 1),
              BRANCH(BEQ, 0, 0, 2) /* page end */, RRI(XORI, 12, 8, 0x55),
              NOP_WORD, NOP_WORD);
    HOST_CODE(h, TEST_CODE + 0x1008, MEM(SD, 10, 8, 4), MEM(LL, 13, 16, 4),
              RRI(ADDIU, 13, 13, 1), MEM(SC, 13, 16, 4),
              JUMP(JAL, KSEG0(0x40000)), RRR(DADDU, 14, 14, 12),
              JUMP(J, KSEG0(TEST_CODE + 0xfe0)), NOP_WORD);
    HOST_CODE(h, 0x40000, FP(CVT_D_L, 2, 1, 0), FP(ADD_D, 3, 3, 2),
              FMOVE(DMTC1, 14, 1), ASM(SYSCALL), RRR(JR, 0, 31, 0), NOP_WORD);
    HOST_CODE(h, 0x180, CP0(DMFC0, 26, C0_EPC), RRI(DADDIU, 26, 26, 4),
              CP0(DMTC0, 26, C0_EPC), MEM(LD, 27, 0x200, 4),
              RRI(DADDIU, 27, 27, 1), MEM(SD, 27, 0x200, 4), ASM(ERET));
}

static struct host_vcpu *start_loop(const disco_vcpu_config *config)
{
    struct host_vcpu *v = start_with(config);

    put_loop(v->host);
    SET_GPR(v, 4, KSEG0(TEST_DATA));
    SET_PC(v, KSEG0(TEST_CODE + 0xfe0));
    return v;
}

static void check_same(struct host_vcpu *a, struct host_vcpu *b)
{
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(GPR(a, i), GPR(b, i));
        assert_int_equal(host_reg(a, DISCO_REG_FPR(i)),
                         host_reg(b, DISCO_REG_FPR(i)));
    }
    assert_int_equal(PC(a), PC(b));
    for (unsigned i = 1; i < 7; i++)
        if (DISCO_REG(DISCO_REG_CLASS_SPEC, i) != DISCO_REG_DELAY_TARGET)
            assert_int_equal(host_reg(a, DISCO_REG(DISCO_REG_CLASS_SPEC, i)),
                             host_reg(b, DISCO_REG(DISCO_REG_CLASS_SPEC, i)));
    for (unsigned i = 0; i < 31; i++)
        if (i != 7 && i != 23 && i != 24 && i != 25)
            assert_int_equal(C0(a, i), C0(b, i));
    assert_int_equal(host_reg(a, DISCO_REG_FCSR), host_reg(b, DISCO_REG_FCSR));
    assert_memory_equal(a->host->ram, b->host->ram, TEST_RAM);
}

/* Stop after every number of instructions; compare with one by one. */
static void test_budget_exact(void **state)
{
    struct host_vcpu *one = start_loop(NULL);
    enum { TOTAL = 140 };

    (void)state;
    for (unsigned n = 1; n <= TOTAL; n++) {
        struct host_vcpu *go = start_loop(NULL);

        run_exactly(one, 1);
        run_exactly(go, n);
        check_same(one, go);
        finish(go);
    }
    finish(one);
}

static void check_chunks(const disco_vcpu_config *config)
{
    struct host_vcpu *go = start_loop(config), *parts = start_loop(config);
    uint64_t total = 0, seed = 1;

    while (total < 5000) {
        uint64_t n = 1 + (seed >> 33) % 37;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        run_exactly(parts, n);
        total += n;
    }
    run_exactly(go, total);
    check_same(go, parts);
    finish(go);
    finish(parts);
}

static void test_resume_equal(void **state)
{
    disco_vcpu_config config = { .size = sizeof(config) };

    (void)state;
    check_chunks(&config);
    config.order = DISCO_LITTLE;
    check_chunks(&config);
    config.mode = DISCO_MODE_DISCO;
    check_chunks(&config);
}

/* until_cycles is as exact as the budget. */
static void test_until_cycles(void **state)
{
    struct host_vcpu *v = start_loop(NULL);

    (void)state;
    for (uint64_t n = 1; n < 200; n += n) {
        uint64_t now = mips_backend_ops.cycles(v->state);
        uint64_t insns = host_reg(v, DISCO_REG_INSNS);

        assert_int_equal(host_run_until(v, 1000, now + n), DISCO_EXIT_BUDGET);
        assert_int_equal(mips_backend_ops.cycles(v->state), now + n);
        assert_int_equal(host_reg(v, DISCO_REG_INSNS), insns + n);
    }
    assert_int_equal(host_run_until(v, 1000, 1), DISCO_EXIT_BUDGET);
    finish(v);
}

/* An endless fetch fault ends with the budget too. */
static void test_budget_of_fetch_faults(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_set_kind(v->host, 0, HOST_NOTHING); /* the vectors */
    SET_PC(v, KSEG0(TEST_RAM + 0x1000));
    run_exactly(v, 1000);
    assert_int_equal(exc_code(v), EXC_IBE);
    finish(v);
}

/* A request is seen at a taken branch. */
static void test_request_leaves(void **state)
{
    struct host_vcpu *v = start();
    const struct {
        uint32_t request, reason;
    } cases[] = {
        { DISCO_REQ_KICK, DISCO_EXIT_KICK },
        { DISCO_REQ_STOP, DISCO_EXIT_SHUTDOWN },
        { DISCO_REQ_YIELD, DISCO_EXIT_YIELD },
        { DISCO_REQ_TIMER, DISCO_EXIT_BUDGET },
        { DISCO_REQ_IDLE, DISCO_EXIT_IDLE },
    };

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    for (unsigned i = 0; i < 5; i++) {
        v->request = cases[i].request;
        assert_int_equal(host_run(v, 1000000), cases[i].reason);
    }
    v->request = DISCO_REQ_IRQ | DISCO_REQ_INVALIDATE;
    run_exactly(v, 100);
    finish(v);
}

/* --- Reserved words, SYNC, PREF
 * ----------------------------------------------------*/

static void test_reserved(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t reserved[] = {
        0x0000003fu + 0x02000000,
        0x00000005,
        0x00000028,
        0x04040000,
        0x041f0000,
        0x70000000,
        0x7c000000,
        0x74000000,
        0x4c000002,
        0x4200003f,
        0x42000020 /* WAIT */,
        0x41000000 /* BC0F */,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        SET_C0(v, C0_STATUS, TEST_STATUS);
        run_word(v, reserved[i]);
        check_exception(v, EXC_RI, 0x180, KSEG0(TEST_CODE));
    }
    finish(v);
}

static void test_hints(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_GPR(v, 4, 1); /* nothing is mapped there, and it is odd */
    HOST_CODE(v->host, TEST_CODE, MEM(PREF, 0, 0, 4), ASM(PREFX) | FIELD(4, 21),
              ASM(SYNC), MEM(PREF, 31, 5, 4));
    run_exactly(v, 4);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 16));
    finish(v);
}

/* A branch in a delay slot is undefined; ours must not derail anything. */
static void test_branch_in_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, 3), BRANCH(BEQ, 0, 0, 3));
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 2);
    check_exception(v, EXC_RI, 0x180, KSEG0(TEST_CODE));
    assert_true(C0(v, C0_CAUSE) & CAUSE_BD);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_arithmetic_in_slot),
        cmocka_unit_test(test_muldiv),
        cmocka_unit_test(test_zero_register),
        cmocka_unit_test(test_zero_destination_traps),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_fp_branches),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_slot_sees_link),
        cmocka_unit_test(test_nullified_slot),
        cmocka_unit_test(test_budget_exact),
        cmocka_unit_test(test_resume_equal),
        cmocka_unit_test(test_until_cycles),
        cmocka_unit_test(test_budget_of_fetch_faults),
        cmocka_unit_test(test_request_leaves),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_branch_in_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
