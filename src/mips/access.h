/*
 * access.h - where an access goes, for the instructions that do more than one
 * load or store.  Private to access.c, llsc.c, part.c and watch.c.
 */
#ifndef MIPS_ACCESS_H
#define MIPS_ACCESS_H

#include "base/compiler.h"
#include "mips/interp.h"

/* Where an access goes. */
struct place {
    uint8_t *host; /* NULL: registers at gpa */
    uint64_t gpa;
    uint64_t frame;
    bool plain;   /* nobody watches stores */
    bool code;    /* stores need code_begin */
    bool own;     /* a page of code that nobody else uses */
    bool dropped; /* a store to ROM */
};

static inline uint64_t low_bits(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static inline enum mips_result access_raise_address(struct mips_cpu *cpu,
                                                    enum mips_exc exc,
                                                    uint64_t va, bool refill)
{
    mips_raise_address(cpu, exc, va, refill);
    return RES_EXCEPTION;
}

static inline enum mips_result access_raise(struct mips_cpu *cpu,
                                            enum mips_exc exc)
{
    mips_raise(cpu, exc);
    return RES_EXCEPTION;
}

/* Align, translate, look what is there; enters the access table. */
enum mips_result access_find(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                             uint32_t access, struct place *place);
/* Device registers; also finishes an access that left run. */
enum mips_result access_mmio(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
                             bool write, uint64_t *value);
/* Guest memory in the present byte order. */
uint64_t access_load(const struct mips_cpu *cpu, const uint8_t *p,
                     unsigned bytes);
void access_store(const struct mips_cpu *cpu, uint8_t *p, unsigned bytes,
                  uint64_t value);
/* A store at `at` bytes from the place, announced if it must be. */
void access_store_ram(struct mips_cpu *cpu, const struct place *place,
                      unsigned at, unsigned bytes, uint64_t value);
/*
 * Around a store into a page that may hold decoded code: between the two nobody
 * holds or makes code of the page.
 */
enum mips_result access_code_begin(struct mips_cpu *cpu, uint64_t va,
                                   unsigned bytes, struct place *place);
void access_code_end(struct mips_cpu *cpu, const struct place *place);

/* watch.c: does a watchpoint lie in this page, is it hit? */
bool watch_page(const struct mips_cpu *cpu, uint64_t gpa);
bool watch_guest_hit(struct mips_cpu *cpu, uint64_t gpa, uint32_t access);
bool watch_host_hit(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
                    uint32_t access);

#endif
