/*
 * toy.h - a toy CPU written against backend.h, for tests of the monitor: 16
 * registers of 64 bits, host byte order, no translation (va = gpa).
 *
 * An instruction is op << 24 | a << 20 | b << 16 | imm16.  imm is signed.
 * Interrupt lines 0..7; line 7 is the timer.  No vectors: LINES reads what is
 * pending, and an enabled pending line ends idling.
 */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include <disco/backend.h>

enum toy_op {
    TOY_BREAK = 0, /* leave with BREAK */
    TOY_ADDI,      /* a = b + imm */
    TOY_ADD,       /* a = b + r[imm & 15] */
    TOY_SHL,       /* a = b << imm */
    TOY_ORI,       /* a = b | (imm & 0xffff) */
    TOY_LD,        /* a = 64 bits at b + imm */
    TOY_ST,        /* 64 bits at b + imm = a */
    TOY_LW,        /* a = 32 bits, zero-extended */
    TOY_SW,
    TOY_LL,    /* a = linked 64 bits at b + imm */
    TOY_SC,    /* store a; a = 1 if it was done, else 0 */
    TOY_BNE,   /* a != b: pc += imm * 4 */
    TOY_BEQ,   /* a == b: pc += imm * 4 */
    TOY_JMP,   /* pc = b + imm */
    TOY_CALL,  /* monitor call imm: r1..r6, results r1 (v0), r2 (v1) */
    TOY_CYCLE, /* a = clock */
    TOY_TIMER, /* line 7 at cycle a; 0: never, and no longer pending */
    TOY_MASK,  /* enable the lines in imm */
    TOY_LINES, /* a = pending & enabled lines */
    TOY_CPU    /* a = index of this vCPU */
};

#define TOY(op, a, b, imm)                                              \
    ((uint32_t)(op) << 24 | (uint32_t)(a) << 20 | (uint32_t)(b) << 16 | \
     ((uint32_t)(imm)&0xffff))

enum { TOY_LINE_TIMER = 7 };

extern const disco_backend_ops toy_ops;

/* In verify: how many bytes of code are held; for tests of code holders. */
uint32_t toy_code_pages(void *state);

#endif
