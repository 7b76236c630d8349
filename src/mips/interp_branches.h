/*
 * interp_branches.h - branches and jumps, for interp_exec.h.  slot.h explains
 * the forms.
 */

/* A delay slot that is a NOP: charge it, nothing else. */
#define CHARGE_NOP(to)               \
    do {                             \
        if (unlikely(left-- == 0)) { \
            target = (to);           \
            ip++;                    \
            goto out_of_budget_slot; \
        }                            \
    } while (0)
#define TAKEN_NEAR                                                  \
    do {                                                            \
        ip += ip->imm;                                              \
        if (unlikely(__atomic_load_n(request, __ATOMIC_RELAXED))) { \
            cpu->pc = PC_OF(ip);                                    \
            goto resync;                                            \
        }                                                           \
        DISPATCH;                                                   \
    } while (0)
#define RUN_SLOT(to)   \
    do {               \
        target = (to); \
        ip++;          \
        DISPATCH_SLOT; \
    } while (0)
#define SKIP_TWO  \
    do {          \
        ip += 2;  \
        DISPATCH; \
    } while (0)
#define FAR_PC    (PC_OF(ip) + (uint64_t)(int64_t)ip->imm * 4)
#define NOT_TAKEN (PC_OF(ip) + 8)

#if LINE_GRANULE
/* The slot's line is fetched like any: all forms run it. */
#define FUSED_LABEL(branch, meaning, form) N_##branch##_F_##meaning##_##form:
#define UOP_BR(name, condition)                                        \
    FUSED_SLOTS(FUSED_LABEL, name)                                     \
    N_##name##_PN : N_##name##_XN : N_##name##_PS : N_##name##_XS:     \
    {                                                                  \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b];             \
        (void)b;                                                       \
        if (condition)                                                 \
            RUN_SLOT(FAR_PC);                                          \
        RUN_SLOT(NOT_TAKEN);                                           \
    }                                                                  \
    N_##name##_PNL : N_##name##_XNL : N_##name##_PSL : N_##name##_XSL: \
    {                                                                  \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b];             \
        (void)b;                                                       \
        if (condition)                                                 \
            RUN_SLOT(FAR_PC);                                          \
        SKIP_TWO;                                                      \
    }
#else
/* The delay slot's operation is known: no dispatch for it. */
#define FUSED_R cpu->gpr[ip[1].b]
#define FUSED_I ((uint64_t)(int64_t)ip[1].imm)
#define FUSED_BRANCH(branch, meaning, form)                                 \
    N_##branch##_F_##meaning##_##form:                                      \
    {                                                                       \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b];                  \
        bool taken = br_##branch(a, b);                                     \
        if (unlikely(left-- == 0)) {                                        \
            target = taken ? FAR_PC : NOT_TAKEN;                            \
            ip++;                                                           \
            goto out_of_budget_slot;                                        \
        }                                                                   \
        cpu->gpr[ip[1].d] = alu_##meaning(cpu->gpr[ip[1].a], FUSED_##form); \
        if (taken)                                                          \
            TAKEN_NEAR;                                                     \
        SKIP_TWO;                                                           \
    }
#define UOP_BR(name, condition)                            \
    FUSED_SLOTS(FUSED_BRANCH, name)                        \
    N_##name##_PN:                                         \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition) {                                   \
            CHARGE_NOP(FAR_PC);                            \
            TAKEN_NEAR;                                    \
        }                                                  \
        CHARGE_NOP(NOT_TAKEN);                             \
        SKIP_TWO;                                          \
    }                                                      \
    N_##name##_PNL:                                        \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition) {                                   \
            CHARGE_NOP(FAR_PC);                            \
            TAKEN_NEAR;                                    \
        }                                                  \
        SKIP_TWO;                                          \
    }                                                      \
    N_##name##_PS : N_##name##_XS:                         \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition)                                     \
            RUN_SLOT(FAR_PC);                              \
        RUN_SLOT(NOT_TAKEN);                               \
    }                                                      \
    N_##name##_PSL : N_##name##_XSL:                       \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition)                                     \
            RUN_SLOT(FAR_PC);                              \
        SKIP_TWO;                                          \
    }                                                      \
    N_##name##_XN:                                         \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition) {                                   \
            CHARGE_NOP(FAR_PC);                            \
            target = FAR_PC;                               \
            goto jump;                                     \
        }                                                  \
        CHARGE_NOP(NOT_TAKEN);                             \
        SKIP_TWO;                                          \
    }                                                      \
    N_##name##_XNL:                                        \
    {                                                      \
        uint64_t a = cpu->gpr[ip->a], b = cpu->gpr[ip->b]; \
        (void)b;                                           \
        if (condition) {                                   \
            CHARGE_NOP(FAR_PC);                            \
            target = FAR_PC;                               \
            goto jump;                                     \
        }                                                  \
        SKIP_TWO;                                          \
    }
#endif
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(...)
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_FOP(...)
#define UOP_JUMP(...)
#define UOP_OP(...)
#include "mips/uop.def"

#define SEGMENT_TARGET \
    (((PC_OF(ip) + 4) & ~UINT64_C(0x0fffffff)) | (uint64_t)ip->imm << 2)

N_J : RUN_SLOT(SEGMENT_TARGET);
N_JAL : cpu->gpr[31] = PC_OF(ip) + 8;
RUN_SLOT(SEGMENT_TARGET);
N_JR : RUN_SLOT(cpu->gpr[ip->a]);
N_JALR:
{
    uint64_t to = cpu->gpr[ip->a];

    cpu->gpr[ip->d] = PC_OF(ip) + 8;
    RUN_SLOT(to);
}
N_BAL:
{
    bool taken = ((int64_t)cpu->gpr[ip->a] >= 0) == (ip->x >> 1);

    cpu->gpr[31] = PC_OF(ip) + 8;
    if (taken)
        RUN_SLOT(FAR_PC);
    if (ip->x & 1)
        SKIP_TWO;
    RUN_SLOT(NOT_TAKEN);
}
N_BC1 : NEED_FP;
if (fpu_cc(&cpu->fpu, ip->x >> 2) == (ip->x >> 1 & 1))
    RUN_SLOT(FAR_PC);
if (ip->x & 1)
    SKIP_TWO;
RUN_SLOT(NOT_TAKEN);
N_EDGE : SLOW(mips_branch_edge(cpu, ip->word));
goto refetch;
N_PAGE_END : left++; /* not an instruction */
if (ip == base + PAGE_INSNS) {
    target = PC_OF(ip);
    goto jump;
}
cpu->pc = PC_OF(ip); /* of a block that is all there is */
goto refetch;
