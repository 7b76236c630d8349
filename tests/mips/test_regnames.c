/*
 * test_regnames.c - every register id has one name, and the name finds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disco/vcpu.h>

#include "mips/regnames.h"

/* How many names of a class exist; each must lead back to its id. */
static unsigned int round_trip(unsigned int cls)
{
    unsigned int count = 0;

    for (uint64_t i = 0; i < 1u << 16; i++) {
        const char *name = disco_reg_name(DISCO_REG(cls, i));

        if (!name)
            continue;
        count++;
        if (disco_reg_find(name) != DISCO_REG(cls, i))
            fail_msg("%s is not the name of class %u, %u only", name, cls,
                     (unsigned int)i);
    }
    return count;
}

static void test_names_lead_back(void **state)
{
    (void)state;
    assert_int_equal(round_trip(0), 0);
    assert_int_equal(round_trip(DISCO_REG_CLASS_GPR), 32);
    assert_int_equal(round_trip(DISCO_REG_CLASS_SPEC), 7);
    assert_int_equal(round_trip(DISCO_REG_CLASS_FPR), 32);
    assert_int_equal(round_trip(DISCO_REG_CLASS_FCR), 2);
    assert_int_equal(round_trip(DISCO_REG_CLASS_CP0), 27);
    assert_int_equal(round_trip(DISCO_REG_CLASS_PERF), 4);
    assert_int_equal(round_trip(DISCO_REG_CLASS_TLB), 256);
    assert_int_equal(round_trip(DISCO_REG_CLASS_TLB + 1), 0);
}

static void test_known_names(void **state)
{
    static const struct {
        uint64_t id;
        const char *name;
    } known[] = {
        { DISCO_REG_GPR(0), "zero" },
        { DISCO_REG_GPR(8), "a4" },
        { DISCO_REG_GPR(12), "t0" },
        { DISCO_REG_GPR(29), "sp" },
        { DISCO_REG_GPR(31), "ra" },
        { DISCO_REG_PC, "pc" },
        { DISCO_REG_HI, "hi" },
        { DISCO_REG_LO, "lo" },
        { DISCO_REG_DELAY, "delay" },
        { DISCO_REG_DELAY_TARGET, "delay_target" },
        { DISCO_REG_LLBIT, "llbit" },
        { DISCO_REG_INSNS, "insns" },
        { DISCO_REG_FPR(12), "f12" },
        { DISCO_REG_FIR, "fir" },
        { DISCO_REG_FCSR, "fcsr" },
        { DISCO_REG_CP0(12), "status" },
        { DISCO_REG_CP0(14), "epc" },
        { DISCO_REG_CP0(30), "errorepc" },
        { DISCO_REG(DISCO_REG_CLASS_PERF, 0), "perfevent0" },
        { DISCO_REG(DISCO_REG_CLASS_PERF, 3), "perfcounter1" },
        { DISCO_REG_TLB(0, DISCO_TLB_ENTRYHI), "tlb0.entryhi" },
        { DISCO_REG_TLB(63, DISCO_TLB_PAGEMASK), "tlb63.pagemask" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        assert_string_equal(disco_reg_name(known[i].id), known[i].name);
        assert_true(disco_reg_find(known[i].name) == known[i].id);
    }
}

static void test_no_names(void **state)
{
    (void)state;
    assert_null(disco_reg_name(0));
    assert_null(disco_reg_name(DISCO_REG_GPR(32)));
    assert_null(disco_reg_name(DISCO_REG_CP0(7)));
    assert_null(disco_reg_name(DISCO_REG(DISCO_REG_CLASS_FCR, 1)));
    assert_null(disco_reg_name(DISCO_REG_TLB(64, 0)));
    assert_null(disco_reg_name(UINT64_MAX));
    assert_null(disco_reg_name(DISCO_REG_PC | UINT64_C(1) << 40));
    assert_true(disco_reg_find(NULL) == 0);
    assert_true(disco_reg_find("") == 0);
    assert_true(disco_reg_find("SP") == 0);
    assert_true(disco_reg_find("tlb64.entryhi") == 0);
}

static void test_backend_uses_the_same(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < 32; n++)
        assert_ptr_equal(mips_gpr_name(n), mips_reg_name(DISCO_REG_GPR(n)));
    assert_ptr_equal(mips_reg_name(DISCO_REG_PC), disco_reg_name(DISCO_REG_PC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_lead_back),
        cmocka_unit_test(test_known_names),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_backend_uses_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
