/*
 * cpu_input.h - what fuzz targets of the R10000 make of their input: memory,
 * state, and what a host may do between runs.
 *
 * Input: 16 bytes of set-up, then big-endian words: code, which also stands at
 * the exception vectors.  Of the set-up
 *   0       bits, below            5      which register leads where
 *   1..4    Status                 6..8   FP registers, FCSR, where it starts
 *   9..12   where vectors begin in the words
 *   13..15  the target's
 * What must not be aborts.
 */
#ifndef TESTS_CPU_INPUT_H
#define TESTS_CPU_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "mips/mips_host.h"

enum {
    RAM = 0x40000,
    CODE = 0x10000,
    DATA = 0x20000,
    ROM = 0x30000,
    HOLE = 0x31000,
    EMPTY = 0x32000,
    SETUP = 16
};

#define KSEG0(pa)    (UINT64_C(0xffffffff80000000) + (uint64_t)(pa))
#define KSEG1(pa)    (UINT64_C(0xffffffffa0000000) + (uint64_t)(pa))
#define LO(pa, bits) ((uint64_t)(pa) >> 12 << 6 | (bits))

/* Bits of the set-up's first byte. */
enum {
    IN_DISCO = 1,
    IN_LITTLE = 2,
    IN_L2TLB_OFF = 4,
    IN_FP_EXACT = 8,
    IN_PINNED = 16,
    IN_MMIO_EXIT = 32,
    IN_PAIR = 64,
    IN_BREAK = 128
};

static inline void must(int condition)
{
    if (!condition)
        __builtin_trap();
}

/* The words behind the set-up, as they are or made into other ones. */
void cpu_set_memory(struct mips_host *h, const uint8_t *data, size_t words,
                    uint32_t (*word)(const uint8_t *data, size_t i));
uint32_t cpu_plain_word(const uint8_t *data, size_t i);
/* Registers that lead to interesting places. */
void cpu_set_state(struct host_vcpu *v, const uint8_t *data);
void cpu_make_config(disco_vcpu_config *c, uint8_t bits);
/* Run at most n; returns what was run, 0 when it is over. */
uint64_t cpu_step(struct host_vcpu *v, uint64_t n);
/* Both have the same registers, saw the same accesses and left the same memory.
 */
void cpu_compare(struct host_vcpu *a, struct host_vcpu *b);
/* One thing that a host may do between runs. */
void cpu_disturb(struct host_vcpu *v, uint8_t what);

#endif
