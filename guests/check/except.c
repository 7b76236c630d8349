/*
 * except.c - exceptions without the TLB: cause, EPC, BD, BadVAddr, vector; the
 * instruction must have had no effect.
 */
#include "check.h"

SNIPPET(ov_add);
SNIPPET(ov_addi);
SNIPPET(ov_sub);
SNIPPET(ov_dadd);
SNIPPET(ov_daddi);
SNIPPET(ov_dsub);
SNIPPET(ov_slot);
SNIPPET(t_eq);
SNIPPET(t_ne);
SNIPPET(t_ge);
SNIPPET(t_geu);
SNIPPET(t_lt);
SNIPPET(t_ltu);
SNIPPET(t_eqi);
SNIPPET(t_nei);
SNIPPET(t_gei);
SNIPPET(t_geiu);
SNIPPET(t_lti);
SNIPPET(t_ltiu);
SNIPPET(t_slot);
SNIPPET(x_syscall);
SNIPPET(x_break);
SNIPPET(x_sys_slot);
SNIPPET(x_rdhwr);
SNIPPET(x_op3b);
SNIPPET(x_special5);
SNIPPET(x_cop2);
SNIPPET(x_fp);
SNIPPET(x_movt);
SNIPPET(x_lwc1);
SNIPPET(l_h);
SNIPPET(l_w);
SNIPPET(l_wu);
SNIPPET(l_d);
SNIPPET(l_l);
SNIPPET(l_ld);
SNIPPET(l_dc1);
SNIPPET(s_h);
SNIPPET(s_w);
SNIPPET(s_d);
SNIPPET(s_c);
SNIPPET(s_dc1);
SNIPPET(l_slot);
SNIPPET(s_slot);
uint64_t x_jump(uint64_t a, uint64_t b);
uint64_t x_nested(uint64_t a, uint64_t b);
uint64_t x_nullified(uint64_t a, uint64_t b);

#define NEG(n) (-(uint64_t)(n))
#define TOP    0x8000000000000000

static struct caught c;

/* An exception at the snippet's label; $v0 keeps b. */
#define TRAPS(fn, a, b, code, slot)                                       \
    do {                                                                  \
        catch_trap(&c, fn, a, b);                                         \
        check_trap(#fn, __LINE__, &c, code, (uint64_t)(uintptr_t)fn##_at, \
                   slot);                                                 \
        CHECK(c.f.reg[2], b);                                             \
        CHECK(c.f.vector, 0x180);                                         \
    } while (0)
#define RETURNS(fn, a, b, result)                               \
    do {                                                        \
        catch_trap(&c, fn, a, b);                               \
        check_eq(#fn " traps", __LINE__, (uint64_t)c.taken, 0); \
        check_eq(#fn, __LINE__, c.value, result);               \
    } while (0)

static void overflow(void)
{
    TRAPS(ov_add, 0x7fffffff, 1, EXC_OV, 0);
    TRAPS(ov_add, NEG(0x80000000), NEG(1), EXC_OV, 0);
    RETURNS(ov_add, 0x7fffffff, 0, 0x7fffffff);
    TRAPS(ov_addi, NEG(0x7fffffff), 9, EXC_OV, 0);
    TRAPS(ov_sub, NEG(0x80000000), 1, EXC_OV, 0);
    RETURNS(ov_sub, NEG(0x80000000), 0, NEG(0x80000000));
    TRAPS(ov_dadd, TOP - 1, 1, EXC_OV, 0);
    RETURNS(ov_dadd, 0x7fffffff, 1, 0x80000000);
    TRAPS(ov_daddi, TOP - 100, 9, EXC_OV, 0);
    TRAPS(ov_dsub, TOP, 1, EXC_OV, 0);
    TRAPS(ov_slot, 0x7fffffff, 1, EXC_OV, 1);
}

static void trap_register(void)
{
    TRAPS(t_eq, 4, 4, EXC_TR, 0);
    RETURNS(t_eq, 4, 5, 5);
    TRAPS(t_ne, 4, 5, EXC_TR, 0);
    RETURNS(t_ne, 4, 4, 4);
    TRAPS(t_ge, 4, NEG(4), EXC_TR, 0);
    TRAPS(t_ge, 4, 4, EXC_TR, 0);
    RETURNS(t_ge, NEG(4), 4, 4);
    TRAPS(t_geu, NEG(4), 4, EXC_TR, 0);
    RETURNS(t_geu, 4, NEG(4), NEG(4));
    TRAPS(t_lt, NEG(4), 4, EXC_TR, 0);
    RETURNS(t_lt, 4, 4, 4);
    TRAPS(t_ltu, 4, NEG(4), EXC_TR, 0);
    RETURNS(t_ltu, NEG(4), 4, 4);
    TRAPS(t_slot, 0, 3, EXC_TR, 1);
}

static void trap_immediate(void)
{
    TRAPS(t_eqi, NEG(5), 1, EXC_TR, 0);
    RETURNS(t_eqi, 5, 1, 1);
    TRAPS(t_nei, 5, 1, EXC_TR, 0);
    TRAPS(t_gei, NEG(5), 1, EXC_TR, 0);
    RETURNS(t_gei, NEG(6), 1, 1);
    TRAPS(t_geiu, NEG(1), 1, EXC_TR, 0);
    RETURNS(t_geiu, 5, 1, 1);
    TRAPS(t_lti, NEG(6), 1, EXC_TR, 0);
    RETURNS(t_lti, 0, 1, 1);
    TRAPS(t_ltiu, 5, 1, EXC_TR, 0);
    RETURNS(t_ltiu, NEG(5), 1, 1);
}

static void call_break(void)
{
    TRAPS(x_syscall, 1, 2, EXC_SYS, 0);
    TRAPS(x_break, 1, 2, EXC_BP, 0);
    TRAPS(x_sys_slot, 1, 2, EXC_SYS, 1);
}

static void reserved(void)
{
    TRAPS(x_rdhwr, 1, 2, EXC_RI, 0);
    TRAPS(x_op3b, 1, 2, EXC_RI, 0);
    TRAPS(x_special5, 1, 2, EXC_RI, 0);
}

static void coprocessors(void)
{
    uint32_t status = rd_status();
    uint64_t word = 0;

    TRAPS(x_cop2, 1, 2, EXC_CPU, 0);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 2);
    wr_status(status & ~ST_CU1);
    TRAPS(x_fp, 1, 2, EXC_CPU, 0);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 1);
    TRAPS(x_movt, 1, 2, EXC_CPU, 0);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 1);
    TRAPS(x_lwc1, (uint64_t)(uintptr_t)&word, 2, EXC_CPU, 0);
    wr_status(status);
    RETURNS(x_lwc1, (uint64_t)(uintptr_t)&word, 2, 2);
}

#define MISALIGNED(fn, code)           \
    do {                               \
        TRAPS(fn, at + 1, 2, code, 0); \
        CHECK(c.f.badvaddr, at + 1);   \
    } while (0)

static void alignment(void)
{
    static uint64_t data[4];
    uint64_t at = (uint64_t)(uintptr_t)data;

    data[0] = data[1] = 7;
    MISALIGNED(l_h, EXC_ADEL);
    MISALIGNED(l_w, EXC_ADEL);
    MISALIGNED(l_wu, EXC_ADEL);
    MISALIGNED(l_d, EXC_ADEL);
    MISALIGNED(l_l, EXC_ADEL);
    MISALIGNED(l_ld, EXC_ADEL);
    MISALIGNED(l_dc1, EXC_ADEL);
    MISALIGNED(s_h, EXC_ADES);
    MISALIGNED(s_w, EXC_ADES);
    MISALIGNED(s_d, EXC_ADES);
    MISALIGNED(s_c, EXC_ADES);
    MISALIGNED(s_dc1, EXC_ADES);
    TRAPS(l_d, at + 4, 2, EXC_ADEL, 0);
    TRAPS(s_w, at + 2, 2, EXC_ADES, 0);
    TRAPS(l_slot, at + 2, 2, EXC_ADEL, 1);
    TRAPS(s_slot, at + 4, 2, EXC_ADES, 1);
    CHECK(data[0], 7);
    CHECK(data[1], 7);
}

/* Holes of the 64-bit address space. */
static void address_holes(void)
{
    static const uint64_t holes[] = {
        0x0000100000000000, 0x3fffffffffffffff & ~7ul, 0x4000100000000000,
        0xa800010000000000, 0x9800f00000000000,        0xc000100000000000,
        0xc0000fff80000000, 0xffffffff7ffffff8
    };

    for (unsigned i = 0; i < sizeof holes / sizeof *holes; i++) {
        TRAPS(l_d, holes[i], 2, EXC_ADEL, 0);
        CHECK(c.f.badvaddr, holes[i]);
        TRAPS(s_d, holes[i], 2, EXC_ADES, 0);
    }
}

static void fetch(void)
{
    static const uint64_t bad[] = { 0xffffffff80100002, 0x0000100000000000,
                                    0xc000100000000000 };

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        catch_trap(&c, x_jump, bad[i], 0);
        CHECK_TRAP(&c, EXC_ADEL, bad[i], 0);
        CHECK(c.f.badvaddr, bad[i]);
    }
}

#ifndef GUEST_TESTMIPS
/* No region behind the address. */
static void bus_errors(void)
{
    uint64_t hole = KSEG1 + DISCO_BOARD_VIRTIO - 0x10000;

    TRAPS(l_w, hole, 2, EXC_DBE, 0);
    TRAPS(s_w, hole, 2, EXC_DBE, 0);
    TRAPS(l_slot, hole, 2, EXC_DBE, 1);
    catch_trap(&c, x_jump, hole, 0);
    CHECK_TRAP(&c, EXC_IBE, hole, 0);
}
#endif

static void nested(void)
{
    catch_trap(&c, x_nested, 0x1234567890, 0);
    CHECK_TRAP(&c, EXC_SYS, 0x1234567890, 0);
    CHECK(c.f.vector, 0x180);
    CHECK(c.f.status & ST_EXL, ST_EXL);
}

static void nullified(void)
{
    RETURNS(x_nullified, 1, 0, 77);
}

/* Status keeps its bits over an exception, but for EXL. */
static void status_kept(void)
{
    uint32_t status = rd_status();

    wr_status(status | ST_IM0 | ST_IM7);
    catch_trap(&c, x_syscall, 0, 0);
    CHECK((uint32_t)c.f.status, status | ST_IM0 | ST_IM7 | ST_EXL);
    CHECK(rd_status(), status | ST_IM0 | ST_IM7);
    wr_status(status);
}

const struct check checks[] = {
    { "overflow", overflow },
    { "trap_register", trap_register },
    { "trap_immediate", trap_immediate },
    { "call_break", call_break },
    { "reserved", reserved },
    { "coprocessors", coprocessors },
    { "alignment", alignment },
    { "address_holes", address_holes },
    { "fetch", fetch },
#ifndef GUEST_TESTMIPS
    { "bus_errors", bus_errors },
#endif
    { "nested", nested },
    { "nullified", nullified },
    { "status_kept", status_kept },
    { NULL, NULL },
};
