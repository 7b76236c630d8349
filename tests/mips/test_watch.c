/*
 * test_watch.c - watchpoints of the host: which accesses leave, when, and that
 * the next run goes on as if nothing had been.
 */
#include "test_cpu.h"

enum { AT = TEST_DATA + 0x100 };

static const disco_vcpu_config little = { .size = sizeof(little),
                                          .order = DISCO_LITTLE };

static void watch(struct host_vcpu *v, uint32_t index, uint64_t gpa,
                  uint64_t bytes, uint32_t access)
{
    mips_backend_ops.set_watch(v->state, index, gpa, bytes, access);
}

/* It leaves at `pc`, before the access. */
static void leaves(struct host_vcpu *v, uint64_t gpa, uint32_t bytes,
                   uint32_t access, uint64_t pc)
{
    assert_int_equal(host_run(v, 100), DISCO_EXIT_WATCH);
    assert_int_equal(v->last.watch_gpa, gpa);
    assert_int_equal(v->last.watch_bytes, bytes);
    assert_int_equal(v->last.watch_access, access);
    assert_int_equal(PC(v), pc);
    check_invariants(v);
}

/* Does the instruction, with the address in $8, leave? */
static int hits(struct host_vcpu *v, uint32_t word, uint64_t va)
{
    uint32_t reason;

    SET_GPR(v, 8, va);
    host_words(v->host, TEST_CODE, &word, 1);
    SET_PC(v, KSEG0(TEST_CODE));
    reason = host_run(v, 1);
    if (reason == DISCO_EXIT_BUDGET)
        return 0;
    assert_int_equal(reason, DISCO_EXIT_WATCH);
    run_exactly(v, 1); /* done now, once */
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    return 1;
}

/* The very first instruction of a vCPU, too. */
static void test_before_the_access(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(SW, 9, 0, 8), MEM(LW, 10, 0, 8),
              RRI(ADDIU, 9, 9, 1), BRANCH(BEQ, 0, 0, -4), NOP_WORD);
    SET_GPR(v, 8, KSEG0(AT));
    SET_GPR(v, 9, 7);
    watch(v, 0, AT, 4, DISCO_WRITE);
    for (unsigned turn = 7; turn < 12; turn++) {
        leaves(v, AT, 4, DISCO_WRITE, KSEG0(TEST_CODE));
        assert_int_equal(host_get32(v->host, AT), turn == 7 ? 0 : turn - 1);
        run_exactly(v, 1);
        assert_int_equal(host_get32(v->host, AT), turn);
    }
    watch(v, 0, 0, 0, 0);
    run_exactly(v, 1000);
    watch(v, 3, AT, 4, DISCO_READ);
    leaves(v, AT, 4, DISCO_READ, KSEG0(TEST_CODE + 4));
    finish(v);
}

static void check_edges(const disco_vcpu_config *config)
{
    struct host_vcpu *v = start_with(config);
    const uint32_t stores[] = { MEM(SB, 9, 0, 8), MEM(SH, 9, 0, 8),
                                MEM(SW, 9, 0, 8), MEM(SD, 9, 0, 8) };
    const uint32_t loads[] = { MEM(LB, 9, 0, 8), MEM(LH, 9, 0, 8),
                               MEM(LW, 9, 0, 8), MEM(LD, 9, 0, 8) };

    watch(v, 1, AT + 7, 2, DISCO_WRITE); /* bytes 7 and 8 */
    for (unsigned i = 0; i < 4; i++) {
        for (uint64_t at = AT; at < AT + 16; at += 1u << i) {
            int touches = at + (1u << i) > AT + 7 && at < AT + 9;

            assert_int_equal(hits(v, stores[i], KSEG0(at)), touches);
            assert_int_equal(hits(v, loads[i], KSEG1(at)), 0);
        }
    }
    watch(v, 1, AT + 7, 2, DISCO_READ | DISCO_WRITE);
    assert_int_equal(hits(v, loads[0], XKPHYS(AT + 8)), 1);
    assert_int_equal(hits(v, loads[0], XKPHYS(AT + 9)), 0);
    finish(v);
}

static void test_edges(void **state)
{
    (void)state;
    check_edges(NULL);
    check_edges(&little);
}

/* Every kind of load and store goes by it. */
static void test_every_instruction(void **state)
{
    static const struct {
        uint32_t word;
        uint32_t access;
    } all[] = {
        { MEM(LL, 9, 0, 8), DISCO_READ },
        { MEM(LLD, 9, 0, 8), DISCO_READ },
        { MEM(LWL, 9, 0, 8), DISCO_READ },
        { MEM(LDR, 9, 0, 8), DISCO_READ },
        { MEM(LWC1, 9, 0, 8), DISCO_READ },
        { MEM(LDC1, 9, 0, 8), DISCO_READ },
        { MEM(SWR, 9, 0, 8), DISCO_WRITE },
        { MEM(SDL, 9, 0, 8), DISCO_WRITE },
        { MEM(SWC1, 9, 0, 8), DISCO_WRITE },
        { MEM(SDC1, 9, 0, 8), DISCO_WRITE },
    };
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        watch(v, 0, AT, 1, all[i].access);
        assert_int_equal(hits(v, all[i].word, KSEG0(AT)), 1);
        assert_int_equal(hits(v, all[i].word, KSEG0(AT + 16)), 0);
        watch(v, 0, AT, 1, all[i].access ^ (DISCO_READ | DISCO_WRITE));
        assert_int_equal(hits(v, all[i].word, KSEG0(AT)), 0);
    }
    watch(v, 0, AT, 8, DISCO_READ | DISCO_WRITE);
    assert_int_equal(hits(v, MEM(PREF, 0, 0, 8), KSEG0(AT)), 0);
    assert_int_equal(hits(v, CACHEOP(0x15, 0, 8), KSEG0(AT)), 0);
    finish(v);
}

/* A pair that is stopped at both ends still succeeds. */
static void test_linked_pair(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(LL, 9, 0, 8), RRI(ADDIU, 9, 9, 5),
              MEM(SC, 9, 0, 8));
    SET_GPR(v, 8, KSEG0(AT));
    host_put32(v->host, AT, 10);
    watch(v, 0, AT, 4, DISCO_READ | DISCO_WRITE);
    leaves(v, AT, 4, DISCO_READ, KSEG0(TEST_CODE));
    leaves(v, AT, 4, DISCO_WRITE, KSEG0(TEST_CODE + 8));
    assert_int_equal(host_get32(v->host, AT), 10);
    run_exactly(v, 1);
    assert_int_equal(GPR(v, 9), 1);
    assert_int_equal(host_get32(v->host, AT), 15);
    finish(v);
}

static void test_delay_slot(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, 3), MEM(SW, 9, 0, 8));
    HOST_CODE(v->host, TEST_CODE + 16, LI(10, 1));
    SET_GPR(v, 8, KSEG0(AT));
    SET_GPR(v, 9, 3);
    watch(v, 0, AT, 4, DISCO_WRITE);
    assert_int_equal(host_run(v, 100), DISCO_EXIT_WATCH);
    assert_int_equal(host_get32(v->host, AT), 0);
    run_exactly(v, 2);
    assert_int_equal(host_get32(v->host, AT), 3);
    assert_int_equal(GPR(v, 10), 1);
    finish(v);
}

/* Only the instruction that left is let through, not another in its place. */
static void test_moved_pc(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, MEM(SW, 9, 0, 8), MEM(SW, 10, 0, 8));
    SET_GPR(v, 8, KSEG0(AT));
    watch(v, 0, AT, 4, DISCO_WRITE);
    leaves(v, AT, 4, DISCO_WRITE, KSEG0(TEST_CODE));
    SET_PC(v, KSEG0(TEST_CODE + 4));
    leaves(v, AT, 4, DISCO_WRITE, KSEG0(TEST_CODE + 4));
    finish(v);
}

/* All four at once, a range of pages, and mapped addresses. */
static void test_ranges(void **state)
{
    struct host_vcpu *v = start();
    uint32_t load = MEM(LW, 9, 0, 8);

    (void)state;
    for (uint32_t i = 0; i < DISCO_WATCHES; i++)
        watch(v, i, AT + 0x1000 * i, 4, DISCO_READ);
    for (uint32_t i = 0; i < DISCO_WATCHES; i++) {
        assert_int_equal(hits(v, load, KSEG0(AT + 0x1000 * i)), 1);
        assert_int_equal(hits(v, load, KSEG0(AT + 0x1000 * i + 4)), 0);
        watch(v, i, 0, 0, 0);
        assert_int_equal(hits(v, load, KSEG0(AT + 0x1000 * i)), 0);
    }
    watch(v, 0, TEST_DATA + 0xffc, 0x2008, DISCO_READ);
    assert_int_equal(hits(v, load, KSEG0(TEST_DATA + 0xff8)), 0);
    assert_int_equal(hits(v, load, KSEG0(TEST_DATA + 0xffc)), 1);
    assert_int_equal(hits(v, load, KSEG0(TEST_DATA + 0x2000)), 1);
    assert_int_equal(hits(v, load, KSEG0(TEST_DATA + 0x3000)), 1);
    assert_int_equal(hits(v, load, KSEG0(TEST_DATA + 0x3004)), 0);
    host_tlb(v, 0, 0x4000, LO(TEST_DATA + 0x1000, LO_G | LO_V | LO_C),
             LO(TEST_DATA + 0x5000, LO_G | LO_V | LO_C), 0);
    assert_int_equal(hits(v, load, 0x4010), 1);
    assert_int_equal(hits(v, load, 0x5010), 0);
    finish(v);
}

/* Page in use before: the watchpoint is not gone round. */
static void test_set_later(void **state)
{
    struct host_vcpu *v = start();
    uint32_t store = MEM(SW, 9, 0, 8);

    (void)state;
    assert_int_equal(hits(v, store, KSEG0(AT)), 0);
    watch(v, 2, AT, 4, DISCO_WRITE);
    assert_int_equal(hits(v, store, KSEG0(AT)), 1);
    assert_int_equal(hits(v, store, KSEG0(AT + 4)), 0);
    assert_int_equal(hits(v, store, KSEG0(AT)), 1);
    finish(v);
}

/* Stores into its own code, and device registers. */
static void test_other_places(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    watch(v, 0, TEST_CODE + 0x40, 4, DISCO_WRITE);
    assert_int_equal(hits(v, MEM(SW, 9, 0, 8), KSEG0(TEST_CODE + 0x40)), 1);
    assert_int_equal(hits(v, MEM(SW, 9, 0, 8), KSEG0(TEST_CODE + 0x44)), 0);
    watch(v, 0, HOST_MMIO, 8, DISCO_READ);
    assert_int_equal(hits(v, MEM(LW, 9, 0, 8), KSEG1(HOST_MMIO + 4)), 1);
    assert_int_equal(hits(v, MEM(LW, 9, 0, 8), KSEG1(HOST_MMIO + 8)), 0);
    assert_int_equal(v->host->accesses, 2);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_access),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_every_instruction),
        cmocka_unit_test(test_linked_pair),
        cmocka_unit_test(test_delay_slot),
        cmocka_unit_test(test_moved_pc),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_set_later),
        cmocka_unit_test(test_other_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
