/*
 * test_litmus.c - memory order between vCPUs that take turns: slices of a few
 * instructions mix them in every way.  Several host threads: see meson.build.
 */
#include "guest_test.h"

static void run_slices(uint32_t cpus, uint64_t quantum)
{
    struct guest_config c = { .name = "litmus",
                              .cpus = cpus,
                              .quantum = quantum,
                              .cmdline = "rounds=1024",
                              .max_insns = 50000000 };

    run_well(&c);
    assert_null(strstr(results[0].console, "FORBIDDEN"));
    assert_non_null(strstr(results[0].console, "litmus: 0 tests failed"));
}

static void test_two(void **state)
{
    static const uint64_t quanta[] = { 1, 3, 10, 50, 20000 };

    (void)state;
    for (size_t i = 0; i < sizeof(quanta) / sizeof(*quanta); i++)
        run_slices(2, quanta[i]);
}

static void test_four(void **state)
{
    static const uint64_t quanta[] = { 5, 17, 20000 };

    (void)state;
    for (size_t i = 0; i < sizeof(quanta) / sizeof(*quanta); i++)
        run_slices(4, quanta[i]);
}

/* Short slices must really show both orders. */
static void test_mixes(void **state)
{
    struct guest_config c = {
        .name = "litmus", .cpus = 2, .quantum = 3, .cmdline = "rounds=2048"
    };

    (void)state;
    run_well(&c);
    assert_null(strstr(results[0].console, "SB: 2048 rounds, 00:0 10:2048"));
    assert_null(strstr(results[0].console, "01:2048"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_four),
        cmocka_unit_test(test_mixes),
    };

    if (take_folder(argc, argv))
        return 2;
    if (!have_device_tree())
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
