/*
 * test_kernel.c - the embedded default kernel: both link variants, both modes,
 * one to eight vCPUs, with disk and network, and the same run twice.
 */
#include "guest_test.h"

#define DONE "disco kernel: all checks passed\n"

static void said(uint32_t vm, const char *text)
{
    if (strstr(results[vm].console, text))
        return;
    fprintf(stderr, "VM %u did not say \"%s\":\n%s\n", vm, text,
            results[vm].console);
    fail();
}

static void run_variants(const char *name)
{
    for (uint32_t mode = DISCO_MODE_EXACT; mode <= DISCO_MODE_DISCO; mode++)
        for (uint32_t cpus = 1; cpus <= 8; cpus += cpus < 4 ? 1 : 4) {
            struct guest_config c = {
                .name = name, .cpus = cpus, .mode = mode, .disk_bytes = 1 << 20
            };

            run_well(&c);
            said(0, DONE);
            said(0, "memory: 32 places beyond the kernel's own");
            said(0, "disk 0: 1024 KiB, 32 sectors written and read back");
            said(0, "net: none");
        }
}

static void test_kernel_mode(void **state)
{
    (void)state;
    run_variants("kernel-kseg0");
}

static void test_supervisor_mode(void **state)
{
    (void)state;
    run_variants("kernel-ksseg");
}

/* Switches of the command line, a disk that must not be written. */
static void test_options(void **state)
{
    struct guest_config c = {
        .name = "kernel-kseg0", .disk_bytes = 1 << 20, .read_only = 1, .net = 1
    };

    (void)state;
    run_well(&c);
    said(0, "disk 0: 1024 KiB, read-only, 32 sectors read: well");
    said(0, "net: nobody else there");
    c.cmdline = "noblk nonet";
    run_well(&c);
    assert_null(strstr(results[0].console, "disk"));
    assert_null(strstr(results[0].console, "net"));
}

static void test_two_vms(void **state)
{
    struct guest_config c = { .name = "kernel-ksseg",
                              .vms = 2,
                              .cpus = 2,
                              .mode = DISCO_MODE_DISCO,
                              .disk_bytes = 1 << 20,
                              .net = 1,
                              .cmdline = "vms=2" };

    (void)state;
    run_well(&c);
    for (uint32_t i = 0; i < 2; i++) {
        said(i, DONE);
        said(i, "net: met 1 other VM, 32 of 32 echoes came back");
    }
    said(1, "hello from VM 1");
}

static void test_four_vms(void **state)
{
    struct guest_config c = {
        .name = "kernel-kseg0", .vms = 4, .net = 1, .cmdline = "vms=4 rounds=10"
    };

    (void)state;
    run_well(&c);
    for (uint32_t i = 0; i < 4; i++)
        said(i, "net: met 3 other VMs, 30 of 30 echoes came back");
}

/* Odd slices do not change what the kernel finds. */
static void test_slices(void **state)
{
    static const uint64_t quanta[] = { 13, 997, 100000 };

    (void)state;
    for (size_t i = 0; i < sizeof(quanta) / sizeof(*quanta); i++) {
        struct guest_config c = { .name = "kernel-ksseg",
                                  .cpus = 2,
                                  .mode = DISCO_MODE_DISCO,
                                  .quantum = quanta[i],
                                  .disk_bytes = 1 << 20 };

        run_well(&c);
        said(0, DONE);
    }
}

static void test_repeats(void **state)
{
    struct guest_config c = { .name = "kernel-kseg0",
                              .cpus = 3,
                              .disk_bytes = 1 << 20,
                              .flags = DISCO_MACHINE_DETERMINISTIC };
    static char first[HARNESS_CONSOLE];
    uint64_t insns[3];

    (void)state;
    run_well(&c);
    memcpy(first, results[0].console, sizeof(first));
    for (uint32_t i = 0; i < 3; i++)
        insns[i] = results[0].vcpu[i].insns;
    run_well(&c);
    assert_string_equal(first, results[0].console);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(insns[i], results[0].vcpu[i].insns);
}

/* The second-level TLB takes refills away from the guest. */
static void test_l2tlb(void **state)
{
    struct guest_config c = { .name = "kernel-kseg0",
                              .mode = DISCO_MODE_DISCO,
                              .l2tlb = DISCO_OFF };
    uint64_t without;

    (void)state;
    run_well(&c);
    without = results[0].vcpu[0].tlb_refills;
    assert_true(without > 0);
    assert_int_equal(results[0].vcpu[0].l2tlb_hits, 0);
    c.l2tlb = DISCO_ON;
    run_well(&c);
    assert_true(results[0].vcpu[0].l2tlb_hits > 0);
    assert_true(results[0].vcpu[0].tlb_refills < without);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_mode),
        cmocka_unit_test(test_supervisor_mode),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_two_vms),
        cmocka_unit_test(test_four_vms),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_l2tlb),
    };

    if (take_folder(argc, argv))
        return 2;
    if (!have_device_tree())
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
