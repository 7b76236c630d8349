/*
 * test_check.c - the self-checking programs, compiled with and without
 * optimization, in both modes and with awkward slices.
 */
#include "guest_test.h"

static const char *const programs[] = { "branch", "code",   "except", "fp",
                                        "int",    "llsc",   "mem",    "mode",
                                        "smc",    "system", "timer",  "tlb",
                                        "watch" };
#define PROGRAMS (sizeof(programs) / sizeof(*programs))

static void run_programs(const char *opt, uint32_t mode, uint64_t quantum)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct guest_config c = { .mode = mode, .quantum = quantum };
        char name[64];

        snprintf(name, sizeof(name), "check-%s%s", programs[i], opt);
        c.name = name;
        run_well(&c);
        assert_non_null(strstr(results[0].console, "PASS"));
        assert_null(strstr(results[0].console, "FAIL"));
    }
}

static void test_plain(void **state)
{
    (void)state;
    run_programs("-O0", DISCO_MODE_EXACT, 0);
}

static void test_optimized(void **state)
{
    (void)state;
    run_programs("-O2", DISCO_MODE_EXACT, 0);
}

/* Slices that end everywhere: in delay slots, between LL and SC. */
static void test_short_slices(void **state)
{
    (void)state;
    run_programs("-O2", DISCO_MODE_EXACT, 7);
    run_programs("-O0", DISCO_MODE_EXACT, 101);
}

/* A kernel-mode program does not notice the monitor, but for its TLB. */
static void test_disco_mode(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct guest_config c = { .mode = DISCO_MODE_DISCO,
                                  .l2tlb = DISCO_OFF };
        char name[64];

        snprintf(name, sizeof(name), "check-%s-O2", programs[i]);
        c.name = name;
        run_well(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_optimized),
        cmocka_unit_test(test_short_slices),
        cmocka_unit_test(test_disco_mode),
    };

    if (take_folder(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
