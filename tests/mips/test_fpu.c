/*
 * test_fpu.c - FCSR, register indexing, traps, and the fast path against
 * softfp: the same random instructions run on an FPU that may use the host's
 * and on one that is never entered, and must never differ.
 */
#include <fenv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mips/fpu.h"
#include "mips/fpu_fast.h"

#define D_INF  UINT64_C(0x7ff0000000000000)
#define D_MIN  UINT64_C(0x0010000000000000) /* least normal */
#define D_ONE  UINT64_C(0x3ff0000000000000)
#define D_HALF UINT64_C(0x3fe0000000000000)
#define D_QNAN UINT64_C(0x7ff7ffffffffffff)

typedef bool unary_fn(struct mips_fpu *, unsigned, unsigned);
typedef bool binary_fn(struct mips_fpu *, unsigned, unsigned, unsigned);
typedef bool ternary_fn(struct mips_fpu *, unsigned, unsigned, unsigned,
                        unsigned);

/* One of the three functions; `in` and `out` tell words from doubles. */
struct insn {
    const char *name;
    unary_fn *unary;
    binary_fn *binary;
    ternary_fn *ternary;
    char in, out;
};

#define ROW1(n, i, o)                                   \
    {                                                   \
        .name = #n, .unary = fpu_##n, .in = i, .out = o \
    }
#define ROW2(n, x, c)                                                 \
    {                                                                 \
        .name = #n "_" #x, .binary = fpu_##n##_##x, .in = c, .out = c \
    }
#define ROW3(n, x, c)                                                  \
    {                                                                  \
        .name = #n "_" #x, .ternary = fpu_##n##_##x, .in = c, .out = c \
    }
#define SAME1(n) ROW1(n##_s, 'w', 'w'), ROW1(n##_d, 'd', 'd')
#define BOTH2(n) ROW2(n, s, 'w'), ROW2(n, d, 'd')
#define BOTH3(n) ROW3(n, s, 'w'), ROW3(n, d, 'd')
#define TO_INT(n)                                                              \
    ROW1(n##_w_s, 'w', 'w'), ROW1(n##_w_d, 'd', 'w'), ROW1(n##_l_s, 'w', 'd'), \
        ROW1(n##_l_d, 'd', 'd')

static const struct insn insns[] = {
    BOTH2(add),
    BOTH2(sub),
    BOTH2(mul),
    BOTH2(div),
    BOTH3(madd),
    BOTH3(msub),
    BOTH3(nmadd),
    BOTH3(nmsub),
    SAME1(sqrt),
    SAME1(recip),
    SAME1(rsqrt),
    SAME1(abs),
    SAME1(neg),
    TO_INT(cvt),
    TO_INT(trunc),
    TO_INT(round),
    TO_INT(ceil),
    TO_INT(floor),
    ROW1(cvt_s_d, 'd', 'w'),
    ROW1(cvt_d_s, 'w', 'd'),
    ROW1(cvt_s_w, 'w', 'w'),
    ROW1(cvt_d_w, 'w', 'd'),
    ROW1(cvt_s_l, 'd', 'w'),
    ROW1(cvt_d_l, 'd', 'd'),
};

#define NINSNS (sizeof(insns) / sizeof(insns[0]))

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* A double, or two singles or words, often at an edge. */
static uint64_t random_operand(void)
{
    static const uint64_t edges[] = {
        0,
        1,
        D_MIN - 1,
        D_MIN,
        D_ONE,
        D_INF - 1,
        D_INF,
        D_INF + 1,
        D_QNAN,
        0x7fffffff,
        0x3f8000007f800000,
        0x00800000007fffff,
        0x7fbfffff7fc00000,
        0xcf0000004effffff,
        0xc1e0000000000000,
        0x41dfffffffe00000,
        0x43e0000000000000,
        0x43dfffffffffffff,
        0xc3e0000000000000,
    };
    static const uint16_t exps[] = { 0x000, 0x001, 0x380, 0x36a, 0x3ff,
                                     0x400, 0x41e, 0x43e, 0x47e, 0x7fe };
    uint64_t r = random64(), sign = (r & 1) << 63;
    uint64_t frac = random64() & (D_MIN - 1);

    if (r & 2)
        frac &= ~((D_MIN >> (r >> 8 & 31)) - 1);
    switch (r >> 60) {
    case 0:
        return edges[(r >> 16) % (sizeof(edges) / sizeof(edges[0]))] ^ sign;
    case 1:
        return random64();
    case 2:
    case 3:
        return sign | (uint64_t)exps[(r >> 16) % 10] << 52 | frac;
    case 4:
    case 5: /* singles near 1, and near the least */
        return (random64() & UINT64_C(0x83ffffff83ffff00)) | 0x3f000000;
    case 6:
        return random64() & UINT64_C(0x80ffffff80ffffff);
    case 7: /* small integers */
        return (uint64_t)((int64_t)random64() >> (r & 63));
    default:
        return sign | (uint64_t)(1003 + (r >> 16) % 40) << 52 | frac;
    }
}

/* Eight registers, so that results are operands again. */
static unsigned index_for(char format, uint64_t r)
{
    return (unsigned)(r % (format == 'w' ? 16 : 8));
}

static bool run(const struct insn *insn, struct mips_fpu *f, uint64_t r)
{
    unsigned fd = index_for(insn->out, r), fs = index_for(insn->in, r >> 8);
    unsigned ft = index_for(insn->in, r >> 16);
    unsigned fr = index_for(insn->in, r >> 24);

    if (insn->unary)
        return insn->unary(f, fd, fs);
    if (insn->binary)
        return insn->binary(f, fd, fs, ft);
    return insn->ternary(f, fd, fr, fs, ft);
}

static bool run_compare(struct mips_fpu *f, uint64_t r)
{
    char format = r >> 40 & 1 ? 'd' : 'w';
    unsigned cond = r >> 32 & 15, cc = r >> 36 & 7;
    unsigned fs = index_for(format, r >> 8), ft = index_for(format, r >> 16);

    return format == 'd' ? fpu_compare_d(f, cond, cc, fs, ft)
                         : fpu_compare_s(f, cond, cc, fs, ft);
}

/* What CTC1 might set: mostly no enables, so that the host is in use. */
static uint32_t random_fcsr(void)
{
    uint64_t r = random64();
    uint32_t v = (uint32_t)(r & (FCSR_RM | FCSR_FLAGS | FCSR_FS | FCSR_CC0));

    if (r >> 62 == 0)
        v |= (uint32_t)(r >> 8) & FCSR_ENABLES;
    if (r >> 60 & 1)
        v &= ~FCSR_FS;
    return v;
}

static void check_same(struct mips_fpu *a, struct mips_fpu *b, const char *name)
{
    uint32_t ca = fpu_fcsr_read(a), cb = fpu_fcsr_read(b);

    if (ca != cb || memcmp(a->fpr, b->fpr, sizeof(a->fpr)) != 0)
        fail_msg("%s: FCSR %08x and %08x, or a register, differ", name, ca, cb);
}

/* One step of both; most steps do not look, so that Cause stays lazy. */
static void step(struct mips_fpu *fast, struct mips_fpu *soft)
{
    uint64_t r = random64(), v = random_operand();
    const struct insn *insn = &insns[(r >> 48) % NINSNS];

    fast->fpr[r >> 44 & 7] = soft->fpr[r >> 44 & 7] = v;
    if (r >> 47 & 1) /* near the other, for cancellation and equality */
        v = r >> 33 & 1 ? random_operand() : v ^ (r & 3);
    fast->fpr[r >> 28 & 7] = soft->fpr[r >> 28 & 7] = v;
    if ((r >> 42 & 7) == 0)
        assert_int_equal(run_compare(fast, r), run_compare(soft, r));
    else
        assert_int_equal(run(insn, fast, r), run(insn, soft, r));
    if (random64() % 4 == 0)
        check_same(fast, soft, insn->name);
    else if (memcmp(fast->fpr, soft->fpr, sizeof(fast->fpr)) != 0)
        fail_msg("%s: registers differ", insn->name);
    if (fpu_cc(fast, r & 7) != fpu_cc(soft, r & 7))
        fail_msg("%s: conditions differ", insn->name);
}

static void test_fast_random(void **state)
{
    struct mips_fpu fast, soft;

    (void)state;
    fpu_reset(&fast, 0x900);
    fpu_reset(&soft, 0x900);
    for (unsigned i = 0; i < 30000; i++) {
        uint32_t fcsr = random_fcsr();

        fpu_enter(&fast);
        assert_int_equal(fpu_fcsr_write(&fast, fcsr),
                         fpu_fcsr_write(&soft, fcsr));
        for (unsigned j = 0; j < 50; j++)
            step(&fast, &soft);
        if (i & 1)
            fpu_leave(&fast);
        check_same(&fast, &soft, "after leaving");
    }
    fpu_leave(&fast);
}

/* Every instruction alone, from clear flags, in every mode. */
static void test_fast_each(void **state)
{
    struct mips_fpu fast, soft;

    (void)state;
    fpu_reset(&fast, 0x900);
    fpu_reset(&soft, 0x900);
    fpu_enter(&fast);
    for (unsigned i = 0; i < NINSNS * 8 * 2000; i++) {
        uint32_t fcsr = (i & 3) | (i & 4 ? FCSR_FS : 0);
        const struct insn *insn = &insns[i / 8 % NINSNS];
        const uint64_t regs = 1 | 3 << 8 | 5 << 16 | 7 << 24;

        for (unsigned n = 0; n < 8; n++)
            fast.fpr[n] = soft.fpr[n] = random_operand();
        fpu_fcsr_write(&fast, fcsr);
        fpu_fcsr_write(&soft, fcsr);
        assert_false(run(insn, &fast, regs));
        assert_false(run(insn, &soft, regs));
        check_same(&fast, &soft, insn->name);
    }
    fpu_leave(&fast);
}

/* The host's rounding and flags survive, and are not the guest's. */
static void test_host_state(void **state)
{
    struct mips_fpu f;
    int raised;

    (void)state;
    fpu_reset(&f, 0);
    assert_int_equal(fesetround(FE_UPWARD), 0);
    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    fpu_enter(&f);
    fpu_fcsr_write(&f, SOFTFP_RM);
    f.fpr[1] = D_ONE;
    f.fpr[2] = D_ONE + 1;
    for (unsigned i = 0; i < 4; i++)
        assert_false(fpu_mul_d(&f, 3, 2, 2));
    assert_int_equal(f.fast, FPU_HAS_HOST);
    fpu_leave(&f);
    assert_false(f.fast);
    raised = fetestexcept(FE_ALL_EXCEPT);
    feclearexcept(FE_ALL_EXCEPT);
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_int_equal(raised, FE_DIVBYZERO);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_int_equal(f.fpr[3], D_ONE + 2);
    assert_int_equal(fpu_fcsr_read(&f), 0x1000 | 0x4 | SOFTFP_RM);
}

/* A trap sets Cause alone. */
static void test_traps(void **state)
{
    static const struct {
        uint64_t a, b;
        unsigned cause;
    } divisions[] = {
        { D_ONE, 0, SOFTFP_CAUSE_Z },
        { 0, 0, SOFTFP_CAUSE_V },
        { D_INF - 1, D_HALF, SOFTFP_CAUSE_O | SOFTFP_CAUSE_I },
        { D_MIN, D_ONE + D_MIN, SOFTFP_CAUSE_U }, /* exact, yet tiny */
        { D_ONE, D_ONE + 1, SOFTFP_CAUSE_I },
    };
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    fpu_enter(&f);
    for (unsigned i = 0; i < 5 * 5; i++) {
        unsigned bit = 1u << i % 5, cause = divisions[i / 5].cause;
        uint32_t enable = bit << FCSR_ENABLE_SHIFT;
        bool trap = cause & bit;

        if (cause == SOFTFP_CAUSE_U && bit != SOFTFP_CAUSE_U)
            cause = 0;
        assert_false(fpu_fcsr_write(&f, enable));
        f.fpr[1] = divisions[i / 5].a;
        f.fpr[2] = divisions[i / 5].b;
        f.fpr[3] = 0x1234;
        assert_int_equal(fpu_div_d(&f, 3, 1, 2), trap);
        assert_int_equal(fpu_fcsr_read(&f),
                         enable | cause << FCSR_CAUSE_SHIFT |
                             (trap ? 0 : cause << FCSR_FLAGS_SHIFT));
        assert_int_equal(f.fpr[3] == 0x1234, trap);
    }
    fpu_leave(&f);
}

static void test_compare_trap(void **state)
{
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    f.fpr[1] = D_QNAN;
    assert_false(fpu_fcsr_write(&f, 0x800 | FCSR_CC0));
    assert_true(fpu_compare_d(&f, 8, 0, 1, 2)); /* c.sf */
    assert_true(fpu_cc(&f, 0));
    assert_int_equal(fpu_fcsr_read(&f), 0x10800 | FCSR_CC0);
    assert_false(fpu_compare_d(&f, 0, 0, 1, 2)); /* c.f */
    assert_false(fpu_cc(&f, 0));
    assert_false(fpu_compare_d(&f, 1, 7, 1, 2)); /* c.un */
    assert_true(fpu_cc(&f, 7));
    assert_int_equal(fpu_fcsr_read(&f), 0x80000800);
}

static void test_conditions(void **state)
{
    static const uint64_t pairs[4][2] = { { D_ONE, D_HALF },
                                          { D_QNAN, 0 },
                                          { 0, UINT64_C(1) << 63 },
                                          { D_HALF, D_ONE } };
    static const unsigned relations[] = { 0, 1, 2, 4 };
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    for (unsigned i = 0; i < 4 * 16 * 8; i++) {
        unsigned cond = i % 16, cc = i / 16 % 8, relation = relations[i / 128];

        f.fpr[1] = pairs[i / 128][0];
        f.fpr[2] = pairs[i / 128][1];
        fpu_fcsr_write(&f, i & 1 ? 0xfe800000 : 0);
        assert_false(fpu_compare_d(&f, cond, cc, 1, 2));
        for (unsigned k = 0; k < 8; k++)
            assert_int_equal(fpu_cc(&f, k),
                             k == cc ? (relation & cond) != 0 : i & 1);
        assert_int_equal(!!(fpu_fcsr_read(&f) & 0x10000),
                         relation == 1 && cond >= 8);
    }
}

static void test_ctc1(void **state)
{
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0x900);
    assert_int_equal(f.fir, 0x900);
    assert_false(fpu_fcsr_write(&f, 0xffffffff & ~FCSR_CAUSE));
    assert_int_equal(fpu_fcsr_read(&f), 0xff83ffff & ~FCSR_CAUSE);
    assert_true(fpu_fcsr_write(&f, FCSR_CAUSE_E));
    assert_int_equal(fpu_fcsr_read(&f), FCSR_CAUSE_E);
    assert_false(fpu_fcsr_write(&f, FCSR_CAUSE & ~FCSR_CAUSE_E));
    fpu_fcsr_unimplemented(&f);
    assert_int_equal(fpu_fcsr_read(&f), FCSR_CAUSE_E);
    for (unsigned cause = 0; cause < 5; cause++) {
        for (unsigned enable = 0; enable < 5; enable++) {
            uint32_t v = 0x1000u << cause | 0x80u << enable;

            assert_int_equal(fpu_fcsr_write(&f, v), cause == enable);
            assert_int_equal(fpu_fcsr_read(&f), v);
        }
    }
}

static void test_exact_denormals(void **state)
{
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    fpu_set_exact(&f, true);
    fpu_enter(&f);
    f.fpr[1] = 1;
    f.fpr[2] = D_MIN;
    f.fpr[3] = 0x1234;
    f.fpr[4] = D_HALF;
    assert_true(fpu_add_d(&f, 3, 1, 2));
    assert_int_equal(fpu_fcsr_read(&f), FCSR_CAUSE_E);
    assert_true(fpu_neg_d(&f, 3, 1));
    assert_true(fpu_mul_d(&f, 3, 2, 4));
    assert_true(fpu_cvt_w_d(&f, 6, 1));
    assert_true(fpu_madd_d(&f, 3, 4, 2, 4)); /* its product is denormal */
    assert_int_equal(f.fpr[3], 0x1234);
    assert_false(fpu_compare_d(&f, 4, 0, 1, 2));
    assert_true(fpu_cc(&f, 0));
    assert_false(fpu_add_d(&f, 3, 2, 4));
    fpu_fcsr_write(&f, FCSR_FS);
    assert_false(fpu_mul_d(&f, 3, 2, 4));
    assert_int_equal(f.fpr[3], 0);
    assert_false(fpu_add_d(&f, 3, 1, 2));
    assert_int_equal(f.fpr[3], D_MIN);
    fpu_fcsr_write(&f, FCSR_FS | 0x100);
    assert_true(fpu_mul_d(&f, 3, 2, 4));
    assert_int_equal(fpu_fcsr_read(&f), FCSR_FS | 0x100 | FCSR_CAUSE_E);
    fpu_leave(&f);
}

static void test_registers(void **state)
{
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    f.fpr[4] = UINT64_C(0x1111111122222222);
    assert_int_equal(fpu_get_w(&f, fpu_widx(false, 4)), 0x22222222);
    assert_int_equal(fpu_get_w(&f, fpu_widx(false, 5)), 0x11111111);
    assert_int_equal(fpu_get_w(&f, fpu_widx(true, 4)), 0x22222222);
    fpu_set_w(&f, fpu_widx(false, 5), 0x33333333);
    assert_int_equal(f.fpr[4], UINT64_C(0x3333333322222222));
    fpu_set_w(&f, fpu_widx(true, 31), 0x44444444);
    assert_int_equal(f.fpr[31], 0x44444444);
    fpu_set_w(&f, fpu_widx(false, 31), 0x55555555);
    assert_int_equal(f.fpr[30], UINT64_C(0x5555555500000000));
    assert_int_equal(fpu_didx(false, 5), 4);
    assert_int_equal(fpu_didx(true, 5), 5);
}

/* Singles leave the other half of their register alone. */
static void test_single_halves(void **state)
{
    struct mips_fpu f;

    (void)state;
    fpu_reset(&f, 0);
    fpu_enter(&f);
    f.fpr[4] = UINT64_C(0x3f80000040000000);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(fpu_add_s(&f, fpu_widx(false, 7), fpu_widx(false, 4),
                               fpu_widx(false, 5)));
        assert_int_equal(f.fpr[6], UINT64_C(0x4040000000000000));
        assert_int_equal(f.fpr[4], UINT64_C(0x3f80000040000000));
    }
    fpu_leave(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fast_each),
        cmocka_unit_test(test_fast_random),
        cmocka_unit_test(test_host_state),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_compare_trap),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_ctc1),
        cmocka_unit_test(test_exact_denormals),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_single_halves),
    };

    return cmocka_run_group_tests_name("fpu", tests, NULL, NULL);
}
