/*
 * layout.h - which host register is what in translated code, and where things
 * lie from there.
 *
 *   rbp  the vCPU, 128 bytes in, so that all general registers are near
 *   r15  its access table of now, 128 bytes in
 *   r14d budget: instructions that may run before the routine `budget` is asked
 *   rax, rcx  scratch, between any two guest instructions
 *   xmm0, xmm1  the same
 *   rsp  multiple of 16
 * The others hold guest registers, as the unit wants.
 */
#ifndef MIPS_JIT_LAYOUT_H
#define MIPS_JIT_LAYOUT_H

#include "mips/jit/jit.h"

enum {
    REG_CPU = X64_RBP,
    REG_TABLE = X64_R15,
    REG_BUDGET = X64_R14,
    BIAS = 128,
    /* Most instructions between two looks at the request word. */
    QUANTUM = 2048
};

#define CPU_AT(field)             \
    x64_at((enum x64_reg)REG_CPU, \
           (int32_t)offsetof(struct mips_cpu, field) - BIAS)
#define TABLE_DISP(field) ((int32_t)offsetof(struct access_table, field) - BIAS)

/* A general register, HI or LO in memory. */
static inline struct x64_mem item_mem(unsigned item)
{
    if (item == ITEM_HI)
        return CPU_AT(hi);
    if (item == ITEM_LO)
        return CPU_AT(lo);
    return x64_at((enum x64_reg)REG_CPU,
                  (int32_t)(offsetof(struct mips_cpu, gpr) + 8 * item) - BIAS);
}

/* FP register, and its 32-bit half. */
static inline struct x64_mem fpr_mem(unsigned index)
{
    return x64_at((enum x64_reg)REG_CPU,
                  (int32_t)(offsetof(struct mips_cpu, fpu.fpr) + 8 * index) -
                      BIAS);
}

/* A condition code: 0 or 1. */
static inline struct x64_mem cc_mem(unsigned cc)
{
    return x64_at((enum x64_reg)REG_CPU,
                  (int32_t)(offsetof(struct mips_cpu, fpu.cc) + cc) - BIAS);
}

static inline struct x64_mem fpr_word_mem(unsigned widx)
{
    return x64_at((enum x64_reg)REG_CPU,
                  (int32_t)(offsetof(struct mips_cpu, fpu.fpr) + 4 * widx) -
                      BIAS);
}

#endif
