/*
 * test_mmu.c - the address map: who reaches which segment in which mode, and
 * where it leads (r10000.md section 5).
 */
#include "test_cpu.h"

enum { KERNEL = 0, SUPER = 1, USER = 2 };
enum { FAULT, MAPPED, DIRECT }; /* address error; TLB; unmapped */

#define U64(v) UINT64_C(v)
#define ALL    (ST_KX | ST_SX | ST_UX)

struct segment_case {
    uint64_t va;
    uint32_t status; /* KX, SX, UX, ERL */
    uint8_t mode, what;
    uint64_t pa;
};

static const struct segment_case cases[] = {
    /* 32-bit, kernel */
    { 0, 0, KERNEL, MAPPED, 0 },
    { 0x7ffff000, 0, KERNEL, MAPPED, 0 },
    { 0x7ffff000, ST_ERL, KERNEL, DIRECT, 0x7ffff000 },
    { KSEG0(0x12345000), 0, KERNEL, DIRECT, 0x12345000 },
    { KSEG1(0x12345000), 0, KERNEL, DIRECT, 0x12345000 },
    { U64(0xffffffffc0000000), 0, KERNEL, MAPPED, 0 },
    { U64(0xffffffffe0000000), 0, KERNEL, MAPPED, 0 },
    { U64(0xfffffffffffff000), 0, KERNEL, MAPPED, 0 },
    /* ... upper halves of data addresses are ignored */
    { 0x80001000, 0, KERNEL, DIRECT, 0x1000 },
    { U64(0x9800000080001000), 0, KERNEL, DIRECT, 0x1000 },
    { U64(0x123400001000), 0, KERNEL, MAPPED, 0 },
    /* 32-bit, supervisor and user */
    { 0x1000, 0, SUPER, MAPPED, 0 },
    { 0x7ffff000, 0, SUPER, MAPPED, 0 },
    { KSEG0(0), 0, SUPER, FAULT, 0 },
    { KSEG1(0), 0, SUPER, FAULT, 0 },
    { U64(0xffffffffc0000000), 0, SUPER, MAPPED, 0 },
    { U64(0xffffffffdffff000), 0, SUPER, MAPPED, 0 },
    { U64(0xffffffffe0000000), 0, SUPER, FAULT, 0 },
    { 0x1000, 0, USER, MAPPED, 0 },
    { 0x7ffff000, 0, USER, MAPPED, 0 },
    { KSEG0(0), 0, USER, FAULT, 0 },
    { KSEG1(0), 0, USER, FAULT, 0 },
    { U64(0xffffffffc0000000), 0, USER, FAULT, 0 },
    { U64(0xffffffffe0000000), 0, USER, FAULT, 0 },
    /* xkuseg */
    { 0x1000, ALL, KERNEL, MAPPED, 0 },
    { U64(0x00000ffffffff000), ALL, KERNEL, MAPPED, 0 },
    { U64(0x0000100000000000), ALL, KERNEL, FAULT, 0 },
    { U64(0x3ffffffffffff000), ALL, KERNEL, FAULT, 0 },
    { 0x7ffff000, ST_KX, KERNEL, MAPPED, 0 },
    { 0x80000000, ST_KX, KERNEL, FAULT, 0 },
    { U64(0x0000000100000000), ST_KX | ST_SX, KERNEL, FAULT, 0 },
    { 0x7ffff000, ALL | ST_ERL, KERNEL, DIRECT, 0x7ffff000 },
    { 0x80000000, ALL | ST_ERL, KERNEL, FAULT, 0 },
    { U64(0x00000ffffffff000), ALL | ST_ERL, KERNEL, FAULT, 0 },
    /* xsuseg, xuseg */
    { U64(0x00000ffffffff000), ST_SX, SUPER, MAPPED, 0 },
    { U64(0x0000100000000000), ST_SX, SUPER, FAULT, 0 },
    { U64(0x00000ffffffff000), ST_UX, USER, MAPPED, 0 },
    { U64(0x0000100000000000), ST_UX, USER, FAULT, 0 },
    { 0x80000000, ST_UX, USER, MAPPED, 0 },
    { 0x80000000, 0, USER, FAULT, 0 },
    /* xsseg, xksseg */
    { U64(0x4000000000000000), ALL, KERNEL, MAPPED, 0 },
    { U64(0x40000ffffffff000), ALL, KERNEL, MAPPED, 0 },
    { U64(0x4000100000000000), ALL, KERNEL, FAULT, 0 },
    { U64(0x4000000000000000), ST_KX | ST_UX, KERNEL, FAULT, 0 },
    { U64(0x4000000000000000), ST_SX, SUPER, MAPPED, 0 },
    { U64(0x40000ffffffff000), ST_SX, SUPER, MAPPED, 0 },
    { U64(0x4000100000000000), ST_SX, SUPER, FAULT, 0 },
    { U64(0x4000000000000000), ALL, USER, FAULT, 0 },
    /* xkphys */
    { U64(0x8000000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0x9000000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0x9600000000001000), ALL, KERNEL, DIRECT, 0x1000 }, /* UC = 3 */
    { U64(0x9200000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0x9100000000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0x9000010000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0x900000fffffff000), ALL, KERNEL, DIRECT, U64(0xfffffff000) },
    { U64(0x9800000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0x980000fffffff000), ALL, KERNEL, DIRECT, U64(0xfffffff000) },
    { U64(0x9800010000000000), ALL, KERNEL, FAULT, 0 },
    { U64(0x9a00000000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0x9c00000000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0xa000000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0xa800000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0xaa00000000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0xb800000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0xbe00000000001000), ALL, KERNEL, DIRECT, 0x1000 },
    { U64(0xbf00000000001000), ALL, KERNEL, FAULT, 0 },
    { U64(0x9800000000001000), ALL, SUPER, FAULT, 0 },
    { U64(0x9800000000001000), ALL, USER, FAULT, 0 },
    /* xkseg and the compatibility spaces */
    { U64(0xc000000000000000), ALL, KERNEL, MAPPED, 0 },
    { U64(0xc0000fff7ffff000), ALL, KERNEL, MAPPED, 0 },
    { U64(0xc0000fff80000000), ALL, KERNEL, FAULT, 0 },
    { U64(0xc000100000000000), ALL, KERNEL, FAULT, 0 },
    { U64(0xffffffff7ffff000), ALL, KERNEL, FAULT, 0 },
    { U64(0xc000000000000000), ALL, SUPER, FAULT, 0 },
    { U64(0xc000000000000000), ALL, USER, FAULT, 0 },
    { KSEG0(0x1000), ALL, KERNEL, DIRECT, 0x1000 },
    { KSEG1(0x1ffff000), ALL, KERNEL, DIRECT, 0x1ffff000 },
    { KSEG0(0x1000), ALL, SUPER, FAULT, 0 },
    { KSEG0(0x1000), ALL, USER, FAULT, 0 },
    { U64(0xffffffffc0000000), ALL, KERNEL, MAPPED, 0 },
    { U64(0xffffffffc0000000), ALL, SUPER, MAPPED, 0 },
    { U64(0xffffffffdffff000), ALL, SUPER, MAPPED, 0 },
    { U64(0xffffffffe0000000), ALL, SUPER, FAULT, 0 },
    { U64(0xffffffffe0000000), ALL, KERNEL, MAPPED, 0 },
    { U64(0xffffffffc0000000), ALL, USER, FAULT, 0 },
    /* EXL and ERL make any KSU kernel mode. */
    { KSEG0(0x1000), ST_EXL, USER, DIRECT, 0x1000 },
    { KSEG0(0x1000), ST_ERL, SUPER, DIRECT, 0x1000 },
    { U64(0x9800000000001000), ALL | ST_EXL, USER, DIRECT, 0x1000 },
};

/* What 32-bit addressing makes of it. */
static uint64_t canonical(const struct segment_case *c)
{
    bool kernel = c->mode == KERNEL || c->status & (ST_EXL | ST_ERL);
    uint32_t wide = kernel            ? c->status & ST_KX
                    : c->mode == USER ? c->status & ST_UX
                                      : c->status & ST_SX;

    return wide ? c->va : (uint64_t)(int64_t)(int32_t)c->va;
}

static disco_status translate(struct host_vcpu *v, uint64_t va, uint64_t *gpa)
{
    return mips_backend_ops.translate(v->state, va, DISCO_READ, gpa);
}

/* By the host's question, without entries and with one. */
static void test_segments(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct segment_case *c = &cases[i];
        uint64_t gpa = 0, page = canonical(c);

        SET_C0(v, C0_STATUS, c->status | (uint32_t)c->mode << 3);
        host_tlb(v, 0, U64(0x3000000000), 0, 0, 0);
        if (c->what == DIRECT) {
            assert_int_equal(translate(v, c->va + 8, &gpa), DISCO_OK);
            assert_int_equal(gpa, c->pa + 8);
            continue;
        }
        assert_int_equal(translate(v, c->va, &gpa), DISCO_E_FAULT);
        host_tlb(v, 0, page, LO(0x44000, LO_V), LO(0x45000, LO_V), 0);
        assert_int_equal(translate(v, c->va + 8, &gpa),
                         c->what == MAPPED ? DISCO_OK : DISCO_E_FAULT);
        if (c->what == MAPPED)
            assert_int_equal(gpa, (page & 0x1000 ? 0x45000 : 0x44000) + 8);
    }
    finish(v);
}

/*
 * By the guest: the instruction runs in kernel mode with ERL or in kseg0, or in
 * a user page; the exception tells what the segment is.
 */
static void test_segments_by_loads(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t code_va[] = { KSEG0(TEST_CODE), 0x400000, 0x400000 };

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(LW, 9, 0, 8));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct segment_case *c = &cases[i];
        bool kernel = c->status & (ST_EXL | ST_ERL);
        uint64_t pc = code_va[kernel ? KERNEL : c->mode];

        SET_C0(v, C0_STATUS, c->status | (uint32_t)c->mode << 3);
        host_tlb(v, 0, 0x400000, LO(TEST_CODE, LO_V | LO_G), LO(0, LO_G), 0);
        SET_GPR(v, 8, c->va);
        SET_PC(v, pc);
        run_exactly(v, 1);
        if (c->what == DIRECT && c->pa < TEST_RAM) {
            assert_int_equal(PC(v), pc + 4);
            continue;
        }
        assert_int_equal(exc_code(v), c->what == FAULT    ? EXC_ADEL
                                      : c->what == MAPPED ? EXC_TLBL
                                                          : EXC_DBE);
        if (c->what != DIRECT)
            assert_int_equal(C0(v, C0_BADVADDR), canonical(c));
    }
    finish(v);
}

/* A change of mode or of an address bit takes effect at the next access. */
static void test_mode_change_at_once(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_put32(v->host, TEST_DATA, 0x1234);
    SET_GPR(v, 4, XKPHYS(TEST_DATA));
    SET_GPR(v, 5, TEST_DATA);
    SET_GPR(v, 10, TEST_STATUS);
    SET_GPR(v, 11, TEST_STATUS & ~ST_KX);
    SET_GPR(v, 12, TEST_STATUS | ST_ERL);
    /* ERL: useg is direct; then it is not. */
    HOST_CODE(v->host, TEST_CODE, CP0(MTC0, 12, C0_STATUS), MEM(LW, 8, 0, 5),
              CP0(MTC0, 10, C0_STATUS), MEM(LW, 9, 0, 5));
    run_exactly(v, 4);
    assert_int_equal(GPR(v, 8), 0x1234);
    check_exception(v, EXC_TLBL, 0x080, KSEG0(TEST_CODE + 12));
    /* xkphys without KX is another address altogether. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    HOST_CODE(v->host, TEST_CODE, MEM(LW, 8, 0, 4), CP0(MTC0, 11, C0_STATUS),
              MEM(LW, 9, 0, 4));
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 3);
    assert_int_equal(GPR(v, 8), 0x1234);
    check_exception(v, EXC_TLBL, 0x080, KSEG0(TEST_CODE + 8));
    assert_int_equal(C0(v, C0_BADVADDR), TEST_DATA);
    finish(v);
}

/* KSU written to user while in kseg0: the next fetch is an address error. */
static void test_leave_kernel_mode(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, CP0(MTC0, 8, C0_STATUS), LI(9, 1));
    SET_GPR(v, 8, TEST_STATUS | 0x10);
    run_exactly(v, 2);
    check_exception(v, EXC_ADEL, 0x180, KSEG0(TEST_CODE + 4));
    assert_int_equal(GPR(v, 9), 0);
    finish(v);
}

/* Reverse-endian user mode. */
static void test_reverse_endian(void **state)
{
    struct host_vcpu *v = start();
    uint32_t word = MEM(LW, 9, 0, 8);

    (void)state;
    host_tlb(v, 0, 0x400000, LO(TEST_CODE, LO_V | LO_G),
             LO(TEST_DATA, LO_V | LO_G), 0);
    host_put32(v->host, TEST_CODE, __builtin_bswap32(word));
    host_put32(v->host, TEST_DATA, 0x11223344);
    SET_GPR(v, 8, 0x401000);
    SET_C0(v, C0_STATUS, ST_RE | ST_UX | 0x10);
    SET_PC(v, 0x400000);
    run_exactly(v, 1);
    assert_int_equal(GPR(v, 9), 0x44332211);
    assert_int_equal(PC(v), 0x400004);
    /* The kernel is not reversed. */
    HOST_CODE(v->host, 0x180, MEM(LW, 9, 0, 8));
    host_put32(v->host, TEST_CODE + 4, __builtin_bswap32(ASM(SYSCALL)));
    host_drop_code(v->host, TEST_CODE);
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 9), 0x11223344);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_segments_by_loads),
        cmocka_unit_test(test_mode_change_at_once),
        cmocka_unit_test(test_leave_kernel_mode),
        cmocka_unit_test(test_reverse_endian),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
