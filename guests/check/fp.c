/*
 * fp.c - floating point: results, flags and rounding of the arithmetic
 * instructions, NaNs in the legacy coding, conversions, comparisons and what
 * hangs on the condition bits, enabled exceptions, both register models.
 */
#include "check.h"

/* FCSR. */
#define RN            0
#define RZ            1
#define RP            2
#define RM            3
#define I             0x01
#define U             0x02
#define O             0x04
#define Z             0x08
#define V             0x10
#define FLAGS(fcsr)   ((fcsr) >> 2 & 0x1f)
#define CAUSES(fcsr)  ((fcsr) >> 12 & 0x3f)
#define ENABLE(flags) ((uint32_t)(flags) << 7)

#define ONE     0x3ff0000000000000
#define TWO     0x4000000000000000
#define THREE   0x4008000000000000
#define HALF    0x3fe0000000000000
#define EPS     0x3ca0000000000000 /* 2^-53: half a unit of 1 */
#define MAX     0x7fefffffffffffff
#define MIN     0x0010000000000000
#define DENORM  0x0000000000000001
#define INF     0x7ff0000000000000
#define QNAN    0x7ff7ffffffffffff
#define SNAN    0x7ff8000000000001
#define NEGD(x) ((x) | 0x8000000000000000)
#define ONE_S   0x3f800000
#define QNAN_S  0x7fbfffff

static uint32_t fcsr;

/* Operations with the rounding mode set and FCSR read afterwards. */
#define OP2(insn, rm, x, y)                                           \
    ({                                                                \
        uint64_t r_;                                                  \
        __asm__ volatile(                                             \
            "ctc1 %4, $31\n\tdmtc1 %2, $f0\n\tdmtc1 %3, $f2\n\t" insn \
            " $f4, $f0, $f2\n\tdmfc1 %0, $f4\n\t"                     \
            "cfc1 %1, $31"                                            \
            : "=&r"(r_), "=&r"(fcsr)                                  \
            : "r"((uint64_t)(x)), "r"((uint64_t)(y)), "r"(rm)         \
            : "$f0", "$f2", "$f4");                                   \
        r_;                                                           \
    })
#define OP1(insn, rm, x)                                              \
    ({                                                                \
        uint64_t r_;                                                  \
        __asm__ volatile("ctc1 %3, $31\n\tdmtc1 %2, $f0\n\t" insn     \
                         " $f4, $f0\n\tdmfc1 %0, $f4\n\tcfc1 %1, $31" \
                         : "=&r"(r_), "=&r"(fcsr)                     \
                         : "r"((uint64_t)(x)), "r"(rm)                \
                         : "$f0", "$f4");                             \
        r_;                                                           \
    })
/* fr, fs, ft: result = fs * ft + fr in the order of the assembler. */
#define OP3(insn, r, s, t)                                                    \
    ({                                                                        \
        uint64_t r_;                                                          \
        __asm__ volatile("ctc1 $0, $31\n\tdmtc1 %2, $f0\n\tdmtc1 %3, $f2\n\t" \
                         "dmtc1 %4, $f6\n\t" insn " $f4, $f0, $f2, $f6\n\t"   \
                         "dmfc1 %0, $f4\n\tcfc1 %1, $31"                      \
                         : "=&r"(r_), "=&r"(fcsr)                             \
                         : "r"((uint64_t)(r)), "r"((uint64_t)(s)),            \
                           "r"((uint64_t)(t))                                 \
                         : "$f0", "$f2", "$f4", "$f6");                       \
        r_;                                                                   \
    })
#define WORD(x) ((uint32_t)(x))
#define EXPECT(op, value, flags)                                 \
    do {                                                         \
        check_eq(#op, __LINE__, op, value);                      \
        check_eq("flags of " #op, __LINE__, FLAGS(fcsr), flags); \
    } while (0)

static void add_sub_mul(void)
{
    EXPECT(OP2("add.d", RN, ONE, TWO), THREE, 0);
    EXPECT(OP2("sub.d", RN, ONE, THREE), NEGD(TWO), 0);
    EXPECT(OP2("mul.d", RN, TWO, HALF), ONE, 0);
    EXPECT(OP2("add.d", RN, ONE, EPS), ONE, I);
    EXPECT(OP2("add.d", RZ, ONE, EPS), ONE, I);
    EXPECT(OP2("add.d", RP, ONE, EPS), ONE + 1, I);
    EXPECT(OP2("add.d", RM, NEGD(ONE), NEGD(EPS)), NEGD(ONE + 1), I);
    EXPECT(OP2("sub.d", RN, ONE, ONE), 0, 0);
    EXPECT(OP2("sub.d", RM, ONE, ONE), NEGD(0), 0);
    EXPECT(OP2("mul.d", RN, MAX, TWO), INF, O | I);
    EXPECT(OP2("mul.d", RZ, MAX, TWO), MAX, O | I);
    EXPECT(OP2("mul.d", RP, NEGD(MAX), TWO), NEGD(MAX), O | I);
    EXPECT(OP2("mul.d", RM, NEGD(MAX), TWO), NEGD(INF), O | I);
    EXPECT(OP2("mul.d", RN, INF, NEGD(TWO)), NEGD(INF), 0);
}

static void divide_root(void)
{
    EXPECT(OP2("div.d", RN, ONE, THREE), 0x3fd5555555555555, I);
    EXPECT(OP2("div.d", RP, ONE, THREE), 0x3fd5555555555556, I);
    EXPECT(OP2("div.d", RM, NEGD(ONE), THREE), 0xbfd5555555555556, I);
    EXPECT(OP2("div.d", RN, TWO, TWO), ONE, 0);
    EXPECT(OP2("div.d", RN, NEGD(ONE), 0), NEGD(INF), Z);
    EXPECT(OP1("sqrt.d", RN, TWO), 0x3ff6a09e667f3bcd, I);
    EXPECT(OP1("sqrt.d", RZ, TWO), 0x3ff6a09e667f3bcc, I);
    EXPECT(OP1("sqrt.d", RN, 0x4010000000000000), TWO, 0);
    EXPECT(OP1("sqrt.d", RN, NEGD(0)), NEGD(0), 0);
    EXPECT(OP1("recip.d", RN, 0x4010000000000000), 0x3fd0000000000000, 0);
    EXPECT(OP1("rsqrt.d", RN, 0x4010000000000000), HALF, 0);
    EXPECT(OP1("recip.d", RN, 0), INF, Z);
}

static void single(void)
{
    EXPECT(WORD(OP2("add.s", RN, ONE_S, ONE_S)), 0x40000000, 0);
    EXPECT(WORD(OP2("div.s", RN, ONE_S, 0x40400000)), 0x3eaaaaab, I);
    EXPECT(WORD(OP2("div.s", RZ, ONE_S, 0x40400000)), 0x3eaaaaaa, I);
    EXPECT(WORD(OP1("sqrt.s", RN, 0x40000000)), 0x3fb504f3, I);
    EXPECT(WORD(OP2("mul.s", RN, 0x7f7fffff, 0x40000000)), 0x7f800000, O | I);
    EXPECT(WORD(OP2("sub.s", RN, 0x7f800000, 0x7f800000)), QNAN_S, V);
    EXPECT(WORD(OP1("cvt.s.d", RN, 0x3ff0000010000000)), ONE_S, I);
    EXPECT(WORD(OP1("cvt.s.d", RP, 0x3ff0000010000000)), ONE_S + 1, I);
    EXPECT(WORD(OP1("cvt.s.d", RN, MAX)), 0x7f800000, O | I);
    EXPECT(WORD(OP1("cvt.s.d", RZ, MAX)), 0x7f7fffff, O | I);
    EXPECT(OP1("cvt.d.s", RN, 0x3e800000), 0x3fd0000000000000, 0);
    EXPECT(WORD(OP1("cvt.s.d", RN, QNAN)) & 0x7fc00000, 0x7f800000, 0);
}

static void underflow(void)
{
    EXPECT(OP2("mul.d", RN, MIN, HALF), 0x0008000000000000, 0);
    EXPECT(OP2("mul.d", RN, DENORM, HALF), 0, U | I);
    EXPECT(OP2("mul.d", RP, DENORM, HALF), DENORM, U | I);
    EXPECT(OP2("add.d", RN, DENORM, DENORM), 2, 0);
    EXPECT(OP2("mul.d", RN, DENORM, 0x4340000000000000), MIN * 2, 0);
    EXPECT(OP2("div.d", RN, MIN + 1, TWO), 0x0008000000000000, U | I);
    EXPECT(OP2("sub.d", RN, MIN, DENORM), 0x000fffffffffffff, 0);
}

/* The quiet bit is inverted: the top fraction bit set means signalling. */
static void nans(void)
{
    EXPECT(OP2("div.d", RN, 0, 0), QNAN, V);
    EXPECT(OP2("sub.d", RN, INF, INF), QNAN, V);
    EXPECT(OP2("mul.d", RN, INF, 0), QNAN, V);
    EXPECT(OP1("sqrt.d", RN, NEGD(ONE)), QNAN, V);
    EXPECT(OP2("add.d", RN, SNAN, ONE), QNAN, V);
    EXPECT(OP2("add.d", RN, QNAN, ONE), QNAN, 0);
    EXPECT(OP2("mul.d", RN, ONE, 0x7ff0000000000123) & 0x7ff8000000000000, INF,
           0);
    EXPECT(OP1("cvt.s.d", RN, SNAN) & 0xffffffff, QNAN_S, V);
    EXPECT(OP1("cvt.d.s", RN, 0x7fc00001), QNAN, V);
}

static void sign_ops(void)
{
    EXPECT(OP1("abs.d", RN, NEGD(THREE)), THREE, 0);
    EXPECT(OP1("neg.d", RN, THREE), NEGD(THREE), 0);
    EXPECT(OP1("mov.d", RN, SNAN), SNAN, 0);
    EXPECT(OP1("neg.d", RN, 0), NEGD(0), 0);
#ifndef GUEST_LINUX /* other emulators take them for plain bit operations */
    (void)OP1("abs.d", RN, SNAN);
    CHECK(FLAGS(fcsr), V);
#endif
    EXPECT(WORD(OP1("neg.s", RN, ONE_S)), 0xbf800000, 0);
}

static void to_integer(void)
{
    uint64_t two_half = 0x4004000000000000, minus = 0xc004000000000000;

    EXPECT(WORD(OP1("cvt.w.d", RN, two_half)), 2, I);
    EXPECT(WORD(OP1("cvt.w.d", RP, two_half)), 3, I);
    EXPECT(WORD(OP1("cvt.w.d", RM, minus)), -3u, I);
    EXPECT(WORD(OP1("cvt.w.d", RZ, minus)), -2u, I);
    EXPECT(WORD(OP1("round.w.d", RP, two_half)), 2, I);
    EXPECT(WORD(OP1("trunc.w.d", RP, minus)), -2u, I);
    EXPECT(WORD(OP1("ceil.w.d", RN, minus)), -2u, I);
    EXPECT(WORD(OP1("floor.w.d", RN, minus)), -3u, I);
    EXPECT(OP1("trunc.l.d", RN, 0xc3dfffffffffffff), 0x8000000000000400, 0);
    EXPECT(OP1("round.l.d", RN, 0x400c000000000000), 4, I);
    EXPECT(OP1("floor.l.s", RN, 0xbfc00000), -2ul, I);
    EXPECT(OP1("cvt.l.d", RN, NEGD(0x43e0000000000000)), 1ul << 63, 0);
}

static void to_integer_invalid(void)
{
    EXPECT(WORD(OP1("cvt.w.d", RN, 0x41e0000000000000)), 0x7fffffff, V);
    EXPECT(WORD(OP1("trunc.w.d", RN, NEGD(INF))), 0x7fffffff, V);
    EXPECT(WORD(OP1("cvt.w.d", RN, QNAN)), 0x7fffffff, V);
    EXPECT(OP1("cvt.l.d", RN, 0x43e0000000000000), 0x7fffffffffffffff, V);
    EXPECT(OP1("trunc.l.s", RN, QNAN_S), 0x7fffffffffffffff, V);
    EXPECT(WORD(OP1("cvt.w.d", RN, 0xc1e0000000000000)), 0x80000000, 0);
}

static void from_integer(void)
{
    EXPECT(OP1("cvt.d.w", RN, 0xffffffff), NEGD(ONE), 0);
    EXPECT(OP1("cvt.d.l", RN, 0x20000000000001), 0x4340000000000000, I);
    EXPECT(OP1("cvt.d.l", RP, 0x20000000000001), 0x4340000000000001, I);
    EXPECT(WORD(OP1("cvt.s.w", RN, 0x01000001)), 0x4b800000, I);
    EXPECT(WORD(OP1("cvt.s.l", RN, -1ul)), 0xbf800000, 0);
}

/* The product is rounded before the addition. */
static void multiply_add(void)
{
    uint64_t up = 0x3ff0000000400000, down = 0x3fefffffff800000;

    EXPECT(OP3("madd.d", NEGD(ONE), up, down), 0, I);
    EXPECT(OP3("madd.d", ONE, TWO, THREE), 0x401c000000000000, 0);
    EXPECT(OP3("msub.d", ONE, TWO, THREE), 0x4014000000000000, 0);
    EXPECT(OP3("nmadd.d", ONE, TWO, THREE), 0xc01c000000000000, 0);
    EXPECT(OP3("nmsub.d", ONE, TWO, THREE), 0xc014000000000000, 0);
    EXPECT(WORD(OP3("madd.s", ONE_S, 0x40000000, 0x40000000)), 0x40a00000, 0);
}

/* Condition bit 0 after a comparison. */
#define COND(insn, x, y)                                                      \
    ({                                                                        \
        __asm__ volatile("ctc1 $0, $31\n\tdmtc1 %1, $f0\n\tdmtc1 %2, $f2\n\t" \
                         "c." insn ".d $f0, $f2\n\tcfc1 %0, $31"              \
                         : "=&r"(fcsr)                                        \
                         : "r"((uint64_t)(x)), "r"((uint64_t)(y))             \
                         : "$f0", "$f2");                                     \
        fcsr >> 23 & 1;                                                       \
    })
/* Results for less, equal, greater, unordered; V on a quiet NaN. */
#define PREDICATE(insn, lt, eq, gt, un, invalid)    \
    do {                                            \
        EXPECT(COND(insn, ONE, TWO), lt, 0);        \
        EXPECT(COND(insn, 0, NEGD(0)), eq, 0);      \
        EXPECT(COND(insn, ONE, NEGD(INF)), gt, 0);  \
        EXPECT(COND(insn, QNAN, ONE), un, invalid); \
        EXPECT(COND(insn, ONE, SNAN), un, V);       \
    } while (0)

static void predicates(void)
{
    PREDICATE("f", 0, 0, 0, 0, 0);
    PREDICATE("un", 0, 0, 0, 1, 0);
    PREDICATE("eq", 0, 1, 0, 0, 0);
    PREDICATE("ueq", 0, 1, 0, 1, 0);
    PREDICATE("olt", 1, 0, 0, 0, 0);
    PREDICATE("ult", 1, 0, 0, 1, 0);
    PREDICATE("ole", 1, 1, 0, 0, 0);
    PREDICATE("ule", 1, 1, 0, 1, 0);
    PREDICATE("sf", 0, 0, 0, 0, V);
    PREDICATE("ngle", 0, 0, 0, 1, V);
    PREDICATE("seq", 0, 1, 0, 0, V);
    PREDICATE("ngl", 0, 1, 0, 1, V);
    PREDICATE("lt", 1, 0, 0, 0, V);
    PREDICATE("nge", 1, 0, 0, 1, V);
    PREDICATE("le", 1, 1, 0, 0, V);
    PREDICATE("ngt", 1, 1, 0, 1, V);
}

/* All eight condition bits, and what reads them. */
static void condition_bits(void)
{
    uint64_t r, f;

    __asm__ volatile("ctc1 $0, $31\n\tdmtc1 %1, $f0\n\t"
                     "c.eq.d $fcc0, $f0, $f0\n\tc.eq.d $fcc3, $f0, $f0\n\t"
                     "c.eq.d $fcc7, $f0, $f0\n\tcfc1 %0, $31"
                     : "=r"(r)
                     : "r"(ONE)
                     : "$f0");
    CHECK((uint32_t)r, 0x88800000u);
    r = 1;
    __asm__ volatile("movt %0, %1, $fcc3" : "+r"(r) : "r"(5ul));
    CHECK(r, 5);
    __asm__ volatile("movf %0, %1, $fcc7" : "+r"(r) : "r"(6ul));
    CHECK(r, 5);
    __asm__ volatile("movf %0, %1, $fcc1" : "+r"(r) : "r"(7ul));
    CHECK(r, 7);
    __asm__ volatile("dmtc1 %1, $f0\n\tdmtc1 %2, $f2\n\t"
                     "movt.d $f0, $f2, $fcc0\n\tdmfc1 %0, $f0"
                     : "=r"(f)
                     : "r"(ONE), "r"(TWO)
                     : "$f0", "$f2");
    CHECK(f, TWO);
    __asm__ volatile("dmtc1 %1, $f0\n\tdmtc1 %2, $f2\n\t"
                     "movz.d $f0, $f2, %3\n\tdmfc1 %0, $f0"
                     : "=r"(f)
                     : "r"(ONE), "r"(TWO), "r"(1ul)
                     : "$f0", "$f2");
    CHECK(f, ONE);
    __asm__ volatile(".set push\n\t.set noreorder\n\tli %0, 0\n\t"
                     "bc1t $fcc3, 1f\n\t ori %0, 1\n\tori %0, 2\n"
                     "1:\tbc1fl $fcc3, 1b\n\t ori %0, 4\n\t"
                     "bc1tl $fcc7, 2f\n\t ori %0, 8\n\tori %0, 16\n"
                     "2:\t.set pop"
                     : "=&r"(r));
    CHECK(r, 9);
}

static uint64_t write_fcsr(uint64_t v, uint64_t unused)
{
    (void)unused;
    __asm__ volatile("ctc1 %0, $31" : : "r"(v));
    return 0;
}

static uint32_t read_fcsr(void)
{
    uint32_t v;

    __asm__ volatile("cfc1 %0, $31" : "=r"(v));
    return v;
}

#ifndef GUEST_LINUX
static uint64_t divide(uint64_t enable, uint64_t unused)
{
    uint64_t r;

    (void)unused;
    __asm__ volatile("ctc1 %1, $31\n\tdmtc1 %2, $f0\n\tdmtc1 $0, $f2\n\t"
                     "dmtc1 %3, $f4\n\tdiv.d $f4, $f0, $f2\n\tdmfc1 %0, $f4"
                     : "=r"(r)
                     : "r"(enable), "r"(ONE), "r"(TWO)
                     : "$f0", "$f2", "$f4");
    return r;
}

/* An enabled exception leaves the register and the flags alone. */
static void enabled(void)
{
    struct caught c;
    uint64_t f4;

    catch_trap(&c, divide, ENABLE(Z), 0);
    __asm__ volatile("dmfc1 %0, $f4" : "=r"(f4));
    fcsr = read_fcsr();
    write_fcsr(0, 0);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_FPE);
    CHECK(CAUSES(fcsr), Z);
    CHECK(FLAGS(fcsr), 0);
    CHECK(f4, TWO);
    catch_trap(&c, divide, ENABLE(O | U | V), 0);
    CHECK(c.taken, 0);
    CHECK(c.value, INF);
    CHECK(CAUSES(read_fcsr()), Z);
    catch_trap(&c, write_fcsr, (uint64_t)V << 12 | ENABLE(V), 0);
    fcsr = read_fcsr();
    write_fcsr(0, 0);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_FPE);
    CHECK(fcsr, (uint32_t)V << 12 | ENABLE(V));
    catch_trap(&c, write_fcsr, (uint64_t)V << 12, 0);
    CHECK(c.taken, 0);
    write_fcsr(0, 0);
}
#endif

/* Flags gather, causes are those of the last operation. */
static void sticky(void)
{
    uint32_t v;

    __asm__ volatile(
        "ctc1 $0, $31\n\tdmtc1 %1, $f0\n\tdmtc1 %2, $f2\n\t"
        "div.d $f4, $f0, $f2\n\tdmtc1 $0, $f6\n\t"
        "div.d $f4, $f0, $f6\n\tadd.d $f4, $f0, $f0\n\tcfc1 %0, $31"
        : "=&r"(v)
        : "r"(ONE), "r"(THREE)
        : "$f0", "$f2", "$f4", "$f6");
    CHECK(FLAGS(v), I | Z);
    CHECK(CAUSES(v), 0);
    write_fcsr(0xfffc007f, 0);
    CHECK(read_fcsr(), 0xff80007f);
    write_fcsr(0, 0);
}

#ifndef GUEST_LINUX
/* Status.FR = 0: a double is a pair of registers. */
static void register_pairs(void)
{
    static volatile uint64_t slot;
    uint64_t lo, hi;
    uint32_t status = rd_status();

    slot = 0x1122334455667788;
    wr_status(status & ~ST_FR);
    __asm__ volatile("ldc1 $f2, 0(%2)\n\tmfc1 %0, $f2\n\tmfc1 %1, $f3\n\t"
                     "mtc1 %3, $f5\n\tmtc1 %4, $f4\n\tsdc1 $f4, 0(%2)"
                     : "=&r"(lo), "=&r"(hi)
                     : "r"(&slot), "r"(0x01020304), "r"(0x05060708)
                     : "memory", "$f2", "$f3", "$f4", "$f5");
    wr_status(status);
    CHECK(lo, 0x55667788);
    CHECK(hi, 0x11223344);
    CHECK(slot, 0x0102030405060708);
}
#endif

static void loads_stores(void)
{
    static volatile uint64_t mem[4];
    uint64_t r;

    mem[1] = 0x8123456789abcdef;
    __asm__ volatile("ldc1 $f1, 8(%1)\n\tdmfc1 %0, $f1"
                     : "=r"(r)
                     : "r"(mem)
                     : "memory", "$f1");
    CHECK(r, 0x8123456789abcdef);
    __asm__ volatile("lwc1 $f1, 12(%1)\n\tmfc1 %0, $f1"
                     : "=r"(r)
                     : "r"(mem)
                     : "memory", "$f1");
    CHECK(r, 0xffffffff89abcdef);
    __asm__ volatile("ldxc1 $f1, %1(%0)\n\tsdxc1 $f1, %2(%0)\n\t"
                     "lwxc1 $f3, %2(%0)\n\tswxc1 $f3, %3(%0)"
                     :
                     : "r"(mem), "r"(8ul), "r"(16ul), "r"(28ul)
                     : "memory", "$f1", "$f3");
    CHECK(mem[2], 0x8123456789abcdef);
    CHECK(mem[3], 0x81234567);
    __asm__ volatile("prefx 0, %1(%0)" : : "r"(mem), "r"(1ul << 40));
}

static void in_c(void)
{
    volatile double a = 1.5, b = -2.25, sum = 0;
    volatile float f = 0.1f;
    volatile int n = 1000;

    CHECK((int64_t)(a * b * 1000), -3375);
    for (int i = 1; i <= n; i++)
        sum = sum + 1.0 / i;
    CHECK((int64_t)(sum * 1e9), 7485470860);
    CHECK((int64_t)(f * 1e9f), 100000000);
    CHECK((uint64_t)(a * 1e19), 15000000000000000000ul);
    CHECK(a > b && !(a < b) && a != b, 1);
}

const struct check checks[] = {
    { "add_sub_mul", add_sub_mul },
    { "divide_root", divide_root },
    { "single", single },
    { "underflow", underflow },
    { "nans", nans },
    { "sign_ops", sign_ops },
    { "to_integer", to_integer },
    { "to_integer_invalid", to_integer_invalid },
    { "from_integer", from_integer },
    { "multiply_add", multiply_add },
    { "predicates", predicates },
    { "condition_bits", condition_bits },
#ifndef GUEST_LINUX
    { "enabled", enabled },
    { "register_pairs", register_pairs },
#endif
    { "sticky", sticky },
    { "loads_stores", loads_stores },
    { "in_c", in_c },
    { NULL, NULL },
};
