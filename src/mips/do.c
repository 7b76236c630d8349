/*
 * do.c - one instruction in C, for translated code: what is too rare or too big
 * to be written in line, and what the host's FPU cannot do.
 *
 * The vCPU is as for a slow path of the interpreter: cur_pc, cur_bd and left
 * are saved, all registers are in memory.  It says the same things: done,
 * exception taken, or leave run with the instruction not done.
 */
#include "base/compiler.h"
#include "mips/fpu_fast.h"
#include "mips/interp.h"

#define SX32(v) ((uint64_t)(int64_t)(int32_t)(uint32_t)(v))
#define A       cpu->gpr[s->a]
#define B       cpu->gpr[s->b]
#define D       cpu->gpr[s->d]
#define IMM     ((uint64_t)(int64_t)s->imm)

static enum mips_result raise(struct mips_cpu *cpu, enum mips_exc exc)
{
    mips_raise(cpu, exc);
    return RES_EXCEPTION;
}

/* --- Coprocessor 0
 * -------------------------------------------------------------- */

static enum mips_result do_tlb(struct mips_cpu *cpu, unsigned op)
{
    switch (op) {
    case OP_TLBR:
        mips_tlb_read(cpu);
        break;
    case OP_TLBWI:
        mips_tlb_write(cpu, cpu->index & 63, false);
        break;
    case OP_TLBWR:
        mips_tlb_write(cpu, mips_random(cpu), true);
        break;
    default:
        mips_tlb_probe(cpu);
        break;
    }
    return RES_OK;
}

static enum mips_result do_cp0(struct mips_cpu *cpu, const struct slot *s)
{
    if (unlikely(!mips_cp0_usable(cpu))) {
        mips_raise_cpu(cpu, 0);
        return RES_EXCEPTION;
    }
    switch (s->op) {
    case OP_COP0_RI:
        return raise(cpu, EXC_RI);
    case OP_MFC0:
        D = SX32(mips_cp0_read(cpu, s->a));
        return RES_OK;
    case OP_DMFC0:
        D = mips_cp0_read(cpu, s->a);
        return RES_OK;
    case OP_MTC0:
        mips_cp0_write(cpu, s->a, SX32(B));
        return RES_OK;
    case OP_DMTC0:
        mips_cp0_write(cpu, s->a, B);
        return RES_OK;
    case OP_MFP:
        D = SX32(mips_perf_read(cpu, s->x >> 1, s->x & 1));
        return RES_OK;
    case OP_MTP:
        mips_perf_write(cpu, s->x >> 1, s->x & 1, (uint32_t)B);
        return RES_OK;
    case OP_ERET:
        mips_eret(cpu);
        return RES_OK;
    case OP_HYPCALL:
        return mips_op_hypcall(cpu, (unsigned)s->imm);
    case OP_CACHE:
        return mips_cache_op(cpu, s->x, A + IMM);
    default:
        return do_tlb(cpu, s->op);
    }
}

/* --- Floating point
 * --------------------------------------------------------------- */

/* True: it raises an FP exception. */
static bool arithmetic(struct mips_fpu *f, const struct slot *s)
{
    switch (s->op) {
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_BR(...)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(name, fn, kind) \
    case OP_##name:             \
        return fpu_##fn(f, s->d, s->a, s->b);
#define UOP_FP2(name, fn, dst, src) \
    case OP_##name:                 \
        return fpu_##fn(f, s->d, s->a);
#define UOP_FP4(name, fn, kind) \
    case OP_##name:             \
        return fpu_##fn(f, s->d, s->x, s->a, s->b);
#define UOP_FCMP(name, fn, kind) \
    case OP_##name:              \
        return fpu_##fn(f, s->x, s->d, s->a, s->b);
#define UOP_JUMP(...)
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"
    default:
        return false;
    }
}

enum mips_result mips_ctc1(struct mips_cpu *cpu, uint32_t value)
{
    bool traps = fpu_fcsr_write(&cpu->fpu, value);
    bool is_soft = cpu->config_key & CFG_KEY_SOFT_FP;

    if (unlikely(is_soft == fpu_is_plain(&cpu->fpu))) {
        mips_mode_update(cpu);
        cpu->resync = true; /* code of another kind follows */
    }
    return traps ? raise(cpu, EXC_FPE) : RES_OK;
}

static enum mips_result do_fp(struct mips_cpu *cpu, const struct slot *s)
{
    struct mips_fpu *f = &cpu->fpu;

    if (unlikely(!f->usable)) {
        mips_raise_cpu(cpu, 1);
        return RES_EXCEPTION;
    }
    switch (s->op) {
    case OP_COP1_E:
        fpu_fcsr_unimplemented(f);
        return raise(cpu, EXC_FPE);
    case OP_COP1X_RI:
        return raise(cpu, EXC_RI);
    case OP_CFC1:
        D = s->a == 31 ? SX32(fpu_fcsr_read(f)) : s->a == 0 ? SX32(f->fir) : 0;
        return RES_OK;
    case OP_CTC1:
        return s->a == 31 ? mips_ctc1(cpu, (uint32_t)B) : RES_OK;
    default:
        return unlikely(arithmetic(f, s)) ? raise(cpu, EXC_FPE) : RES_OK;
    }
}

/* --- By operation
 * ------------------------------------------------------------------- */

static void divide(struct mips_cpu *cpu, const struct slot *s)
{
    uint64_t a = A, b = B;
    uint32_t a32 = (uint32_t)a, b32 = (uint32_t)b;

    switch (s->op) {
    case OP_DIV:
        mips_div(cpu, (int32_t)a32, (int32_t)b32);
        break;
    case OP_DIVU:
        cpu->lo = b32 ? SX32(a32 / b32) : UINT64_MAX;
        cpu->hi = SX32(b32 ? a32 % b32 : a32);
        break;
    case OP_DDIV:
        mips_ddiv(cpu, (int64_t)a, (int64_t)b);
        break;
    default:
        cpu->lo = b ? a / b : UINT64_MAX;
        cpu->hi = b ? a % b : a;
        break;
    }
}

static enum mips_result load_part(struct mips_cpu *cpu, const struct slot *s)
{
    uint64_t v = B;
    enum mips_result result =
        mips_load_part(cpu, A + IMM, s->x >> 1, s->x & 1, &v);

    if (result == RES_OK)
        D = v;
    return result;
}

static enum mips_result linked(struct mips_cpu *cpu, const struct slot *s)
{
    uint64_t v;
    enum mips_result result;

    if (s->op == OP_LL)
        result = mips_ll(cpu, A + IMM, s->x, &v);
    else
        result = mips_sc(cpu, A + IMM, s->x, B, &v);
    if (result != RES_OK)
        return result;
    D = s->op == OP_LL && s->x == 4 ? SX32(v) : v;
    return RES_OK;
}

enum mips_result mips_do_op(struct mips_cpu *cpu, const struct slot *s)
{
    switch (s->op) {
    case OP_SYSCALL:
        return raise(cpu, EXC_SYS);
    case OP_BREAK:
        if (!cpu->break_exit)
            return raise(cpu, EXC_BP);
        cpu->exit_reason = DISCO_EXIT_BREAK;
        return RES_LEAVE;
    case OP_RESERVED:
        return raise(cpu, EXC_RI);
    case OP_COP2:
        if (cpu->status & ST_CU2)
            return raise(cpu, EXC_RI);
        mips_raise_cpu(cpu, 2);
        return RES_EXCEPTION;
    case OP_DIV:
    case OP_DIVU:
    case OP_DDIV:
    case OP_DDIVU:
        divide(cpu, s);
        return RES_OK;
    case OP_LPART:
        return load_part(cpu, s);
    case OP_SPART:
        return mips_store_part(cpu, A + IMM, s->x >> 1, s->x & 1, B);
    case OP_LL:
    case OP_SC:
        return linked(cpu, s);
    case OP_COP0_RI:
    case OP_MFC0:
    case OP_DMFC0:
    case OP_MTC0:
    case OP_DMTC0:
    case OP_MFP:
    case OP_MTP:
    case OP_TLBR:
    case OP_TLBWI:
    case OP_TLBWR:
    case OP_TLBP:
    case OP_ERET:
    case OP_HYPCALL:
    case OP_CACHE:
        return do_cp0(cpu, s);
    default:
        return do_fp(cpu, s);
    }
}
