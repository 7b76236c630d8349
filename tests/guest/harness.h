/*
 * harness.h - run a guest program on the board through the public interface
 * and keep what it said and how it ended.  Not a scheduler for others: plain
 * round robin with a quantum that a test may set to something nasty.
 */
#ifndef TESTS_GUEST_HARNESS_H
#define TESTS_GUEST_HARNESS_H

#include <disco/board.h>
#include <disco/disco.h>

#define HARNESS_VMS     4
#define HARNESS_CPUS    8
#define HARNESS_CONSOLE 65536

struct guest_config {
    const char *name;      /* file in the folder of built guests */
    const char *cmdline;   /* may be NULL; "vm=N" is added */
    uint32_t vms;          /* 0 = 1 */
    uint32_t cpus;         /* 0 = 1 */
    uint32_t mode;         /* DISCO_MODE_* */
    uint32_t l2tlb;        /* DISCO_DEFAULT, ON, OFF */
    uint64_t ram_bytes;    /* 0 = 64 MiB */
    uint64_t quantum;      /* instructions; 0 = 20000 */
    uint64_t max_insns;    /* of each vCPU; 0 = 200 million */
    uint64_t disk_bytes;   /* 0 = no disk */
    uint32_t read_only;    /* the disk */
    uint32_t net;          /* a card on a common switch */
    uint32_t more_devices; /* console and rng */
    uint32_t flags;        /* of the machine */
    uint32_t nodes;        /* 0 = 1; vCPU i runs on the i-th CPU, one a node */
    const disco_placement_config *placement; /* NULL = none; a tick a round */
    void (*inspect)(disco_machine *machine, disco_vm *vm); /* at the end */
};

struct guest_result {
    int ended; /* powered off */
    uint32_t status;
    uint32_t length;
    char console[HARNESS_CONSOLE];
    disco_vcpu_stats vcpu[HARNESS_CPUS];
};

/*
 * Run until every VM has ended, on this DISCO_ENGINE_*.  `results` holds one
 * entry a VM.  Returns NULL, or what went wrong outside the guest (static
 * text).
 */
const char *guest_run(const char *folder, uint32_t engine,
                      const struct guest_config *config,
                      struct guest_result *results);
#endif
