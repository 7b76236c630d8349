/*
 * test_abuse.c - a guest that mistreats every device: the machine goes on, is
 * consistent afterwards, and the other VM on the switch does not notice.
 */
#include "guest_test.h"

static void run_abuse(const char *cmdline, uint32_t read_only)
{
    struct guest_config c = { .name = "abuse",
                              .cmdline = cmdline,
                              .disk_bytes = 1 << 20,
                              .read_only = read_only,
                              .net = 1,
                              .more_devices = 1,
                              .flags = DISCO_MACHINE_VERIFY };

    run_well(&c);
    assert_non_null(
        strstr(results[0].console, "abuse: 4 virtio devices, 0 lost"));
}

static void test_devices(void **state)
{
    (void)state;
    run_abuse("rounds=50", 0);
    run_abuse("rounds=50", 1);
}

static void test_seeds(void **state)
{
    char text[64];

    (void)state;
    for (int seed = 2; seed < 10; seed++) {
        snprintf(text, sizeof(text), "rounds=100 seed=%d", seed);
        run_abuse(text, 0);
    }
}

/* Two of them on one switch. */
static void test_pair(void **state)
{
    struct guest_config c = { .name = "abuse",
                              .vms = 2,
                              .cmdline = "rounds=100",
                              .disk_bytes = 1 << 20,
                              .net = 1,
                              .more_devices = 1 };

    (void)state;
    run_well(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_pair),
    };

    if (take_folder(argc, argv))
        return 2;
    if (!have_device_tree())
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
