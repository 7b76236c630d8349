/*
 * insn.h - names, attributes and fields of the guest's instructions.
 *
 * Everything about encodings comes from insn.def; nothing here lists an
 * instruction by hand.  What an instruction does is not here either: that is
 * the engines' business (the `meaning` column).  Constant data and pure
 * functions, any thread.
 */
#ifndef MIPS_INSN_H
#define MIPS_INSN_H

#include <stdint.h>

/* Row 0 is what is no instruction, so an empty table slot means "reserved". */
enum insn_id {
    INSN_RESERVED,
#define INSN(id, ...) INSN_##id,
#include "mips/insn.def"
#undef INSN
    INSN_COUNT
};

/* Ordered: a level has everything before it.  DISCO stands apart. */
enum insn_isa {
    INSN_ISA_MIPS1,
    INSN_ISA_MIPS2,
    INSN_ISA_MIPS3,
    INSN_ISA_MIPS4,
    INSN_ISA_R10K,
    INSN_ISA_DISCO, /* monitor call: reserved unless in disco mode */
};

enum insn_class {
    INSN_CLASS_RESERVED,
    INSN_CLASS_ALU,
    INSN_CLASS_MULDIV,
    INSN_CLASS_HILO,
    INSN_CLASS_MOVCC,
    INSN_CLASS_JUMP,
    INSN_CLASS_BRANCH,
    INSN_CLASS_TRAP, /* SYSCALL, BREAK and the conditional traps */
    INSN_CLASS_LOAD,
    INSN_CLASS_STORE,
    INSN_CLASS_PREF,
    INSN_CLASS_SYNC,
    INSN_CLASS_CP0,
    INSN_CLASS_FMOVE,
    INSN_CLASS_FMOVCC,
    INSN_CLASS_FBRANCH,
    INSN_CLASS_FARITH,
    INSN_CLASS_FCMP,
    INSN_CLASS_FCVT,
    INSN_CLASS_FMEM,
    INSN_CLASS_COP2, /* loads and stores of the coprocessor nobody has */
};

/* insn.def writes them without the prefix and explains them. */
enum insn_flag {
    INSN_F_SLOT = 1 << 0,
    INSN_F_LIKELY = 1 << 1,
    INSN_F_LINK = 1 << 2,
    INSN_F_OP64 = 1 << 3,
    INSN_F_COP1 = 1 << 4,
    INSN_F_PRIV = 1 << 5,
    INSN_F_CC_MIPS4 = 1 << 6,
};

/* Operand shapes. */
enum insn_operands {
#define OPERANDS(name, print) INSN_OPERANDS_##name,
#include "mips/operands.def"
#undef OPERANDS
    INSN_OPERANDS_COUNT
};

struct insn_info {
    const char *name; /* "daddiu" */
    uint32_t mask;
    uint32_t match;   /* no bit outside of mask */
    uint8_t operands; /* enum insn_operands */
    uint8_t isa;      /* enum insn_isa */
    uint8_t class;    /* enum insn_class */
    uint8_t flags;    /* enum insn_flag bits */
};

/* By enum insn_id.  Row 0 matches every word: do not search from it. */
extern const struct insn_info insn_info[INSN_COUNT];

/* --- Fields --- */

static inline unsigned int insn_bits(uint32_t word, unsigned int low,
                                     unsigned int count)
{
    return word >> low & ((1u << count) - 1);
}

/* Every field that is plain bits: name, lowest bit, count. */
#define INSN_FIELD_LIST(X)                                               \
    X(major, 26, 6)                                                      \
    X(rs, 21, 5)                                                         \
    X(rt, 16, 5)                                                         \
    X(rd, 11, 5)                                                         \
    X(sa, 6, 5)                                                          \
    X(funct, 0, 6)                                                       \
    X(fr, 21, 5)                                                         \
    X(ft, 16, 5)                                                         \
    X(fs, 11, 5)                                                         \
    X(fd, 6, 5)                                                          \
    X(cc18, 18, 3)   /* BC1x, MOVF, MOVT */                              \
    X(cc8, 8, 3)     /* C.cond */                                        \
    X(uimm16, 0, 16) /* logical immediates, LUI */                       \
    X(target26, 0, 26)                                                   \
    X(code20, 6, 20)    /* SYSCALL */                                    \
    X(break_hi, 16, 10) /* BREAK: the code that assemblers know first */ \
    X(code10, 6, 10)    /* conditional traps; second code of BREAK */    \
    X(cache_op, 16, 5)  /* CACHE */                                      \
    X(hint16, 16, 5)    /* PREF */                                       \
    X(hint11, 11, 5)    /* PREFX */                                      \
    X(perf, 1, 5)       /* MFPS and friends: counter number */           \
    X(hypcall, 11, 10)  /* HYPCALL: DISCO_HC_* */

#define INSN_FIELD_INLINE(name, low, count)               \
    static inline unsigned int insn_##name(uint32_t word) \
    {                                                     \
        return insn_bits(word, low, count);               \
    }
INSN_FIELD_LIST(INSN_FIELD_INLINE)
#undef INSN_FIELD_INLINE

/* The signed immediate: arithmetic, loads and stores. */
static inline int64_t insn_imm16(uint32_t word)
{
    return (int64_t)(word & 0xffff) - (int64_t)((word & 0x8000) << 1);
}

/* Where a taken branch at pc goes. */
static inline uint64_t insn_branch_target(uint32_t word, uint64_t pc)
{
    return pc + 4 + (uint64_t)(insn_imm16(word) * 4);
}

/* Where J or JAL at pc goes: the region is the delay slot's. */
static inline uint64_t insn_jump_target(uint32_t word, uint64_t pc)
{
    return ((pc + 4) & ~UINT64_C(0xfffffff)) | (uint64_t)insn_target26(word)
                                                   << 2;
}

#endif
