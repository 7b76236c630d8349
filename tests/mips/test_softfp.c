/*
 * test_softfp.c - softfp against the host's FPU, and against tables where no
 * host agrees with MIPS: NaNs, conversions that do not fit, FS=1, exact
 * denormals.
 *
 * The host is the judge of results and flags when no operand is a NaN.  Flags
 * are compared whole on x86 only; others may detect tininess before rounding.
 */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mips/softfp.h"

#define S_QNAN 0x7fbfffffu
#define D_QNAN UINT64_C(0x7ff7ffffffffffff)
#define D_MAX  UINT64_C(0x7fefffffffffffff)
#define D_INF  UINT64_C(0x7ff0000000000000)
#define D_MIN  UINT64_C(0x0010000000000000) /* least normal */
#define D_ONE  UINT64_C(0x3ff0000000000000)
#define D_SIGN (UINT64_C(1) << 63)
#define I      SOFTFP_CAUSE_I
#define U      SOFTFP_CAUSE_U
#define O      SOFTFP_CAUSE_O
#define Z      SOFTFP_CAUSE_Z
#define V      SOFTFP_CAUSE_V
#define E      SOFTFP_CAUSE_E

enum op {
    ADD,
    SUB,
    MUL,
    DIV,
    SQRT,
    CONVERT, /* to the other format */
    NOPS,
};

static const char *const op_names[] = { "add", "sub",  "mul",
                                        "div", "sqrt", "convert" };

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned frac_bits(enum softfp_format fmt)
{
    return fmt == SOFTFP_S ? 23 : 52;
}

static bool is_nan(enum softfp_format fmt, uint64_t v)
{
    uint64_t sign = fmt == SOFTFP_S ? UINT64_C(1) << 31 : D_SIGN;

    return (v & (sign - 1)) > (fmt == SOFTFP_S ? 0x7f800000 : D_INF);
}

/* Fractions of few bits, all ones, halfway patterns or anything. */
static uint64_t random_frac(unsigned bits)
{
    uint64_t r = random64();
    uint64_t one_bit = UINT64_C(1) << (random64() % bits);
    uint64_t mask = (UINT64_C(1) << bits) - 1;

    switch (r >> 60) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2:
        return one_bit;
    case 3:
        return mask ^ one_bit;
    case 4:
        return one_bit - 1;
    case 5:
        return mask & ~(one_bit - 1);
    case 6:
    case 7:
        return r & mask & ~(one_bit - 1);
    default:
        return r & mask;
    }
}

/* A number with its exponent near `near`, at an edge, or anywhere. */
static uint64_t random_number(enum softfp_format fmt, unsigned near)
{
    unsigned max = fmt == SOFTFP_S ? 255 : 2047;
    const unsigned edges[] = { 0, 0, 1, 2, max / 2, max - 2, max - 1, max };
    uint64_t r = random64();
    unsigned exp;

    if (r & 1)
        exp = (near + (unsigned)(r >> 8) % 60 - 30) & max;
    else if (r & 2)
        exp = edges[r >> 8 & 7];
    else
        exp = (unsigned)(r >> 8) & max;
    return (r >> 63) << (fmt == SOFTFP_S ? 31 : 63) |
           (uint64_t)exp << frac_bits(fmt) | random_frac(frac_bits(fmt));
}

static uint64_t bits_d(double v)
{
    uint64_t r;

    memcpy(&r, &v, sizeof(r));
    return r;
}

static uint64_t bits_s(float v)
{
    uint32_t r;

    memcpy(&r, &v, sizeof(r));
    return r;
}

static double number_d(uint64_t v)
{
    double r;

    memcpy(&r, &v, sizeof(r));
    return r;
}

static float number_s(uint64_t v)
{
    uint32_t w = (uint32_t)v;
    float r;

    memcpy(&r, &w, sizeof(r));
    return r;
}

/* volatile keeps the operation between the accesses to the flags. */
static uint64_t host_d(enum op op, uint64_t a, uint64_t b)
{
    volatile double x = number_d(a), y = number_d(b), r = 0;
    volatile float s;

    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD:
        r = x + y;
        break;
    case SUB:
        r = x - y;
        break;
    case MUL:
        r = x * y;
        break;
    case DIV:
        r = x / y;
        break;
    case SQRT:
        r = sqrt(x);
        break;
    case CONVERT:
        s = (float)x;
        return bits_s(s);
    case NOPS:
        break;
    }
    return bits_d(r);
}

static uint64_t host_s(enum op op, uint64_t a, uint64_t b)
{
    volatile float x = number_s(a), y = number_s(b), r = 0;
    volatile double d;

    feclearexcept(FE_ALL_EXCEPT);
    switch (op) {
    case ADD:
        r = x + y;
        break;
    case SUB:
        r = x - y;
        break;
    case MUL:
        r = x * y;
        break;
    case DIV:
        r = x / y;
        break;
    case SQRT:
        r = sqrtf(x);
        break;
    case CONVERT:
        d = x;
        return bits_d(d);
    case NOPS:
        break;
    }
    return bits_s(r);
}

static unsigned host_cause(void)
{
    int raised = fetestexcept(FE_ALL_EXCEPT);

    return (raised & FE_INEXACT ? I : 0) | (raised & FE_UNDERFLOW ? U : 0) |
           (raised & FE_OVERFLOW ? O : 0) | (raised & FE_DIVBYZERO ? Z : 0) |
           (raised & FE_INVALID ? V : 0);
}

static void set_host_rounding(unsigned rounding)
{
    static const int modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD,
                                 FE_DOWNWARD };

    assert_int_equal(fesetround(modes[rounding]), 0);
}

static uint64_t soft(struct softfp *e, enum op op, enum softfp_format fmt,
                     uint64_t a, uint64_t b)
{
    switch (op) {
    case ADD:
        return softfp_add(e, fmt, a, b);
    case SUB:
        return softfp_sub(e, fmt, a, b);
    case MUL:
        return softfp_mul(e, fmt, a, b);
    case DIV:
        return softfp_div(e, fmt, a, b);
    case SQRT:
        return softfp_sqrt(e, fmt, a);
    case CONVERT:
        return fmt == SOFTFP_S ? softfp_s_to_d(e, a) : softfp_d_to_s(e, a);
    case NOPS:
        break;
    }
    return 0;
}

static void check_one(enum op op, enum softfp_format fmt, unsigned rounding,
                      uint64_t a, uint64_t b)
{
    struct softfp e = { .rounding = (uint8_t)rounding };
    enum softfp_format out = op == CONVERT ? (enum softfp_format) !fmt : fmt;
    bool unary = op == SQRT || op == CONVERT;
    uint64_t want, got;
    unsigned cause;

    if (is_nan(fmt, a) || (!unary && is_nan(fmt, b)))
        return;
    want = fmt == SOFTFP_S ? host_s(op, a, b) : host_d(op, a, b);
    cause = host_cause();
    if (is_nan(out, want))
        want = softfp_default_nan(out);
    got = soft(&e, op, fmt, a, b);
#if !defined(__x86_64__)
    cause = (cause & ~U) | (e.cause & U);
#endif
    if (got != want || e.cause != cause)
        fail_msg("%s.%c rm=%u %016llx %016llx: got %016llx/%02x, "
                 "want %016llx/%02x",
                 op_names[op], "sd"[fmt], rounding, (unsigned long long)a,
                 (unsigned long long)b, (unsigned long long)got, e.cause,
                 (unsigned long long)want, cause);
}

/* Operands near each other, or not; and those whose result is near 2^min. */
static void check_random(enum op op, enum softfp_format fmt, unsigned rounding)
{
    unsigned max = fmt == SOFTFP_S ? 255 : 2047;

    set_host_rounding(rounding);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t a = random_number(fmt, max / 2);
        unsigned exp = (unsigned)(a >> frac_bits(fmt)) & max;
        unsigned near = exp;

        if (op == MUL && (i & 1))
            near = max / 2 - exp;
        else if (op == DIV && (i & 1))
            near = exp + max / 2;
        else if (op == CONVERT && fmt == SOFTFP_D && (i & 1))
            a = (a & (D_SIGN | (D_MIN - 1))) |
                (uint64_t)(1023 - 150 + random64() % 280) << 52;
        check_one(op, fmt, rounding, a, random_number(fmt, near));
    }
    set_host_rounding(SOFTFP_RN);
}

static void test_host_random(void **state)
{
    (void)state;
    for (unsigned op = 0; op < NOPS; op++) {
        for (unsigned rounding = 0; rounding < 4; rounding++) {
            check_random((enum op)op, SOFTFP_S, rounding);
            check_random((enum op)op, SOFTFP_D, rounding);
        }
    }
}

/* Every pair of an edge exponent and an edge fraction, with every other. */
static unsigned edge_numbers(enum softfp_format fmt, uint64_t *out)
{
    unsigned bits = frac_bits(fmt), n = 0;
    unsigned bias = fmt == SOFTFP_S ? 127 : 1023;
    const unsigned exps[] = { 0,           1,        bits,
                              bias - 1,    bias,     bias + 1,
                              bias + bits, 2 * bias, 2 * bias + 1 };
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    const uint64_t fracs[] = {
        0, 1, 2, mask / 2, mask - 1, mask / 2 + 1, mask
    };

    for (unsigned i = 0; i < sizeof(exps) / sizeof(exps[0]); i++) {
        for (unsigned j = 0; j < sizeof(fracs) / sizeof(fracs[0]); j++) {
            out[n++] = (uint64_t)exps[i] << bits | fracs[j];
            out[n] = out[n - 1] | UINT64_C(1) << (fmt == SOFTFP_S ? 31 : 63);
            n++;
        }
    }
    return n;
}

static void test_host_edges(void **state)
{
    uint64_t numbers[2 * 9 * 7];

    (void)state;
    for (unsigned k = 0; k < NOPS * 8; k++) {
        enum op op = (enum op)(k / 8);
        enum softfp_format fmt = (enum softfp_format)(k & 1);
        unsigned n = edge_numbers(fmt, numbers), rounding = k / 2 % 4;

        set_host_rounding(rounding);
        for (unsigned i = 0; i < n * n; i++)
            check_one(op, fmt, rounding, numbers[i / n], numbers[i % n]);
        set_host_rounding(SOFTFP_RN);
    }
}

static void check_to_int(enum softfp_format fmt, unsigned rounding, uint64_t a,
                         unsigned bits)
{
    struct softfp e = { .rounding = SOFTFP_RN };
    volatile double x = fmt == SOFTFP_S ? number_s(a) : number_d(a);
    double bound = bits == 32 ? 2147483648.0 : 9223372036854775808.0;
    int64_t want = bits == 32 ? INT32_MAX : INT64_MAX;
    unsigned cause = V;

    /* Inline, gcc's rint() rounds the absolute value: wrong for RP and RM. */
    double (*volatile host_rint)(double) = rint;

    feclearexcept(FE_ALL_EXCEPT);
    volatile double whole = host_rint(x);
    bool inexact = fetestexcept(FE_INEXACT);

    if (whole >= -bound && whole < bound) {
        want = (int64_t)whole;
        cause = inexact ? I : 0;
    }
    int64_t got =
        softfp_to_int(&e, fmt, a, (enum softfp_rounding)rounding, bits);

    if (got != want || e.cause != cause)
        fail_msg("to %u %c rm=%u %016llx: got %lld/%02x want %lld/%02x", bits,
                 "sd"[fmt], rounding, (unsigned long long)a, (long long)got,
                 e.cause, (long long)want, cause);
}

static void test_to_int(void **state)
{
    (void)state;
    for (unsigned rounding = 0; rounding < 4; rounding++) {
        set_host_rounding(rounding);
        for (unsigned i = 0; i < 100000; i++) {
            enum softfp_format fmt = (enum softfp_format)(i & 1);
            unsigned near = (fmt == SOFTFP_S ? 127 : 1023) + (i & 2 ? 31 : 62);
            uint64_t a = random_number(fmt, near);

            check_to_int(fmt, rounding, a, 32);
            check_to_int(fmt, rounding, a, 64);
        }
        set_host_rounding(SOFTFP_RN);
    }
}

static void test_from_int(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400000; i++) {
        struct softfp e = { .rounding = i & 3 };
        int64_t v = (int64_t)(random64() ^ random_frac(63));
        volatile int64_t hidden = v >> (random64() & 63);
        volatile float s;
        volatile double d;
        unsigned s_cause, d_cause;

        set_host_rounding(i & 3);
        feclearexcept(FE_ALL_EXCEPT);
        s = (float)hidden;
        s_cause = host_cause();
        feclearexcept(FE_ALL_EXCEPT);
        d = (double)hidden;
        d_cause = host_cause();
        assert_int_equal(softfp_from_int(&e, SOFTFP_D, hidden), bits_d(d));
        assert_int_equal(e.cause, d_cause);
        e.cause = 0;
        assert_int_equal(softfp_from_int(&e, SOFTFP_S, hidden), bits_s(s));
        assert_int_equal(e.cause, s_cause);
    }
    set_host_rounding(SOFTFP_RN);
}

static void test_compare(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500000; i++) {
        enum softfp_format fmt = (enum softfp_format)(i & 1);
        struct softfp e = { .exact = true };
        uint64_t a = random_number(fmt, 100);
        uint64_t b = i % 5 ? random_number(fmt, 100) : a ^ (random64() & 1);
        double x = fmt == SOFTFP_S ? number_s(a) : number_d(a);
        double y = fmt == SOFTFP_S ? number_s(b) : number_d(b);
        unsigned want = isunordered(x, y) ? SOFTFP_UNORDERED
                        : x < y           ? SOFTFP_LESS
                        : x == y          ? SOFTFP_EQUAL
                                          : SOFTFP_GREATER;

        assert_int_equal(softfp_compare(&e, fmt, a, b, false), want);
        if (want != SOFTFP_UNORDERED)
            assert_int_equal(e.cause, 0);
    }
}

struct row {
    enum op op;
    uint64_t a, b, result;
    unsigned cause;
};

static void check_rows(const struct row *rows, size_t n, enum softfp_format fmt,
                       struct softfp base)
{
    for (size_t i = 0; i < n; i++) {
        struct softfp e = base;
        uint64_t got = soft(&e, rows[i].op, fmt, rows[i].a, rows[i].b);

        if (e.cause & E) { /* then the rest is garbage */
            e.cause = E;
            got = rows[i].result;
        }
        if (e.cause != rows[i].cause || got != rows[i].result)
            fail_msg("row %zu: got %016llx/%02x", i, (unsigned long long)got,
                     e.cause);
    }
}

#define CHECK_ROWS(rows, fmt, ...)                          \
    check_rows(rows, sizeof(rows) / sizeof((rows)[0]), fmt, \
               (struct softfp){ __VA_ARGS__ })

#define D_QA (D_INF | 0x123)                            /* quiet, payload */
#define D_QB (D_SIGN | D_INF | UINT64_C(0x40000000000)) /* quiet, negative */
#define D_SN (D_INF | UINT64_C(0x8000000000000))        /* signalling */

static void test_nan_rows(void **state)
{
    static const struct row d[] = {
        { ADD, D_QA, D_ONE, D_QA, 0 },
        { ADD, D_ONE, D_QB, D_QB, 0 },
        { ADD, D_QA, D_QB, D_QA, 0 },
        { MUL, D_QB, D_QA, D_QB, 0 },
        { SUB, D_ONE, D_QB, D_QB, 0 },
        { DIV, D_QA, 0, D_QA, 0 },
        { SQRT, D_QB, 0, D_QB, 0 },
        { ADD, D_SN, D_QA, D_QNAN, V },
        { ADD, D_QA, D_SN, D_QNAN, V },
        { MUL, D_ONE, D_SN | D_SIGN, D_QNAN, V },
        { SQRT, D_SN, 0, D_QNAN, V },
        { SUB, D_INF, D_INF, D_QNAN, V },
        { MUL, D_INF, 0, D_QNAN, V },
        { DIV, 0, 0, D_QNAN, V },
        { DIV, D_INF, D_INF, D_QNAN, V },
        { DIV, D_ONE | D_SIGN, 0, D_INF | D_SIGN, Z },
        { DIV, D_INF, 0, D_INF, 0 },
        { SQRT, D_ONE | D_SIGN, 0, D_QNAN, V },
        { SQRT, D_SIGN, 0, D_SIGN, 0 },
        { CONVERT, D_QNAN, 0, S_QNAN, 0 },
        { CONVERT, D_QA, 0, S_QNAN, 0 }, /* no payload left */
        { CONVERT, D_QB, 0, 0xff802000, 0 },
        { CONVERT, D_SN, 0, S_QNAN, V },
    };
    static const struct row s[] = {
        { ADD, 0x7f800001, 0xffbfffff, 0x7f800001, 0 },
        { ADD, 0x7fc00000, 0x3f800000, S_QNAN, V },
        { SQRT, 0xbf800000, 0, S_QNAN, V },
        { CONVERT, S_QNAN, 0, UINT64_C(0x7ff7ffffe0000000), 0 },
        { CONVERT, 0xff800001, 0, UINT64_C(0xfff0000020000000), 0 },
        { CONVERT, 0x7fffffff, 0, D_QNAN, V },
    };

    (void)state;
    CHECK_ROWS(d, SOFTFP_D, .rounding = SOFTFP_RN);
    CHECK_ROWS(s, SOFTFP_S, .rounding = SOFTFP_RN);
}

static void test_nan_other(void **state)
{
    struct softfp e = { 0 };

    (void)state;
    assert_int_equal(softfp_neg(&e, SOFTFP_D, D_QA), D_QA);
    assert_int_equal(softfp_abs(&e, SOFTFP_D, D_QB), D_QB);
    assert_int_equal(softfp_neg(&e, SOFTFP_D, 0), D_SIGN);
    assert_int_equal(softfp_abs(&e, SOFTFP_D, D_SIGN | 1), 1);
    assert_int_equal(softfp_compare(&e, SOFTFP_D, D_QA, 0, false), 1);
    assert_int_equal(e.cause, 0);
    assert_int_equal(softfp_compare(&e, SOFTFP_D, 0, D_QA, true), 1);
    assert_int_equal(e.cause, V);
    e.cause = 0;
    assert_int_equal(softfp_compare(&e, SOFTFP_D, D_SN, 0, false), 1);
    assert_int_equal(e.cause, V);
    e.cause = 0;
    assert_int_equal(softfp_abs(&e, SOFTFP_S, 0xffffffff), S_QNAN);
    assert_int_equal(e.cause, V);
    e.cause = 0;
    assert_int_equal(softfp_to_int(&e, SOFTFP_D, D_QB, SOFTFP_RZ, 64),
                     INT64_MAX);
    assert_int_equal(e.cause, V);
}

static void test_flush_rows(void **state)
{
    static const struct row nearest[] = {
        { MUL, D_MIN, D_ONE - D_MIN, 0, U | I },
        { MUL, D_MIN | D_SIGN, D_ONE - D_MIN, D_SIGN, U | I },
        { SUB, D_MIN + 1, D_MIN, 0, U | I },
        { ADD, 1, D_ONE, D_ONE, 0 }, /* a denormal operand is zero, quietly */
        { DIV, D_ONE, D_SIGN | 1, D_SIGN | D_INF, Z },
        { SQRT, 5, 0, 0, 0 },
        { MUL, D_INF, 1, D_QNAN, V },
        { CONVERT, UINT64_C(0x3800000000000000), 0, 0, U | I },
        { MUL, D_MIN, D_ONE - 1, 0, U | I },
        /* 2^-1022 * (1 - 2^-104) is not tiny once rounded, so not flushed */
        { MUL, D_MIN + 1, D_ONE - 2, D_MIN, I },
    };
    static const struct row up[] = {
        { MUL, D_MIN, D_ONE - D_MIN, D_MIN, U | I },
        { MUL, D_MIN | D_SIGN, D_ONE - D_MIN, D_SIGN, U | I },
        { CONVERT, UINT64_C(0x3800000000000000), 0, 0x00800000, U | I },
    };
    static const struct row down[] = {
        { MUL, D_MIN, D_ONE - D_MIN, 0, U | I },
        { MUL, D_MIN | D_SIGN, D_ONE - D_MIN, D_MIN | D_SIGN, U | I },
    };

    (void)state;
    CHECK_ROWS(nearest, SOFTFP_D, .rounding = SOFTFP_RN, .flush = true);
    CHECK_ROWS(up, SOFTFP_D, .rounding = SOFTFP_RP, .flush = true);
    CHECK_ROWS(down, SOFTFP_D, .rounding = SOFTFP_RM, .flush = true);
}

static void test_exact_rows(void **state)
{
    static const struct row no_flush[] = {
        { ADD, 1, D_ONE, 0, E },
        { MUL, D_MIN, D_ONE - D_MIN, 0, E }, /* the result is denormal */
        { MUL, D_MIN, D_MIN, 0, E },         /* or underflows to zero */
        { MUL, D_MIN, D_ONE, D_MIN, 0 },
        { SQRT, 1, 0, 0, E },
        { CONVERT, 1, 0, 0, E },
    };
    static const struct row flush[] = {
        { ADD, 1, D_ONE, D_ONE, 0 },
        { MUL, D_MIN, D_ONE - D_MIN, 0, U | I },
    };
    static const struct row flush_enabled[] = {
        { MUL, D_MIN, D_ONE - D_MIN, 0, E },
    };

    (void)state;
    CHECK_ROWS(no_flush, SOFTFP_D, .exact = true);
    CHECK_ROWS(flush, SOFTFP_D, .exact = true, .flush = true);
    CHECK_ROWS(flush_enabled, SOFTFP_D, .exact = true, .flush = true,
               .enables = I);
}

/* With U enabled a tiny result raises it though exact. */
static void test_underflow_enabled(void **state)
{
    static const struct row rows[] = {
        { MUL, D_MIN, D_ONE - D_MIN, D_MIN / 2, U },
        { MUL, D_MIN + 1, D_ONE - D_MIN, D_MIN / 2, U | I },
        { SUB, D_MIN, D_MIN, 0, 0 },
        { MUL, D_MAX, D_MAX, D_INF, O | I },
    };

    (void)state;
    CHECK_ROWS(rows, SOFTFP_D, .enables = U);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_edges),
        cmocka_unit_test(test_host_random),
        cmocka_unit_test(test_to_int),
        cmocka_unit_test(test_from_int),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_nan_rows),
        cmocka_unit_test(test_nan_other),
        cmocka_unit_test(test_flush_rows),
        cmocka_unit_test(test_exact_rows),
        cmocka_unit_test(test_underflow_enabled),
    };

    return cmocka_run_group_tests_name("softfp", tests, NULL, NULL);
}
