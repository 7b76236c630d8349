/*
 * test_smc.c - code that changes: by its own stores, through other addresses,
 * by another vCPU, by a device.  No CACHE instruction anywhere: the R10000's
 * instruction cache sees stores.
 */
#include "test_cpu.h"

/* A store of $9 to the code at TEST_CODE + at, then what is there. */
static void check_patch(uint32_t store, uint64_t base, uint64_t at,
                        uint64_t value, uint32_t want)
{
    struct host_vcpu *v = start();

    HOST_CODE(v->host, TEST_CODE + at, LI(10, 1), LI(11, 1));
    for (int turn = 0; turn < 2; turn++) {
        SET_PC(v, KSEG0(TEST_CODE + at));
        SET_GPR(v, 10, 0);
        run_exactly(v, 1);
        assert_int_equal(GPR(v, 10), turn ? want : 1);
        HOST_CODE(v->host, 0x30000, store);
        SET_GPR(v, 8, base + TEST_CODE + at);
        SET_GPR(v, 9, value);
        host_set_reg(v, DISCO_REG_FPR(9), value);
        SET_PC(v, KSEG0(0x30000));
        run_exactly(v, 1);
        check_invariants(v);
    }
    finish(v);
}

static void test_every_store(void **state)
{
    uint32_t new = LI(10, 2);
    uint64_t two = (uint64_t) new << 32 | LI(11, 2);

    (void)state;
    for (uint64_t at = 0; at < 0x1000; at += 0x7f8) {
        check_patch(MEM(SW, 9, 0, 8), KSEG0(0), at, new, 2);
        check_patch(MEM(SW, 9, 0, 8), KSEG1(0), at, new, 2);
        check_patch(MEM(SW, 9, 0, 8), XKPHYS(0), at, new, 2);
        check_patch(MEM(SD, 9, 0, 8), KSEG0(0), at, two, 2);
        check_patch(MEM(SH, 9, 2, 8), KSEG0(0), at, 3, 3);
        check_patch(MEM(SB, 9, 3, 8), KSEG0(0), at, 4, 4);
        check_patch(MEM(SWC1, 9, 0, 8), KSEG0(0), at, new, 2);
        check_patch(MEM(SDC1, 9, 0, 8), KSEG0(0), at, two, 2);
        check_patch(MEM(SWL, 9, 0, 8), KSEG0(0), at, new, 2);
        check_patch(MEM(SWR, 9, 3, 8), KSEG0(0), at, new, 2);
        check_patch(MEM(SDR, 9, 7, 8), KSEG0(0), at, two, 2);
    }
}

static void test_store_conditional(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(LL, 10, 20, 8), MOVE(10, 9),
              MEM(SC, 10, 20, 8), NOP_WORD, NOP_WORD, LI(11, 1));
    SET_GPR(v, 8, KSEG0(TEST_CODE));
    SET_GPR(v, 9, LI(11, 2));
    run_exactly(v, 6);
    assert_int_equal(GPR(v, 10), 1);
    assert_int_equal(GPR(v, 11), 2);
    finish(v);
}

/* The next instruction, the one before, the store itself. */
static void test_nearby(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(SW, 9, 4, 8), LI(10, 1),
              MEM(SW, 11, 0, 8), BRANCH(BEQ, 0, 0, -4), NOP_WORD);
    SET_GPR(v, 8, KSEG0(TEST_CODE));
    SET_GPR(v, 9, LI(10, 2));
    SET_GPR(v, 11, LI(12, 5));
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 10), 2);
    run_exactly(v, 4);
    assert_int_equal(GPR(v, 12), 5);
    /* A store that overwrites itself is still done. */
    HOST_CODE(v->host, TEST_CODE, MEM(SW, 9, 0, 8), LI(13, 1));
    SET_GPR(v, 9, LI(14, 3));
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 14), 0);
    assert_int_equal(GPR(v, 13), 1);
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 1);
    assert_int_equal(GPR(v, 14), 3);
    finish(v);
}

/* A branch is decoded with its slot: a NOP slot becomes work, and back. */
static void test_delay_slots(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BNE, 10, 11, 2), NOP_WORD,
              MEM(SW, 9, 4, 8), BRANCH(BEQ, 0, 0, -4), MOVE(9, 0));
    SET_GPR(v, 8, KSEG0(TEST_CODE));
    SET_GPR(v, 9, RRI(ADDIU, 12, 12, 1));
    run_exactly(v, 5); /* changes the slot to work */
    assert_int_equal(GPR(v, 12), 0);
    run_exactly(v, 5); /* runs it, and back to a NOP */
    assert_int_equal(GPR(v, 12), 1);
    run_exactly(v, 5);
    assert_int_equal(GPR(v, 12), 1);
    /* The same with two kinds of work, the slot's operands alone changing. */
    HOST_CODE(v->host, TEST_CODE, BRANCH(BNE, 0, 8, 2), RRI(DADDIU, 12, 12, 1),
              NOP_WORD, MEM(SW, 9, 4, 8), BRANCH(BEQ, 0, 0, -5), NOP_WORD);
    SET_PC(v, KSEG0(TEST_CODE));
    SET_GPR(v, 9, RRI(DADDIU, 13, 12, 7));
    for (int i = 0; i < 10; i++)
        run_exactly(v, 1); /* every stop between branch and slot */
    assert_int_equal(GPR(v, 12), 2);
    assert_int_equal(GPR(v, 13), 9);
    /* A store in a slot that changes the target. */
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, 2), MEM(SW, 9, 12, 8),
              NOP_WORD, LI(13, 1));
    SET_PC(v, KSEG0(TEST_CODE));
    SET_GPR(v, 9, LI(13, 2));
    run_exactly(v, 3);
    assert_int_equal(GPR(v, 13), 2);
    finish(v);
}

/* A loop that patches its own constant each time around. */
static void test_patching_loop(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, RRI(ADDIU, 9, 9, 1), MEM(SW, 9, 8, 8),
              LI(10, 0), RRR(DADDU, 11, 11, 10), BRANCH(BEQ, 0, 0, -5),
              NOP_WORD);
    SET_GPR(v, 8, KSEG0(TEST_CODE));
    SET_GPR(v, 9, LI(10, 0));
    run_exactly(v, 6 * 1000);
    assert_int_equal(GPR(v, 11), 1000 * 1001 / 2);
    check_invariants(v);
    finish(v);
}

/* The first word of the next page, from the last one of this. */
static void test_next_page(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE + 0xff8, MEM(SW, 9, 0, 8),
              BRANCH(BEQ, 0, 0, -2));
    HOST_CODE(v->host, TEST_CODE + 0x1000, LI(10, 1));
    SET_GPR(v, 8, KSEG0(TEST_CODE + 0x1000));
    for (unsigned i = 1; i < 9; i++) {
        SET_GPR(v, 9, LI(10, (int)i));
        SET_PC(v, KSEG0(TEST_CODE + 0xff8));
        run_exactly(v, 3);
        assert_int_equal(GPR(v, 10), i);
    }
    finish(v);
}

/* One page run in kernel and user mode: two decodings, both change. */
static void test_two_modes(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t user = ST_UX | 0x10;

    (void)state;
    host_tlb(v, 0, 0x400000, LO(TEST_CODE, LO_V | LO_D | LO_G), LO_G, 0);
    HOST_CODE(v->host, TEST_CODE, LI(10, 1), MEM(SW, 9, 0, 8));
    for (unsigned i = 2; i < 8; i++) {
        for (unsigned kernel = 0; kernel < 2; kernel++) {
            SET_C0(v, C0_STATUS, kernel ? TEST_STATUS : user);
            SET_PC(v, kernel ? KSEG0(TEST_CODE) : 0x400000);
            run_exactly(v, 1);
            assert_int_equal(GPR(v, 10), i - 1);
        }
        SET_C0(v, C0_STATUS, i & 1 ? TEST_STATUS : user);
        SET_PC(v, i & 1 ? KSEG0(TEST_CODE + 4) : 0x400004);
        SET_GPR(v, 8, 0x400000);
        SET_GPR(v, 9, LI(10, (int)i));
        run_exactly(v, 1);
        check_invariants(v);
    }
    finish(v);
}

/*
 * Stores to a page of code that nobody else uses go straight to it, until the
 * mapping, the address space or its loneliness ends.
 */
static void test_own_code_page(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu *v = start_in(h, NULL, 2), *other = start_in(h, NULL, 2);
    enum { PAGE = 0x400000 };

    (void)state;
    HOST_CODE(h, TEST_CODE, MEM(SW, 9, 0x40, 8), NOP_WORD);
    SET_GPR(v, 8, PAGE);
    for (unsigned i = 0; i < 6; i++) {
        SET_C0(v, C0_STATUS, TEST_STATUS);
        SET_C0(v, C0_ENTRYHI, 0);
        SET_C0(v, C0_WATCHLO, 0);
        host_tlb(v, 0, PAGE, LO(TEST_CODE, LO_V | LO_D), 0, 0);
        if (i > 0)
            host_tlb(v, 1, PAGE + 0x2001, LO(TEST_CODE, LO_V), 0, 0);
        for (unsigned n = 0; n < 3; n++) {
            SET_GPR(v, 9, LI(10, (int)(10 * i + n)));
            SET_PC(v, PAGE);
            run_exactly(v, 1);
            check_invariants(v);
            SET_PC(v, PAGE + 0x40);
            run_exactly(v, 1);
            assert_int_equal(GPR(v, 10), 10 * i + n);
        }
        switch (i) {
        case 0: /* another address space */
            SET_C0(v, C0_ENTRYHI, 1);
            break;
        case 1: /* not dirty, as a guest writes it */
            SET_C0(v, C0_ENTRYHI, PAGE);
            SET_C0(v, C0_ENTRYLO0, LO(TEST_CODE, LO_V));
            SET_C0(v, C0_INDEX, 0);
            SET_PC(v, KSEG0(0x30000));
            HOST_CODE(h, 0x30000, ASM(TLBWI));
            run_exactly(v, 1);
            break;
        case 2: /* watched */
            SET_C0(v, C0_WATCHLO, TEST_CODE + 0x40 + 1);
            break;
        case 3: /* ROM now */
            host_set_kind(h, TEST_CODE, HOST_ROM);
            break;
        case 4: /* somebody else runs it */
            host_set_kind(h, TEST_CODE, HOST_RAM);
            SET_PC(other, KSEG0(TEST_CODE + 0x40));
            run_exactly(other, 1);
            break;
        default: /* ... and links a line of it */
            SET_GPR(other, 8, KSEG0(TEST_CODE));
            HOST_CODE(h, 0x30000, MEM(LL, 9, 0x40, 8), MEM(SC, 9, 0x40, 8));
            SET_PC(other, KSEG0(0x30000));
            run_exactly(other, 1);
            break;
        }
        check_invariants(v);
        SET_GPR(v, 9, LI(10, 99));
        SET_PC(v, i == 0 ? KSEG0(TEST_CODE) : PAGE);
        run_exactly(v, 1);
        if (i < 3) {
            assert_int_equal(exc_code(v), i == 0   ? EXC_TLBS
                                          : i == 1 ? EXC_MOD
                                                   : EXC_WATCH);
            assert_int_equal(host_get32(h, TEST_CODE + 0x40),
                             LI(10, (int)(10 * i + 2)));
        } else if (i == 3) {
            assert_int_equal(host_get32(h, TEST_CODE + 0x40), LI(10, 32));
            host_set_kind(h, TEST_CODE, HOST_RAM);
        } else if (i == 4) {
            SET_PC(other, KSEG0(TEST_CODE + 0x40));
            run_exactly(other, 1);
            assert_int_equal(GPR(other, 10), 99);
        } else {
            run_exactly(other, 1);
            assert_int_equal(GPR(other, 9), 0);
        }
        check_invariants(v);
        check_invariants(other);
    }
    finish(v);
}

static void test_other_vcpu(void **state)
{
    struct mips_host *h = host_new(TEST_RAM, 1);
    struct host_vcpu *a = start_in(h, NULL, 2), *b = start_in(h, NULL, 2);

    (void)state;
    HOST_CODE(h, TEST_CODE, LI(10, 1), BRANCH(BEQ, 0, 0, -2), NOP_WORD);
    HOST_CODE(h, 0x30000, MEM(SW, 9, 0, 8));
    SET_GPR(b, 8, KSEG0(TEST_CODE));
    for (unsigned i = 2; i < 8; i++) {
        run_exactly(a, 30);
        assert_int_equal(GPR(a, 10), i - 1);
        if (i & 1) { /* sometimes both hold it */
            SET_PC(b, KSEG0(TEST_CODE));
            run_exactly(b, 3);
        }
        SET_GPR(b, 9, LI(10, (int)i));
        SET_PC(b, KSEG0(0x30000));
        run_exactly(b, 1);
        check_invariants(a);
        check_invariants(b);
    }
    run_exactly(a, 3);
    assert_int_equal(GPR(a, 10), 7);
    finish(a);
}

/* A device writes the page; the monitor says so. */
static void test_device_writes(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, LI(10, 1), BRANCH(BEQ, 0, 0, -2), NOP_WORD);
    run_exactly(v, 3);
    host_put32(v->host, TEST_CODE, LI(10, 2));
    host_drop_code(v->host, TEST_CODE);
    run_exactly(v, 3);
    assert_int_equal(GPR(v, 10), 2);
    finish(v);
}

static void patch_in_callback(struct host_vcpu *v,
                              const struct host_access *access)
{
    (void)access;
    host_put32(v->host, TEST_CODE + 4, LI(10, 2));
    host_drop_code(v->host, TEST_CODE);
}

/* ... in the callback of the instruction before: the running page goes. */
static void test_device_writes_running_page(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(SW, 0, 0, 8), LI(10, 1), LI(11, 1));
    v->host->on_mmio = patch_in_callback;
    SET_GPR(v, 8, KSEG1(HOST_MMIO));
    run_exactly(v, 3);
    assert_int_equal(GPR(v, 10), 2);
    assert_int_equal(GPR(v, 11), 1);
    finish(v);
}

/* Code that the monitor does not let us hold: seen at every step. */
static void test_code_not_held(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    v->host->pinned = true;
    HOST_CODE(v->host, TEST_CODE, LI(10, 1), BRANCH(BEQ, 0, 0, -2),
              RRI(ADDIU, 11, 11, 1));
    for (int i = 1; i < 9; i++) {
        host_put32(v->host, TEST_CODE, LI(10, i)); /* nobody tells */
        run_exactly(v, 3);
        assert_int_equal(GPR(v, 10), i);
        assert_int_equal(GPR(v, 11), i);
    }
    finish(v);
}

/* More pages of code than are kept: memory stays bounded. */
static void test_code_is_bounded(void **state)
{
    enum { PAGES = 5000, HEAD = 16 };
    struct mips_host *h = host_new((PAGES + HEAD) * 4096, 1);
    struct host_vcpu *v = start_in(h, NULL, 1);

    (void)state;
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t pa = (HEAD + (uint64_t)i) * 4096;

        host_put32(h, pa,
                   i + 1 < PAGES ? JUMP(J, KSEG0(pa + 4096))
                                 : JUMP(J, KSEG0(HEAD * 4096)));
        host_put32(h, pa + 4, RRI(ADDIU, 10, 10, 1));
    }
    SET_PC(v, KSEG0(HEAD * 4096));
    run_exactly(v, 4 * PAGES);
    assert_int_equal(GPR(v, 10), 2 * PAGES);
    assert_true(h->peak_bytes < UINT64_C(48) << 20);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_store),
        cmocka_unit_test(test_store_conditional),
        cmocka_unit_test(test_nearby),
        cmocka_unit_test(test_delay_slots),
        cmocka_unit_test(test_patching_loop),
        cmocka_unit_test(test_next_page),
        cmocka_unit_test(test_two_modes),
        cmocka_unit_test(test_own_code_page),
        cmocka_unit_test(test_other_vcpu),
        cmocka_unit_test(test_device_writes),
        cmocka_unit_test(test_device_writes_running_page),
        cmocka_unit_test(test_code_not_held),
        cmocka_unit_test(test_code_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
