/*
 * check.h - frame of a self-checking guest: a table of tests, one PASS or FAIL
 * line each, number of failures as exit status.
 */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include "lib.h"

struct check {
    const char *name;
    void (*run)(void);
};
/* Of the program; ends with a NULL name. */
extern const struct check checks[];

/* The first difference of a test is printed, the others are only counted. */
void check_eq(const char *what, long line, uint64_t got, uint64_t want);

#define CHECK(got, want) \
    check_eq(#got, __LINE__, (uint64_t)(got), (uint64_t)(want))

/* Taken exception: code, address of the instruction, in a delay slot or not. */
void check_trap(const char *what, long line, const struct caught *c,
                uint32_t code, uint64_t epc, int slot);
#define CHECK_TRAP(c, code, epc, slot) \
    check_trap(#code, __LINE__, c, code, (uint64_t)(uintptr_t)(epc), slot)

/* A function in an assembly file, and a label in it. */
#define SNIPPET(name)                      \
    uint64_t name(uint64_t a, uint64_t b); \
    extern char name##_at[]

/* Physical memory from here on is free for the tests. */
#define FREE_PHYS 0x800000
#endif
