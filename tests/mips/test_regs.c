/*
 * test_regs.c - registers by id, for the host.
 */
#include "test_cpu.h"

static disco_status get(struct host_vcpu *v, uint64_t id, uint64_t *value)
{
    return mips_backend_ops.get_reg(v->state, id, value);
}

static disco_status set(struct host_vcpu *v, uint64_t id, uint64_t value)
{
    return mips_backend_ops.set_reg(v->state, id, value);
}

static void test_plain_registers(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t x = UINT64_C(0xfedcba9876543210);

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(set(v, DISCO_REG_GPR(i), x + i), 0);
        assert_int_equal(GPR(v, i), i ? x + i : 0);
        assert_int_equal(set(v, DISCO_REG_FPR(i), x - i), 0);
        assert_int_equal(host_reg(v, DISCO_REG_FPR(i)), x - i);
    }
    host_set_reg(v, DISCO_REG_HI, x);
    host_set_reg(v, DISCO_REG_LO, x + 1);
    assert_int_equal(host_reg(v, DISCO_REG_HI), x);
    assert_int_equal(host_reg(v, DISCO_REG_LO), x + 1);
    finish(v);
}

static void test_unknown(void **state)
{
    struct host_vcpu *v = start();
    const uint64_t bad[] = {
        0,
        DISCO_REG_GPR(32),
        DISCO_REG_FPR(32),
        DISCO_REG(DISCO_REG_CLASS_SPEC, 7),
        DISCO_REG(DISCO_REG_CLASS_FCR, 1),
        DISCO_REG_CP0(7),
        DISCO_REG_CP0(25),
        DISCO_REG_CP0(32),
        DISCO_REG(DISCO_REG_CLASS_PERF, 8),
        DISCO_REG(DISCO_REG_CLASS_TLB, 256),
        DISCO_REG(8, 0),
        UINT64_C(1) << 32 | DISCO_REG_GPR(1),
        UINT64_MAX,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 5;

        assert_int_equal(get(v, bad[i], &value), DISCO_E_INVAL);
        assert_int_equal(set(v, bad[i], 1), DISCO_E_INVAL);
        assert_int_equal(value, 5);
    }
    /* Read-only ones. */
    assert_int_equal(set(v, DISCO_REG_INSNS, 1), DISCO_E_INVAL);
    assert_int_equal(set(v, DISCO_REG_FIR, 1), DISCO_E_INVAL);
    finish(v);
}

/* What has a name can be read, and the other way round for the first. */
static void test_names_are_registers(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (uint64_t cls = 0; cls < 10; cls++)
        for (uint64_t i = 0; i < 300; i++) {
            uint64_t value;

            if (mips_backend_ops.reg_name(DISCO_REG(cls, i)))
                assert_int_equal(get(v, DISCO_REG(cls, i), &value), 0);
        }
    finish(v);
}

/* 32-bit CP0 registers are zero-extended; the host writes what it likes. */
static void test_cp0(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_C0(v, C0_INDEX, 0x8000003f);
    assert_int_equal(C0(v, C0_INDEX), 0x8000003f);
    SET_C0(v, C0_COMPARE, 0xffffffff);
    assert_int_equal(C0(v, C0_COMPARE), 0xffffffff);
    SET_C0(v, C0_BADVADDR, UINT64_C(0xffffffffffff1234));
    assert_int_equal(C0(v, C0_BADVADDR), UINT64_C(0xffffffffffff1234));
    SET_C0(v, C0_CAUSE, 0xf000007c);
    assert_int_equal(C0(v, C0_CAUSE), 0xf000007c);
    SET_C0(v, C0_CAUSE, 0xffff);
    assert_int_equal(C0(v, C0_CAUSE) & 0xff00, 0x300); /* lines are lines */
    SET_C0(v, C0_PRID, 0x926);
    assert_int_equal(C0(v, C0_PRID), 0x926);
    SET_C0(v, C0_CONFIG, 0x12345678);
    assert_int_equal(C0(v, C0_CONFIG), 0x12345678);
    SET_C0(v, C0_XCONTEXT, UINT64_C(0xffffff9876543210));
    assert_int_equal(C0(v, C0_XCONTEXT), UINT64_C(0xffffff9876543210));
    SET_C0(v, C0_COUNT, 0xfffffff0);
    assert_int_equal(C0(v, C0_COUNT), 0xfffffff0);
    finish(v);
}

/* Nothing that the host does here counts as a trap of the guest. */
static void test_no_traps_counted(void **state)
{
    const disco_vcpu_config disco = { .size = sizeof(disco),
                                      .mode = DISCO_MODE_DISCO };
    struct host_vcpu *v = start_with(&disco);
    disco_vcpu_stats before, after;
    uint64_t gpa;

    (void)state;
    host_stats(v, &before);
    for (unsigned i = 0; i < 31; i++)
        if (mips_backend_ops.reg_name(DISCO_REG_CP0(i)))
            SET_C0(v, i, C0(v, i));
    host_tlb(v, 1, 0x4000, LO(0, LO_V), 0, 0);
    mips_backend_ops.translate(v->state, 0x4000, DISCO_READ, &gpa);
    mips_backend_ops.translate(v->state, KSEG0(0), DISCO_EXEC, &gpa);
    host_stats(v, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    finish(v);
}

static void test_delay(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    HOST_CODE(v->host, TEST_CODE, LI(10, 7));
    host_set_reg(v, DISCO_REG_DELAY, 1);
    host_set_reg(v, DISCO_REG_DELAY_TARGET, KSEG0(0x30000));
    run_exactly(v, 1);
    assert_int_equal(GPR(v, 10), 7);
    assert_int_equal(PC(v), KSEG0(0x30000));
    host_set_reg(v, DISCO_REG_DELAY, 1);
    SET_PC(v, KSEG0(TEST_CODE)); /* no slot any more */
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    host_set_reg(v, DISCO_REG_DELAY, 1);
    mips_backend_ops.set_pc(v->state, KSEG0(TEST_CODE));
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
    finish(v);
}

static void test_tlb(void **state)
{
    struct host_vcpu *v = start();
    uint64_t gpa;

    (void)state;
    host_tlb(v, 63, UINT64_C(0xffffffffc0000077), LO(0x5000, LO_V | LO_G),
             LO(0x9000, LO_V | LO_G), 0);
    assert_int_equal(host_reg(v, DISCO_REG_TLB(63, DISCO_TLB_ENTRYLO0)),
                     LO(0x5000, LO_V | LO_G));
    assert_int_equal(mips_backend_ops.translate(v->state,
                                                UINT64_C(0xffffffffc0001004),
                                                DISCO_READ, &gpa),
                     0);
    assert_int_equal(gpa, 0x9004);
    assert_int_equal(mips_backend_ops.translate(v->state,
                                                UINT64_C(0xffffffffc0001004),
                                                DISCO_WRITE, &gpa),
                     DISCO_E_FAULT);
    assert_int_equal(mips_backend_ops.translate(v->state,
                                                UINT64_C(0xffffffffc0001002),
                                                DISCO_EXEC, &gpa),
                     DISCO_E_FAULT);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_registers),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_names_are_registers),
        cmocka_unit_test(test_cp0),
        cmocka_unit_test(test_no_traps_counted),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_tlb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
