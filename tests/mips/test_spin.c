/*
 * test_spin.c - a guest that waits by a branch to itself is idle, at the same
 * instruction on both engines.
 */
#include "test_cpu.h"

static const disco_vcpu_config little = { .size = sizeof(little),
                                          .order = DISCO_LITTLE };

static void allow(struct host_vcpu *v, uint32_t bits)
{
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_IM | bits);
}

/* All ways to write it, and what only looks like it. */
static void test_forms(void **state)
{
    static const struct {
        uint32_t word, next;
        bool idles;
    } cases[] = {
        { BRANCH(BEQ, 0, 0, -1), NOP_WORD, true },
        { BRANCH(BEQ, 7, 7, -1), NOP_WORD, true },
        { BRANCHZ(BGEZ, 0, -1), NOP_WORD, true },
        { ASM(J) | TEST_CODE / 4, NOP_WORD, true },
        { BRANCH(BEQ, 0, 0, -1), RRI(ADDIU, 8, 8, 1), false },
        { BRANCH(BEQ, 0, 9, -1), NOP_WORD, false },
    };

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        for (unsigned order = 0; order < 2; order++) {
            struct host_vcpu *v = start_with(order ? &little : NULL);

            HOST_CODE(v->host, TEST_CODE, cases[i].word, cases[i].next);
            allow(v, ST_IE);
            assert_int_equal(host_run(v, 1000), cases[i].idles
                                                    ? DISCO_EXIT_IDLE
                                                    : DISCO_EXIT_BUDGET);
            finish(v);
        }
}

/* It came there in the middle of a run: seen at the first place that is
 * a multiple of 65537 and no delay slot. */
static void test_place(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, RRI(ADDIU, 8, 0, 1), RRI(ADDIU, 8, 8, 1),
              BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    allow(v, ST_IE);
    assert_int_equal(host_run(v, UINT64_C(1) << 40), DISCO_EXIT_IDLE);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 8));
    assert_int_equal(host_reg(v, DISCO_REG_INSNS), 2 * 65537);
    finish(v);
}

/* A step is a step. */
static void test_steps(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    allow(v, ST_IE);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(host_run(v, 1), DISCO_EXIT_BUDGET);
    assert_int_equal(host_reg(v, DISCO_REG_INSNS), 10);
    finish(v);
}

/* An interrupt ends it; who cannot be interrupted is not idle. */
static void test_interrupts(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, BRANCH(BEQ, 0, 0, -1), NOP_WORD);
    HOST_CODE(v->host, 0x180, RRI(ADDIU, 8, 8, 1), BRANCH(BEQ, 0, 0, -1),
              NOP_WORD);
    allow(v, 0);
    assert_int_equal(host_run(v, 200000), DISCO_EXIT_BUDGET);
    allow(v, ST_IE);
    assert_int_equal(host_run(v, 200000), DISCO_EXIT_IDLE);
    SET_C0(v, C0_CAUSE, CAUSE_IP_SOFT);
    /* Its handler spins too, but with EXL. */
    assert_int_equal(host_run(v, 200000), DISCO_EXIT_BUDGET);
    assert_int_equal(GPR(v, 8), 1);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_interrupts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
