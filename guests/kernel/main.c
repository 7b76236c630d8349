/*
 * main.c - the embedded default kernel: what it does, in order, and what it
 * reports.  Exit status 0 when everything was as it should be, else 1.
 *
 * Command line: noblk, nonet, vm=N (the number to go by), vms=N (how many VMs
 * to wait for on the network), rounds=N (packets to each of them).
 */
#include "kernel.h"

static uint32_t failures;

void expect(int good, const char *what)
{
    if (good)
        return;
    atomic_add(&failures, 1);
    print("FAILED: %s\n", what);
}

static void say_hello(void)
{
    uint32_t prid = rd_prid();
    int64_t version = monitor_version();

    have_monitor = version >= 0;
    if (option_value("vm", -1) >= 0)
        print("disco kernel: hello from VM %ld\n", option_value("vm", 0));
    else
        print("disco kernel: hello\n");
    print("cpu: %s revision %u.%u, %u CPUs, kernel in %s mode\n",
          (prid >> 8 & 0xff) == 9 ? "R10000" : "unknown", prid >> 4 & 15,
          prid & 15, board.cpus, GUEST_MODE ? "supervisor" : "kernel");
    if (have_monitor)
        print("monitor: calls of version %ld\n", version);
    else if (guest_status & ST_CU0)
        print("monitor: none, privileged instructions by CU0\n");
    else
        print("monitor: none\n");
    print("memory: %lu MiB, %lu MiB of it for pages\n", board.ram_total >> 20,
          mm_free_bytes() >> 20);
}

int guest_main(void)
{
    mm_init();
    say_hello();
    cpus_start();
    check_memory();
    check_copies();
    check_ipis();
    check_clock();
    check_locks();
    check_user();
    if (!option("noblk"))
        check_disks();
    if (!option("nonet"))
        check_net();
    if (failures)
        print("disco kernel: %u checks failed\n", failures);
    else
        print("disco kernel: all checks passed\n");
    return failures != 0;
}
