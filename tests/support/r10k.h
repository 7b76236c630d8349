/*
 * r10k.h - a machine with one R10000 that runs a little program on the public
 * API: in kernel mode, from RAM.
 */
#ifndef TESTS_R10K_H
#define TESTS_R10K_H

#include <disco/disco.h>

enum { R10K_CODE = 0x1000, R10K_RAM = 1 << 20 };

struct r10k {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu;
};

/* What can be asked for; zero is the default. */
struct r10k_config {
    uint32_t translate_at; /* run; 0: the first */
    uint64_t code_cache_bytes;
    uint32_t engine;
    uint32_t vcpus;
    uint32_t threads;
};

/*
 * Loops 2000 times over a function, a store and a load; then BREAK, which ends
 * the run.
 */
extern const uint32_t r10k_loop[];
extern const uint32_t r10k_loop_words;

/* The words lie at R10K_CODE, big-endian, and vCPU 0 starts there. */
void r10k_make(struct r10k *g, const struct r10k_config *config,
               const uint32_t *words, uint32_t count);
void r10k_drop(struct r10k *g);
disco_exit r10k_run(struct r10k *g, uint64_t max_insns);
uint64_t r10k_reg(struct r10k *g, uint64_t id);

#endif
