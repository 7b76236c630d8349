/*
 * test_priv.c - guest kernels in supervisor mode: a privileged instruction is
 * counted and has its effect; physical memory and protected address spaces are
 * out of reach.  The programs check what the guest sees, this what is counted.
 */
#include "guest_test.h"

#include <stdlib.h>

/* Number behind "COUNT name " on the console. */
static uint64_t counted(const char *name)
{
    char key[64];
    const char *at;

    snprintf(key, sizeof(key), "COUNT %s ", name);
    at = strstr(results[0].console, key);
    assert_non_null(at);
    return strtoull(at + strlen(key), NULL, 10);
}

static void run_one(const char *name, uint32_t mode)
{
    struct guest_config c = { .name = name, .mode = mode };

    run_well(&c);
}

static void test_privileged_instructions(void **state)
{
    const disco_vcpu_stats *s = &results[0].vcpu[0];

    (void)state;
    run_one("priv-insn", DISCO_MODE_DISCO);
    assert_true(s->traps[DISCO_TRAP_PRIVILEGED] >= counted("registers"));
    assert_true(s->traps[DISCO_TRAP_TLB_WRITE] >= 2);
    assert_int_equal(s->traps[DISCO_TRAP_EXCEPTION], counted("exceptions"));
    assert_true(s->traps[DISCO_TRAP_ERET] >= counted("exceptions"));
    /* The guest never saw one as an exception of its own. */
    assert_int_equal(s->exceptions[11], 0);
}

/* Without a monitor the first one is refused, and nothing is counted. */
static void test_bare_cpu(void **state)
{
    const disco_vcpu_stats *s = &results[0].vcpu[0];

    (void)state;
    run_one("priv-insn", DISCO_MODE_EXACT);
    assert_true(s->exceptions[11] >= 1);
    for (int i = 0; i < DISCO_TRAP_COUNT; i++)
        if (i != DISCO_TRAP_MMIO)
            assert_int_equal(s->traps[i], 0);
}

static void test_physical_memory(void **state)
{
    const disco_vcpu_stats *s = &results[0].vcpu[0];

    (void)state;
    for (uint32_t mode = DISCO_MODE_EXACT; mode <= DISCO_MODE_DISCO; mode++) {
        run_one("priv-phys", mode);
        assert_int_equal(s->exceptions[4], 7); /* six loads, one fetch */
        assert_int_equal(s->exceptions[5], 6);
    }
}

static void test_protected_spaces(void **state)
{
    const disco_vcpu_stats *s = &results[0].vcpu[0];

    (void)state;
    for (uint32_t mode = DISCO_MODE_EXACT; mode <= DISCO_MODE_DISCO; mode++) {
        run_one("priv-space", mode);
        assert_int_equal(s->exceptions[4], 5);
        assert_int_equal(s->exceptions[5], 3);
    }
}

/* Monitor calls; the program also looks at the page of CP0 registers. */
static void test_calls(void **state)
{
    const disco_vcpu_stats *s = &results[0].vcpu[0];

    (void)state;
    run_one("priv-calls", DISCO_MODE_EXACT);
    assert_non_null(strstr(results[0].console, "monitor: no\n"));
    assert_int_equal(s->moncalls, 0);
    assert_int_equal(s->traps[DISCO_TRAP_CP0_PAGE], 0);
    run_one("priv-calls", DISCO_MODE_DISCO);
    assert_non_null(strstr(results[0].console, "monitor: yes\n"));
    assert_int_equal(s->moncalls, 9);
    assert_int_equal(s->traps[DISCO_TRAP_MONITOR_CALL], 9);
    assert_int_equal(s->traps[DISCO_TRAP_CP0_PAGE], counted("register_page"));
    assert_int_equal(s->traps[DISCO_TRAP_CP0_PAGE] + s->traps[DISCO_TRAP_MMIO],
                     s->mmio_reads + s->mmio_writes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_privileged_instructions),
        cmocka_unit_test(test_bare_cpu),
        cmocka_unit_test(test_physical_memory),
        cmocka_unit_test(test_protected_spaces),
        cmocka_unit_test(test_calls),
    };

    if (take_folder(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
