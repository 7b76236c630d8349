/*
 * mips_asm.h - instruction words for tests, from insn.def's opcodes.
 *
 * Not an assembler: no labels, no checks.  That the opcodes are right is
 * objdump_compare.py's business.
 */
#ifndef TESTS_MIPS_ASM_H
#define TESTS_MIPS_ASM_H

#include <stdint.h>

#include "mips/insn.h"

/* Constant expressions, so that tables can hold words. */
enum asm_match {
#define INSN(id, text, mask, match, ...) ASM_##id = (int)(match),
#include "mips/insn.def"
#undef INSN
};

#define ASM(op)            ((uint32_t)ASM_##op)
#define FIELD(v, shift)    ((uint32_t)(v) << (shift))
#define ASM_LOW16(v)       ((uint32_t)(v)&0xffff)
#define RRR(op, d, s, t)   (ASM(op) | FIELD(s, 21) | FIELD(t, 16) | FIELD(d, 11))
#define SHIFT(op, d, t, a) (ASM(op) | FIELD(t, 16) | FIELD(d, 11) | FIELD(a, 6))
#define RRI(op, t, s, imm) \
    (ASM(op) | FIELD(s, 21) | FIELD(t, 16) | ASM_LOW16(imm))
#define MEM(op, t, off, s)    RRI(op, t, s, off)
#define BRANCH(op, s, t, off) RRI(op, t, s, off)
/* REGIMM: the rt field is part of the opcode. */
#define BRANCHZ(op, s, off) (ASM(op) | FIELD(s, 21) | ASM_LOW16(off))
#define TRAPI(op, s, imm)   BRANCHZ(op, s, imm)
#define JUMP(op, va)        (ASM(op) | ((uint32_t)(va) >> 2 & 0x3ffffff))
#define CP0(op, t, d)       (ASM(op) | FIELD(t, 16) | FIELD(d, 11))
#define CACHEOP(c, off, s) \
    (ASM(CACHE) | FIELD(s, 21) | FIELD(c, 16) | ASM_LOW16(off))
#define FP(op, d, s, t)     (ASM(op) | FIELD(t, 16) | FIELD(s, 11) | FIELD(d, 6))
#define FP4(op, d, r, s, t) (FP(op, d, s, t) | FIELD(r, 21))
#define FMOVE(op, t, s)     (ASM(op) | FIELD(t, 16) | FIELD(s, 11))
#define FCMP(op, cc, s, t) \
    (ASM(op) | FIELD(t, 16) | FIELD(s, 11) | FIELD(cc, 8))
#define BC1(op, cc, off) (ASM(op) | FIELD(cc, 18) | ASM_LOW16(off))
#define NOP_WORD         0u

#define LI(t, imm) RRI(ADDIU, t, 0, imm)
#define LUI_(t, v) (ASM(LUI) | FIELD(t, 16) | ASM_LOW16(v))
#define MOVE(d, s) RRR(OR, d, s, 0)

#endif
