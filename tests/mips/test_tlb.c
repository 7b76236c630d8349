/*
 * test_tlb.c - the 64 entries and the four instructions on them, without the
 * L2TLB behind them.
 */
#include "test_cpu.h"

#define U64(v)         UINT64_C(v)
#define VA             U64(0x10000000)
#define PA_EVEN        0x100000
#define PA_ODD         0x200000
#define MASK_OF(bytes) ((uint32_t)((bytes)-1) & 0x01ffe000)

/* Write entry `index` as a guest does: MTC0, TLBWI. */
static void write_entry(struct host_vcpu *v, unsigned index, uint64_t hi,
                        uint64_t lo0, uint64_t lo1, uint32_t mask)
{
    SET_C0(v, C0_INDEX, index);
    SET_C0(v, C0_ENTRYHI, hi);
    SET_C0(v, C0_ENTRYLO0, lo0);
    SET_C0(v, C0_ENTRYLO1, lo1);
    SET_C0(v, C0_PAGEMASK, mask);
    run_word(v, ASM(TLBWI));
}

static uint32_t probe(struct host_vcpu *v, uint64_t hi)
{
    SET_C0(v, C0_ENTRYHI, hi);
    run_word(v, ASM(TLBP));
    return (uint32_t)C0(v, C0_INDEX);
}

/* A load from va: exception or EXC_NONE. */
static unsigned load(struct host_vcpu *v, uint64_t va)
{
    SET_C0(v, C0_STATUS, (uint32_t)C0(v, C0_STATUS) & ~ST_EXL);
    SET_GPR(v, 8, va);
    run_word(v, MEM(LW, 9, 0, 8));
    return C0(v, C0_STATUS) & ST_EXL ? exc_code(v) : (unsigned)EXC_NONE;
}

static unsigned store(struct host_vcpu *v, uint64_t va, uint32_t value)
{
    SET_C0(v, C0_STATUS, (uint32_t)C0(v, C0_STATUS) & ~ST_EXL);
    SET_GPR(v, 8, va);
    SET_GPR(v, 9, value);
    run_word(v, MEM(SW, 9, 0, 8));
    return C0(v, C0_STATUS) & ST_EXL ? exc_code(v) : (unsigned)EXC_NONE;
}

static disco_status translate(struct host_vcpu *v, uint64_t va, uint64_t *gpa)
{
    return mips_backend_ops.translate(v->state, va, DISCO_READ, gpa);
}

static void test_page_sizes(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned shift = 12; shift <= 24; shift += 2) {
        uint64_t bytes = U64(1) << shift, even = bytes * 6, odd = bytes * 9;
        uint64_t base = U64(0x300000000), gpa;

        /* VPN2 bits inside the mask are ignored. */
        write_entry(v, 5, base + (shift > 12 ? 0x2000 : 0), LO(even, LO_V),
                    LO(odd, LO_V), MASK_OF(2 * bytes));
        assert_int_equal(translate(v, base + 0x123, &gpa), 0);
        assert_int_equal(gpa, even + 0x123);
        assert_int_equal(translate(v, base + bytes - 1, &gpa), 0);
        assert_int_equal(gpa, even + bytes - 1);
        assert_int_equal(translate(v, base + bytes + 0x55, &gpa), 0);
        assert_int_equal(gpa, odd + 0x55);
        assert_int_equal(translate(v, base + 2 * bytes - 4, &gpa), 0);
        assert_int_equal(gpa, odd + bytes - 4);
        assert_int_not_equal(translate(v, base + 2 * bytes, &gpa), 0);
        assert_int_not_equal(translate(v, base - 1, &gpa), 0);
        /* PFN bits below the page size are ignored too. */
        write_entry(v, 5, base, LO(even + bytes / 2, LO_V), LO(odd, LO_V),
                    MASK_OF(2 * bytes));
        assert_int_equal(translate(v, base + 8, &gpa), 0);
        assert_int_equal(gpa, even + 8 + (shift > 12 ? 0 : 0));
    }
    finish(v);
}

static void test_asid_and_global(void **state)
{
    struct host_vcpu *v = start();
    uint64_t gpa;

    (void)state;
    write_entry(v, 0, VA | 5, LO(PA_EVEN, LO_V), LO(PA_ODD, LO_V), 0);
    write_entry(v, 1, VA + 0x2000, LO(PA_EVEN, LO_V | LO_G),
                LO(PA_ODD, LO_V | LO_G), 0);
    /* One G does not make an entry global. */
    write_entry(v, 2, (VA + 0x4000) | 5, LO(PA_EVEN, LO_V | LO_G),
                LO(PA_ODD, LO_V), 0);
    for (unsigned asid = 0; asid < 256; asid++) {
        bool own = asid == 5;

        SET_C0(v, C0_ENTRYHI, asid);
        assert_int_equal(translate(v, VA, &gpa) == 0, own);
        assert_int_equal(translate(v, VA + 0x2000, &gpa), 0);
        assert_int_equal(translate(v, VA + 0x4000, &gpa) == 0, own);
        assert_int_equal(load(v, VA + 0x1000), own ? EXC_NONE : EXC_TLBL);
        assert_int_equal(load(v, VA + 0x2000), EXC_NONE);
        check_invariants(v);
    }
    finish(v);
}

/* V and D decide for each half by itself. */
static void test_valid_and_dirty(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    write_entry(v, 0, VA, LO(PA_EVEN, LO_V | LO_D), LO(PA_ODD, LO_V), 0);
    assert_int_equal(store(v, VA, 7), EXC_NONE);
    assert_int_equal(host_get32(v->host, PA_EVEN), 7);
    assert_int_equal(store(v, VA + 0x1000, 7), EXC_MOD);
    assert_int_equal(PC(v), KSEG0(0x180));
    assert_int_equal(load(v, VA + 0x1000), EXC_NONE);
    assert_int_equal(store(v, VA + 0x1000, 7), EXC_MOD);
    write_entry(v, 0, VA, LO(PA_EVEN, LO_D), LO(PA_ODD, LO_V | LO_D), 0);
    assert_int_equal(load(v, VA), EXC_TLBL);
    assert_int_equal(PC(v), KSEG0(0x180));
    assert_int_equal(store(v, VA, 7), EXC_TLBS);
    assert_int_equal(store(v, VA + 0x1000, 9), EXC_NONE);
    assert_int_equal(host_get32(v->host, PA_ODD), 9);
    finish(v);
}

/*
 * A write takes what the tables hold of the old entry with it, in every
 * segment: also where addresses are sign-extended and tags are not.
 */
static void test_write_replaces(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t where[] = { VA,
                               U64(0x00000f0000000000),
                               U64(0x4000000010000000),
                               U64(0xc000000010000000),
                               U64(0xffffffffc0000000),
                               U64(0xffffffffe0000000),
                               U64(0xffffffffffff0000) };

    (void)state;
    host_put32(v->host, PA_EVEN, 1);
    host_put32(v->host, PA_ODD, 2);
    for (unsigned i = 0; i < 7 * 2; i++) {
        uint64_t va = where[i / 2];
        uint32_t mask = i & 1 ? 0x6000 : 0;

        write_entry(v, 3, va, LO(PA_EVEN, LO_V), LO(PA_EVEN, LO_V), mask);
        assert_int_equal(load(v, va), EXC_NONE);
        assert_int_equal(GPR(v, 9), 1);
        write_entry(v, 3, va, LO(PA_ODD, LO_V), LO(PA_EVEN, LO_V), mask);
        assert_int_equal(load(v, va), EXC_NONE);
        assert_int_equal(GPR(v, 9), 2);
        write_entry(v, 3, va, 0, 0, mask);
        assert_int_equal(load(v, va), EXC_TLBL);
        assert_int_equal(PC(v), KSEG0(0x180));
        write_entry(v, 3, KSEG0(0x6000), 0, 0, 0);
        assert_int_equal(load(v, va), EXC_TLBL);
        assert_int_equal(PC(v), KSEG0(0x080));
        check_invariants(v);
    }
    finish(v);
}

/* The same for code that runs there. */
static void test_write_replaces_code(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t where[] = { VA, U64(0xffffffffc0000000) };

    (void)state;
    HOST_CODE(v->host, PA_EVEN, LI(10, 1));
    HOST_CODE(v->host, PA_ODD, LI(10, 2));
    for (unsigned i = 0; i < 2; i++) {
        write_entry(v, 3, where[i], LO(PA_EVEN, LO_V), 0, 0);
        SET_PC(v, where[i]);
        run_exactly(v, 1);
        assert_int_equal(GPR(v, 10), 1);
        write_entry(v, 3, where[i], LO(PA_ODD, LO_V), 0, 0);
        SET_PC(v, where[i]);
        run_exactly(v, 1);
        assert_int_equal(GPR(v, 10), 2);
    }
    finish(v);
}

/* Code that unmaps itself, or changes its own ASID, goes on elsewhere. */
static void test_code_unmaps_itself(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, PA_EVEN, ASM(TLBWI), LI(10, 1));
    HOST_CODE(v->host, PA_ODD, LI(10, 9), LI(10, 2));
    write_entry(v, 3, VA, LO(PA_EVEN, LO_V), 0, 0);
    SET_C0(v, C0_ENTRYLO0, LO(PA_ODD, LO_V));
    SET_PC(v, VA);
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 10), 2);
    /* EntryHi by MTC0, and by TLBR of an entry with another ASID. */
    HOST_CODE(v->host, PA_EVEN, CP0(MTC0, 8, C0_ENTRYHI), LI(10, 5), ASM(TLBR),
              LI(10, 6));
    write_entry(v, 4, 0x777000 | 1, 0, 0, 0);
    write_entry(v, 3, VA, LO(PA_EVEN, LO_V), 0, 0);
    SET_GPR(v, 8, 1);
    SET_PC(v, VA);
    run_exactly(v, 2);
    check_exception(v, EXC_TLBL, 0x080, VA + 4);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_C0(v, C0_ENTRYHI, 0);
    SET_C0(v, C0_INDEX, 4);
    SET_PC(v, VA + 8);
    run_exactly(v, 2);
    check_exception(v, EXC_TLBL, 0x080, VA + 12);
    assert_int_equal(C0(v, C0_ENTRYHI) & 0xff, 1);
    finish(v);
}

/* A duplicate kills the older entry, wired or not, and sets TS. */
static void test_duplicates(void **state)
{
    struct host_vcpu *v = start();
    uint64_t gpa;

    (void)state;
    SET_C0(v, C0_WIRED, 8);
    write_entry(v, 1, VA | 5, LO(PA_EVEN, LO_V), LO(PA_EVEN, LO_V), 0);
    assert_false(C0(v, C0_STATUS) & ST_TS);
    SET_C0(v, C0_ENTRYHI, 5);
    assert_int_equal(load(v, VA), EXC_NONE);
    write_entry(v, 20, VA | 5, LO(PA_ODD, LO_V), LO(PA_ODD, LO_V), 0);
    assert_true(C0(v, C0_STATUS) & ST_TS);
    assert_int_equal(translate(v, VA, &gpa), 0);
    assert_int_equal(gpa, PA_ODD);
    assert_int_equal(probe(v, VA | 5), 20);
    check_invariants(v);
    /* The next write without a duplicate clears TS. */
    write_entry(v, 21, (VA + 0x2000) | 5, 0, 0, 0);
    assert_false(C0(v, C0_STATUS) & ST_TS);
    /* Rewriting an entry in place is none. */
    write_entry(v, 20, VA | 5, LO(PA_ODD, LO_V), LO(PA_ODD, LO_V), 0);
    assert_false(C0(v, C0_STATUS) & ST_TS);
    /* Another ASID is none; a global entry collides with all of them. */
    write_entry(v, 22, VA | 6, LO(PA_ODD, LO_V), LO(PA_ODD, LO_V), 0);
    assert_false(C0(v, C0_STATUS) & ST_TS);
    write_entry(v, 23, VA | 9, LO(PA_EVEN, LO_V | LO_G),
                LO(PA_EVEN, LO_V | LO_G), 0);
    assert_true(C0(v, C0_STATUS) & ST_TS);
    assert_int_equal(probe(v, VA | 5), 23);
    assert_int_equal(probe(v, VA | 6), 23);
    /* A large page over a small one, and a small one inside a large one. */
    write_entry(v, 24, VA | 9, LO(PA_EVEN, LO_V), LO(PA_EVEN, LO_V), 0x6000);
    assert_true(C0(v, C0_STATUS) & ST_TS);
    write_entry(v, 25, (VA + 0x6000) | 9, 0, 0, 0);
    assert_true(C0(v, C0_STATUS) & ST_TS);
    assert_int_equal(probe(v, VA | 9), 0x80000000u | 25);
    assert_int_equal(probe(v, (VA + 0x6000) | 9), 25);
    /* Also entries that are not valid. */
    write_entry(v, 26, (VA + 0x6000) | 9, 0, 0, 0);
    assert_true(C0(v, C0_STATUS) & ST_TS);
    /* Software clears TS; it cannot set it. */
    SET_GPR(v, 8, TEST_STATUS | ST_TS);
    run_word(v, CP0(MTC0, 8, C0_STATUS));
    assert_true(C0(v, C0_STATUS) & ST_TS);
    SET_GPR(v, 8, TEST_STATUS);
    run_word(v, CP0(MTC0, 8, C0_STATUS));
    assert_false(C0(v, C0_STATUS) & ST_TS);
    SET_GPR(v, 8, TEST_STATUS | ST_TS);
    run_word(v, CP0(MTC0, 8, C0_STATUS));
    assert_false(C0(v, C0_STATUS) & ST_TS);
    finish(v);
}

/* Entries of one VPN2 in different regions are different. */
static void test_regions_differ(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t r[] = { VA, VA | U64(1) << 62, VA | U64(3) << 62 };
    uint64_t gpa;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        write_entry(v, i, r[i], LO(0x1000 * (i + 1), LO_V), 0, 0);
    assert_false(C0(v, C0_STATUS) & ST_TS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(translate(v, r[i] + 4, &gpa), 0);
        assert_int_equal(gpa, 0x1000 * (i + 1) + 4);
        assert_int_equal(probe(v, r[i]), i);
    }
    finish(v);
}

static void test_probe_and_read(void **state)
{
    struct host_vcpu *v = start();
    uint64_t hi = U64(0x40000abcdef0e000);

    (void)state;
    write_entry(v, 63, hi | 0xa5, LO(U64(0xff12345000), LO_V | LO_D | LO_C),
                LO(0x6789a000, LO_G | LO_V), 0);
    write_entry(v, 0, VA, LO(0, LO_G), LO(0, LO_G), MASK_OF(0x2000000));
    assert_int_equal(probe(v, hi | 0xa5), 63);
    assert_int_equal(probe(v, hi | 0xa4) >> 31, 1);
    SET_C0(v, C0_INDEX, 63);
    SET_C0(v, C0_PAGEMASK, 0x6000);
    run_word(v, ASM(TLBR));
    assert_int_equal(C0(v, C0_ENTRYHI), hi | 0xa5);
    assert_int_equal(C0(v, C0_ENTRYLO0),
                     LO(U64(0xff12345000), LO_V | LO_D | LO_C));
    assert_int_equal(C0(v, C0_ENTRYLO1), LO(0x6789a000, LO_V));
    assert_int_equal(C0(v, C0_PAGEMASK), 0);
    SET_C0(v, C0_INDEX, 0);
    run_word(v, ASM(TLBR));
    assert_int_equal(C0(v, C0_ENTRYHI), VA);
    assert_int_equal(C0(v, C0_ENTRYLO0), LO_G);
    assert_int_equal(C0(v, C0_ENTRYLO1), LO_G);
    assert_int_equal(C0(v, C0_PAGEMASK), MASK_OF(0x2000000));
    finish(v);
}

/* TLBWR keeps out of the wired ones and reaches all others. */
static void test_random_range(void **state)
{
    struct host_vcpu *v = start();
    const unsigned wired[] = { 0, 8, 62, 63 };
    unsigned turns = 0;

    (void)state;
    for (unsigned w = 0; w < 4; w++) {
        uint64_t seen = 0;

        SET_C0(v, C0_WIRED, wired[w]);
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t va = VA + 0x2000 * (uint64_t)turns++;
            uint32_t index;

            SET_C0(v, C0_ENTRYHI, va);
            run_word(v, ASM(TLBWR));
            index = probe(v, va);
            assert_in_range(index, wired[w], 63);
            seen |= U64(1) << index;
            run_word(v, NOP_WORD);
            if (i % 3 == 0)
                run_word(v, NOP_WORD);
        }
        assert_int_equal(seen, UINT64_MAX << wired[w]);
    }
    finish(v);
}

/* FrameMask clears PFN bits 39..24 at the write, not UC. */
static void test_framemask(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_C0(v, C0_FRAMEMASK, 0x00f1);
    write_entry(v, 7, VA, LO(U64(0xffff123000), LO_V) | U64(3) << 62,
                LO(U64(0xff000000), LO_V), 0);
    assert_int_equal(host_reg(v, DISCO_REG_TLB(7, DISCO_TLB_ENTRYLO0)),
                     LO(U64(0x0ffff123000) & ~(U64(0x00f1) << 24), LO_V) |
                         U64(3) << 62);
    assert_int_equal(host_reg(v, DISCO_REG_TLB(7, DISCO_TLB_ENTRYLO1)),
                     LO(U64(0x0e000000), LO_V));
    /* The register itself keeps the bits. */
    assert_int_equal(C0(v, C0_ENTRYLO1), LO(U64(0xff000000), LO_V));
    finish(v);
}

/* Masks that no page size has: anything but a crash or a stale translation. */
static void test_odd_masks(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (uint32_t m = 0; m < 0x1000; m += 7) {
        write_entry(v, m & 63, VA + (uint64_t)m * 0x4000000,
                    LO(PA_EVEN, LO_V | LO_D), LO(PA_ODD, LO_V), m << 13);
        for (unsigned i = 0; i < 8; i++)
            load(v, VA + (uint64_t)m * 0x4000000 + i * 0x1000);
        check_invariants(v);
    }
    finish(v);
}

static void set_asid(struct host_vcpu *v, unsigned asid)
{
    SET_C0(v, C0_ENTRYHI, asid);
}

/* More address spaces than there are access tables, round and round. */
static void test_many_asids(void **state)
{
    enum { SPACES = 2 * TABLE_SETS + 3 };
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < SPACES; i++) {
        host_put32(v->host, PA_EVEN + i * 0x1000, 100 + i);
        write_entry(v, i, VA | (i + 1), LO(PA_EVEN + i * 0x1000, LO_V | LO_D),
                    0, 0);
    }
    for (unsigned n = 0; n < 5 * SPACES; n++) {
        unsigned i = n * 7 % SPACES;

        set_asid(v, i + 1);
        assert_int_equal(load(v, VA), EXC_NONE);
        assert_int_equal(GPR(v, 9), 100 + i);
        check_invariants(v);
    }
    finish(v);
}

/* Who writes the entry of another address space changes what that one sees. */
static void test_write_of_other_asid(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_put32(v->host, PA_EVEN, 1);
    host_put32(v->host, PA_ODD, 2);
    write_entry(v, 0, VA | 1, LO(PA_EVEN, LO_V | LO_D), 0, 0);
    write_entry(v, 1, VA | 2, LO(PA_EVEN, LO_V | LO_D), 0, 0);
    for (unsigned asid = 1; asid <= 2; asid++) {
        set_asid(v, asid);
        assert_int_equal(load(v, VA), EXC_NONE);
        assert_int_equal(GPR(v, 9), 1);
    }
    /* With ASID 2 in EntryHi entry 0 gets another page. */
    write_entry(v, 0, VA | 1, LO(PA_ODD, LO_V | LO_D), 0, 0);
    set_asid(v, 2);
    assert_int_equal(load(v, VA), EXC_NONE);
    assert_int_equal(GPR(v, 9), 1);
    set_asid(v, 1);
    assert_int_equal(load(v, VA), EXC_NONE);
    assert_int_equal(GPR(v, 9), 2);
    /* A global entry is everybody's. */
    write_entry(v, 0, VA, LO(PA_ODD, LO_V | LO_D | LO_G), LO(0, LO_G), 0);
    for (unsigned asid = 1; asid <= 2; asid++) {
        set_asid(v, asid);
        assert_int_equal(load(v, VA), EXC_NONE);
        assert_int_equal(GPR(v, 9), 2);
        check_invariants(v);
    }
    write_entry(v, 0, VA, LO(PA_EVEN, LO_V | LO_D | LO_G), LO(0, LO_G), 0);
    for (unsigned asid = 1; asid <= 2; asid++) {
        set_asid(v, asid);
        assert_int_equal(load(v, VA), EXC_NONE);
        assert_int_equal(GPR(v, 9), 1);
        check_invariants(v);
    }
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_sizes),
        cmocka_unit_test(test_asid_and_global),
        cmocka_unit_test(test_valid_and_dirty),
        cmocka_unit_test(test_write_replaces),
        cmocka_unit_test(test_write_replaces_code),
        cmocka_unit_test(test_code_unmaps_itself),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_regions_differ),
        cmocka_unit_test(test_probe_and_read),
        cmocka_unit_test(test_random_range),
        cmocka_unit_test(test_framemask),
        cmocka_unit_test(test_odd_masks),
        cmocka_unit_test(test_many_asids),
        cmocka_unit_test(test_write_of_other_asid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
