/*
 * slot.h - decoded code: one 16-byte slot an instruction, one page of slots a
 * page of guest code and mode.  Made by predecode.c, kept by code.c, run by the
 * interpreter.  Belongs to one vCPU.
 */
#ifndef MIPS_SLOT_H
#define MIPS_SLOT_H

#include <stdint.h>

enum { PAGE_INSNS = 1024 };

/*
 * What a branch within the page does together with its delay slot in one
 * operation: X(branch, meaning, form) for the delay slots that compilers like.
 */
#define FUSED_SLOTS(X, branch) \
    X(branch, ADD64, I)        \
    X(branch, ADD32, I)        \
    X(branch, OR, R)           \
    X(branch, OR, I)           \
    X(branch, AND, I)          \
    X(branch, LTU, I)          \
    X(branch, LTU, R)          \
    X(branch, LTS, R)          \
    X(branch, ADD64, R)        \
    X(branch, ADD32, R)        \
    X(branch, SUB32, R)        \
    X(branch, SUB64, R)        \
    X(branch, SLL64, I)        \
    X(branch, SLL32, I)

/*
 * Operations of the interpreter.  OP_DECODE is 0: a zeroed page decodes itself
 * as it is run.  Branches come in forms: target in the same Page or eXternal,
 * delay slot a Nop or Some instruction, and Likely;
 * and Fused with it.
 */
enum slot_op {
    OP_DECODE,
    OP_PAGE_END, /* sentinel behind the last instruction, or a cold block */
#define UOP_ALU(name, ...) OP_##name##_R, OP_##name##_I,
#define UOP_OVF(name, ...) OP_##name##_R, OP_##name##_I,
#define UOP_BR(name, ...)                                           \
    OP_##name##_PN, OP_##name##_PS, OP_##name##_XN, OP_##name##_XS, \
        OP_##name##_PNL, OP_##name##_PSL, OP_##name##_XNL, OP_##name##_XSL,
#define UOP_TRAP(name, ...)  OP_##name##_R, OP_##name##_I,
#define UOP_LOAD(name, ...)  OP_##name,
#define UOP_STORE(name, ...) OP_##name,
#define UOP_FP3(name, ...)   OP_##name,
#define UOP_FP2(name, ...)   OP_##name,
#define UOP_FP4(name, ...)   OP_##name,
#define UOP_FCMP(name, ...)  OP_##name,
#define UOP_JUMP(name)       OP_##name,
#define UOP_FOP(name, kind)  OP_##name,
#define UOP_OP(name)         OP_##name,
#include "mips/uop.def"
    OP_EDGE,  /* branch in the last word of a page */
    OP_FUSED, /* none; those from here on use the operands of two slots */
#define FUSED_OP(branch, meaning, form) OP_##branch##_F_##meaning##_##form,
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_BR(name, ...) FUSED_SLOTS(FUSED_OP, name)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(...)
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_JUMP(...)
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"
#undef FUSED_OP
    OP_COUNT
};

struct slot {
    uint16_t op;
    uint8_t d, a, b, x; /* register numbers or indices */
    uint16_t spare;
    int32_t imm;
    uint32_t word; /* the instruction */
};
_Static_assert(sizeof(struct slot) == 16, "two slots a cache half-line");

/*
 * Decoded page.  Invariant: it is in the vCPU's hash; the
 * monitor knows this vCPU as holder of code of `frame` while at least one page
 * with that frame exists.
 */
struct code_page {
    struct code_page *hash_next;
    const uint8_t *host;
    uint64_t frame;
    uint64_t memory;    /* machine frame, as resolved last */
    uint32_t key;       /* CFG_KEY bits it was decoded under */
    uint32_t transient; /* may change unseen: decoded anew for every step */
    struct slot slot[PAGE_INSNS + 1];
};

#endif
