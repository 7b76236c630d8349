/*
 * fixture.h - what most tests of the monitor start from: a machine with the toy
 * backend, a VM with RAM, vCPUs, and a program.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disco/disco.h>
#include <disco/guest.h>

#include "toy.h"

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu[8];
    uint32_t vcpus;
};

struct fixture_config {
    uint32_t nodes; /* 0: 1 */
    uint32_t cpus;  /* per node; 0: 4 */
    uint64_t node_bytes;
    uint64_t ram_bytes; /* 0: 1 MiB at 0 */
    uint32_t vcpus;     /* 0: 1; all started at pc 0 */
    uint32_t threads;
    uint32_t flags;               /* of the machine */
    disco_machine_config machine; /* size 0: made from the above */
};

/* Everything made, program at 0; fails the test when something cannot be. */
void fixture_make(struct fixture *f, const struct fixture_config *config,
                  const uint32_t *program, uint32_t words);
/* Everything destroyed after a verify walk. */
void fixture_drop(struct fixture *f);

/* Run vCPU i on CPU i without limits but max_insns (0: none). */
disco_exit fixture_run(struct fixture *f, uint32_t i, uint64_t max_insns);
uint64_t fixture_reg(struct fixture *f, uint32_t i, uint32_t reg);
void fixture_set_reg(struct fixture *f, uint32_t i, uint32_t reg,
                     uint64_t value);

void fixture_set_pc(disco_vcpu *vcpu, uint64_t pc);

/* Text of the machine's last error. */
const char *fixture_error(struct fixture *f, char text[240]);

#endif
