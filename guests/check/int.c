/*
 * int.c - integer arithmetic, logic, shifts, multiplication and division, on
 * instructions and on what the compiler makes of C.
 */
#include "check.h"

#define OP2(insn, x, y)                                             \
    ({                                                              \
        uint64_t r_;                                                \
        __asm__ volatile(insn " %0, %1, %2"                         \
                         : "=r"(r_)                                 \
                         : "r"((uint64_t)(x)), "r"((uint64_t)(y))); \
        r_;                                                         \
    })
#define OPI(insn, x, imm)                       \
    ({                                          \
        uint64_t r_;                            \
        __asm__ volatile(insn " %0, %1, " #imm  \
                         : "=r"(r_)             \
                         : "r"((uint64_t)(x))); \
        r_;                                     \
    })
/* HI and LO after a multiplication or division. */
#define MD(insn, x, y, hi, lo)                                \
    __asm__ volatile(insn " %2, %3\n\tmfhi %0\n\tmflo %1"     \
                     : "=&r"(hi), "=&r"(lo)                   \
                     : "r"((uint64_t)(x)), "r"((uint64_t)(y)) \
                     : "hi", "lo")

#define TOP    0x8000000000000000
#define NEG32  0xffffffff80000000
#define NEG(n) (-(uint64_t)(n))

static void add_sub(void)
{
    CHECK(OP2("addu", 0x7fffffff, 1), NEG32);
    CHECK(OP2("addu", NEG(1), 1), 0);
    CHECK(OP2("addu", NEG32, NEG32), 0);
    CHECK(OP2("add", 0x7ffffffe, 1), 0x7fffffff);
    CHECK(OP2("add", NEG32, 0x7fffffff), NEG(1));
    CHECK(OP2("subu", NEG32, 1), 0x7fffffff);
    CHECK(OP2("sub", 5, 7), NEG(2));
    CHECK(OP2("daddu", 0x7fffffff, 1), 0x80000000);
    CHECK(OP2("daddu", TOP, TOP), 0);
    CHECK(OP2("dadd", TOP, TOP - 1), NEG(1));
    CHECK(OP2("dsubu", 0, 1), NEG(1));
    CHECK(OP2("dsub", 0x100000000, 1), 0xffffffff);
    CHECK(OPI("addiu", 0x7fffffff, 1), NEG32);
    CHECK(OPI("addiu", 0, -32768), NEG(32768));
    CHECK(OPI("addi", 10, -11), NEG(1));
    CHECK(OPI("daddiu", 0x7fffffff, 32767), 0x80007ffe);
    CHECK(OPI("daddi", 0, -1), NEG(1));
}

static void logic(void)
{
    uint64_t a = 0xff00f0f012345678, b = 0x0ff0ffff0000ffff;

    CHECK(OP2("and", a, b), 0x0f00f0f000005678);
    CHECK(OP2("or", a, b), 0xfff0ffff1234ffff);
    CHECK(OP2("xor", a, b), 0xf0f00f0f1234a987);
    CHECK(OP2("nor", a, b), 0x000f0000edcb0000);
    CHECK(OPI("andi", NEG(1), 0xffff), 0xffff);
    CHECK(OPI("ori", NEG32, 0x8001), 0xffffffff80008001);
    CHECK(OPI("xori", NEG(1), 0xffff), 0xffffffffffff0000);
}

static void compare(void)
{
    CHECK(OP2("slt", NEG(1), 0), 1);
    CHECK(OP2("slt", 0, NEG(1)), 0);
    CHECK(OP2("slt", TOP, TOP - 1), 1);
    CHECK(OP2("sltu", NEG(1), 0), 0);
    CHECK(OP2("sltu", 0xffffffff, 0x100000000), 1);
    CHECK(OPI("slti", NEG(5), -4), 1);
    CHECK(OPI("slti", 7, 7), 0);
    CHECK(OPI("sltiu", 5, -1), 1);
    CHECK(OPI("sltiu", NEG(1), -1), 0);
}

static void shifts_32(void)
{
    CHECK(OPI("sll", 0x12345678, 4), 0x23456780);
    CHECK(OPI("sll", 1, 31), NEG32);
    CHECK(OPI("sll", 0xffffffff00000001, 0), 1);
    CHECK(OPI("srl", NEG(1), 1), 0x7fffffff);
    CHECK(OPI("srl", NEG32, 0), NEG32);
    CHECK(OPI("sra", NEG32, 31), NEG(1));
    CHECK(OPI("sra", 0x40000000, 30), 1);
    CHECK(OP2("sllv", 1, 31), NEG32);
    CHECK(OP2("sllv", 1, 33), 2);
    CHECK(OP2("srlv", NEG(1), 36), 0x0fffffff);
    CHECK(OP2("srav", NEG32, 35), 0xfffffffff0000000);
}

static void shifts_64(void)
{
    CHECK(OPI("dsll", 1, 31), 0x80000000);
    CHECK(OPI("dsll32", 1, 31), TOP);
    CHECK(OPI("dsrl", NEG(1), 1), TOP - 1);
    CHECK(OPI("dsrl32", NEG(1), 0), 0xffffffff);
    CHECK(OPI("dsra", TOP, 31), 0xffffffff00000000);
    CHECK(OPI("dsra32", TOP, 31), NEG(1));
    CHECK(OP2("dsllv", 3, 63), TOP);
    CHECK(OP2("dsllv", 3, 64), 3);
    CHECK(OP2("dsrlv", TOP, 63), 1);
    CHECK(OP2("dsrav", TOP, 127), NEG(1));
}

static void mult_div_32(void)
{
    uint64_t hi, lo;

    MD("mult", NEG(3), 5, hi, lo);
    CHECK(hi, NEG(1));
    CHECK(lo, NEG(15));
    MD("mult", NEG32, NEG32, hi, lo);
    CHECK(hi, 0x40000000);
    CHECK(lo, 0);
    MD("mult", 0x7fffffff, 0x7fffffff, hi, lo);
    CHECK(hi, 0x3fffffff);
    CHECK(lo, 1);
    MD("multu", NEG(1), NEG(1), hi, lo);
    CHECK(hi, 0xfffffffffffffffe);
    CHECK(lo, 1);
    MD("multu", 0x10000, 0x8000, hi, lo);
    CHECK(hi, 0);
    CHECK(lo, NEG32);
    MD("div $0,", 7, NEG(2), hi, lo);
    CHECK(hi, 1);
    CHECK(lo, NEG(3));
    MD("div $0,", NEG(7), 2, hi, lo);
    CHECK(hi, NEG(1));
    CHECK(lo, NEG(3));
    MD("divu $0,", NEG(1), 16, hi, lo);
    CHECK(hi, 15);
    CHECK(lo, 0x0fffffff);
    MD("divu $0,", NEG(2), NEG(1), hi, lo);
    CHECK(hi, NEG(2));
    CHECK(lo, 0);
}

static void mult_div_64(void)
{
    uint64_t hi, lo;

    MD("dmult", NEG(3), 5, hi, lo);
    CHECK(hi, NEG(1));
    CHECK(lo, NEG(15));
    MD("dmult", TOP, TOP, hi, lo);
    CHECK(hi, 0x4000000000000000);
    CHECK(lo, 0);
    MD("dmultu", NEG(1), NEG(1), hi, lo);
    CHECK(hi, 0xfffffffffffffffe);
    CHECK(lo, 1);
    MD("dmultu", 0x123456789abcdef0, 0xfedcba9876543210, hi, lo);
    CHECK(hi, 0x121fa00ad77d7422);
    CHECK(lo, 0x236d88fe5618cf00);
    MD("ddiv $0,", NEG(1000000000000007), 10, hi, lo);
    CHECK(hi, NEG(7));
    CHECK(lo, NEG(100000000000000));
    MD("ddivu $0,", NEG(1), 10, hi, lo);
    CHECK(hi, 5);
    CHECK(lo, 0x1999999999999999);
    MD("ddivu $0,", TOP, 0x100000001, hi, lo);
    CHECK(hi, 0x80000001);
    CHECK(lo, 0x7fffffff);
}

static void divide_by_zero(void)
{
    uint64_t hi, lo;

    /* No exception.  The results are not defined; of the overflow cases the
     * monitor's CPU promises the wrapped quotient. */
    MD("div $0,", 5, 0, hi, lo);
    MD("divu $0,", 5, 0, hi, lo);
    MD("ddiv $0,", 5, 0, hi, lo);
    MD("ddivu $0,", 5, 0, hi, lo);
    MD("div $0,", NEG32, NEG(1), hi, lo);
#ifndef GUEST_TESTMIPS
    CHECK(lo, NEG32);
#endif
    MD("ddiv $0,", TOP, NEG(1), hi, lo);
#ifndef GUEST_TESTMIPS
    CHECK(lo, TOP);
#endif
}

static void hi_lo(void)
{
    uint64_t hi, lo;

    __asm__ volatile("mthi %2\n\tmtlo %3\n\tmfhi %0\n\tmflo %1"
                     : "=&r"(hi), "=&r"(lo)
                     : "r"(0x0123456789abcdef), "r"(NEG(2))
                     : "hi", "lo");
    CHECK(hi, 0x0123456789abcdef);
    CHECK(lo, NEG(2));
}

static void move_if(void)
{
    uint64_t a = 1, b = 1;

    __asm__ volatile("movz %0, %1, %2" : "+r"(a) : "r"(7ul), "r"(0ul));
    __asm__ volatile("movz %0, %1, %2" : "+r"(b) : "r"(7ul), "r"(TOP));
    CHECK(a, 7);
    CHECK(b, 1);
    __asm__ volatile("movn %0, %1, %2" : "+r"(a) : "r"(9ul), "r"(0ul));
    __asm__ volatile("movn %0, %1, %2" : "+r"(b) : "r"(9ul), "r"(TOP));
    CHECK(a, 7);
    CHECK(b, 9);
}

static void zero_register(void)
{
    uint64_t r;

    __asm__ volatile("ori $0, $0, 0xffff\n\tlui $0, 0x7fff\n\tmove %0, $0"
                     : "=r"(r));
    CHECK(r, 0);
    __asm__ volatile("lui %0, 0x8000" : "=r"(r));
    CHECK(r, NEG32);
}

static void in_c(void)
{
    volatile int64_t a = -123456789012345, b = 1000003;
    volatile uint64_t ua = 0xfedcba9876543210, ub = 0x12345;
    volatile int32_t i = -2000000000, j = 37;
    volatile uint32_t u = 4000000000u, n = 5;

    CHECK((uint64_t)a * (uint64_t)b, 0x4eb00fa53eaa5155);
    CHECK(a / b, -123456418);
    CHECK(a % b, -643091);
    CHECK(ua / ub, 0xe0004fa01c4d);
    CHECK(ua % ub, 0x10a4f);
    CHECK((int64_t)(i * (int64_t)j), -74000000000);
    CHECK((int64_t)(i / j), -54054054);
    CHECK((int64_t)(i % j), -2);
    CHECK(u >> n, 125000000);
    CHECK((uint32_t)(u << n), 3445948416u);
    CHECK((uint64_t)((unsigned __int128)ua * ub >> 64), 0x121f9);
    CHECK((int64_t)(int8_t)(u >> 8), 0x28);
    CHECK((int64_t)(int16_t)(uint16_t)ua, 0x3210);
}

const struct check checks[] = {
    { "add_sub", add_sub },
    { "logic", logic },
    { "compare", compare },
    { "shifts_32", shifts_32 },
    { "shifts_64", shifts_64 },
    { "mult_div_32", mult_div_32 },
    { "mult_div_64", mult_div_64 },
    { "divide_by_zero", divide_by_zero },
    { "hi_lo", hi_lo },
    { "move_if", move_if },
    { "zero_register", zero_register },
    { "in_c", in_c },
    { NULL, NULL },
};
