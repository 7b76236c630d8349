/*
 * exec.h - memory for code that is made while it runs: the same pages mapped
 * twice, once to be written and once to be run, so that no page is ever both.
 */
#ifndef X64_EXEC_H
#define X64_EXEC_H

#include <stdbool.h>
#include <stdint.h>

/* The writable side lies behind the one that runs, within 2 GiB of it. */
struct x64_exec {
    uint8_t *run; /* NULL: none */
    uint8_t *write;
    uint64_t bytes;
};

/*
 * Reserve `bytes`, a multiple of the host's page size up to 512 MiB: operands
 * that code reaches from its own address may lie 2 GiB away.  Host memory
 * is taken when it is touched.  0, or -1 where the system denies it.
 */
int x64_exec_create(struct x64_exec *exec, uint64_t bytes);
void x64_exec_destroy(struct x64_exec *exec);
/* The memory of [at, at + bytes) will be used now: written, and run if `runs`.
 * Asked for at once it costs less than a page fault each. */
void x64_exec_touch(struct x64_exec *exec, uint64_t at, uint64_t bytes,
                    bool runs);
/* What is in [at, at + bytes) of both sides reads as zero again. */
void x64_exec_forget(struct x64_exec *exec, uint64_t at, uint64_t bytes);

#endif
