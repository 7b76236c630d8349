/*
 * mips_host.h - a fake monitor for tests of the R10000 backend: flat RAM with a
 * kind per page, one window of device registers, code-page tracking, a clock,
 * and allocations that can be made to fail.
 *
 * Not a monitor: no physmap, no shootdown.  Invalidations are made at once, so
 * with several threads guests may not store to code and pages may not change.
 */
#ifndef TESTS_MIPS_HOST_H
#define TESTS_MIPS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <disco/backend.h>

#include "mem/linemon.h"

/* Set by the build: the same tests with the granule of a cache line. */
#ifndef HOST_LINE_BYTES
#define HOST_LINE_BYTES 0
#endif

/* And with another engine (DISCO_ENGINE_*), where the test does not say. */
#ifndef HOST_ENGINE
#define HOST_ENGINE DISCO_ENGINE_INTERP
#endif

enum {
    HOST_VCPUS = 4,
    HOST_LINES_HELD = 64,
    HOST_LOG = 64,
    HOST_MMIO = 0x1c000000, /* window of 16 MiB */
    HOST_MMIO_END = 0x1d000000,
    HOST_FRAME = 0x1000 /* frame name of page 0 */
};

enum host_kind {
    HOST_RAM,
    HOST_ROM, /* readable, stores are dropped */
    HOST_NOTHING,
    HOST_NO_MEMORY
};

struct host_access {
    uint64_t gpa, value;
    uint32_t bytes;
    bool write;
};

struct mips_host;

struct host_vcpu {
    struct mips_host *host;
    disco_backend_host cb;
    void *state;
    unsigned index;
    uint32_t request; /* atomic */
    uint32_t polls;   /* atomic; odd bit unused */
    uint32_t running; /* atomic: inside run and not waiting */
    disco_backend_run last;
    disco_backend_line cache[HOST_LINES_HELD];
    uint64_t uses;
};

struct mips_host {
    uint8_t *ram;
    uint8_t *ram_block;
    uint64_t pages;
    uint8_t *kind;     /* enum host_kind of each page */
    uint32_t *holders; /* atomic: vCPUs with code of the page */
    uint32_t *touched; /* one thread: vCPUs that were shown the page */
    struct linemon *lines;
    uint64_t clock; /* atomic */
    bool big;
    uint32_t threads;
    struct host_vcpu vcpu[HOST_VCPUS];
    unsigned vcpus;
    disco_backend_machine machine;
    void *shared; /* of the backend, for the machine */

    /* What the device window answers; the last HOST_LOG accesses. */
    disco_status mmio_status;
    uint64_t mmio_value;
    uint32_t mmio_untrapped; /* DISCO_MMIO_UNTRAPPED: the whole window is */
    struct host_access log[HOST_LOG];
    unsigned accesses;
    void (*on_mmio)(struct host_vcpu *v, const struct host_access *access);

    disco_status call_status;
    uint64_t call_result[2];
    uint32_t call_code;
    uint64_t call_arg[6];
    unsigned calls;

    uint32_t poll_bits; /* what poll returns besides what was requested */
    bool pinned;        /* no page may be held as code */
    unsigned barriers;
    unsigned resolves;

    long fail_in; /* the fail_in-th allocation from now fails; 0: none */
    long live;    /* allocations */
    uint64_t live_bytes;
    uint64_t peak_bytes;
    uint64_t code_bytes; /* atomic: accounted by the JIT */
};

struct mips_host *host_new(uint64_t ram_bytes, uint32_t threads);
/* Destroys the vCPUs too.  False when they did not free everything. */
bool host_free(struct mips_host *h);
/* Create the next vCPU; `vcpus_max` is what it is told.  NULL on failure. */
struct host_vcpu *host_vcpu(struct mips_host *h,
                            const disco_vcpu_config *config,
                            uint32_t vcpus_max);

/* --- Memory, in the guest's byte order --- */
void host_put32(struct mips_host *h, uint64_t gpa, uint32_t v);
void host_put64(struct mips_host *h, uint64_t gpa, uint64_t v);
uint32_t host_get32(const struct mips_host *h, uint64_t gpa);
uint64_t host_get64(const struct mips_host *h, uint64_t gpa);
void host_words(struct mips_host *h, uint64_t gpa, const uint32_t *words,
                unsigned n);
#define HOST_CODE(h, gpa, ...)                            \
    host_words(h, gpa, (const uint32_t[]){ __VA_ARGS__ }, \
               sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)
/* A page changes behind the guest's back: code and rights are dropped. */
void host_set_kind(struct mips_host *h, uint64_t gpa, enum host_kind kind);
void host_drop_code(struct mips_host *h, uint64_t gpa);

/* --- vCPU --- */
uint64_t host_reg(struct host_vcpu *v, uint64_t id);
void host_set_reg(struct host_vcpu *v, uint64_t id, uint64_t value);
#define GPR(v, n)        host_reg(v, DISCO_REG_GPR(n))
#define SET_GPR(v, n, x) host_set_reg(v, DISCO_REG_GPR(n), x)
#define C0(v, n)         host_reg(v, DISCO_REG_CP0(n))
#define SET_C0(v, n, x)  host_set_reg(v, DISCO_REG_CP0(n), x)
#define PC(v)            host_reg(v, DISCO_REG_PC)
#define SET_PC(v, x)     host_set_reg(v, DISCO_REG_PC, x)
/* Run up to n instructions; returns the exit reason. */
uint32_t host_run(struct host_vcpu *v, uint64_t n);
uint32_t host_run_until(struct host_vcpu *v, uint64_t n, uint64_t cycles);
/* Set a TLB entry through the API. */
void host_tlb(struct host_vcpu *v, unsigned index, uint64_t hi, uint64_t lo0,
              uint64_t lo1, uint32_t mask);
void host_stats(struct host_vcpu *v, disco_vcpu_stats *out);
/*
 * Everything that must hold between runs: ops->verify, the access table shows
 * the RAM that the address translates to, no store rights to held code, no
 * two TLB entries overlap.  NULL, or what is wrong.
 */
const char *host_verify(struct host_vcpu *v);

#endif
