/*
 * interp_ops.h - every operation but branches, for interp_exec.h, which
 * includes it once for the run and once for delay slots.
 */
#define A   cpu->gpr[ip->a]
#define B   cpu->gpr[ip->b]
#define D   cpu->gpr[ip->d]
#define IMM ((uint64_t)(int64_t)ip->imm)

/* The instruction is done, but the outer loop must look first. */
#define NEXT_CHECKED                 \
    do {                             \
        if (unlikely(cpu->resync)) { \
            cpu->pc = AFTER_PC;      \
            goto resync;             \
        }                            \
        NEXT;                        \
    } while (0)
#define RAISE(exc)            \
    do {                      \
        SAVE;                 \
        mips_raise(cpu, exc); \
        goto refetch;         \
    } while (0)
/* Run a slow path; it may have failed. */
#define SLOW(call)                      \
    do {                                \
        SAVE;                           \
        result = (call);                \
        if (unlikely(result != RES_OK)) \
            goto bad;                   \
    } while (0)
/* The same; the outer loop looks before the next instruction, which finds no
 * budget: the fast path need not check. */
#define SLOW_HOLD(call)              \
    do {                             \
        SLOW(call);                  \
        if (unlikely(cpu->resync)) { \
            extra += left;           \
            left = 0;                \
        }                            \
    } while (0)
#define NEED_CP0                               \
    do {                                       \
        SAVE;                                  \
        if (unlikely(!mips_cp0_usable(cpu))) { \
            mips_raise_cpu(cpu, 0);            \
            goto refetch;                      \
        }                                      \
    } while (0)
#define NEED_FP                           \
    do {                                  \
        if (unlikely(!cpu->fpu.usable)) { \
            SAVE;                         \
            mips_raise_cpu(cpu, 1);       \
            goto refetch;                 \
        }                                 \
    } while (0)

/* Load to `v`, store of `v` at `va`. */
#if LINE_GRANULE
#define LOAD_TO(v, va, bytes)                                         \
    do {                                                              \
        const struct line_entry *e_ = line_slot(cpu, va);             \
        if (likely(e_->rtag == ((va) & (line->mask | ((bytes)-1))) && \
                   line_readable(e_))) {                              \
            v = GUEST_LOAD_##bytes(line_host(e_, va), GUEST_BIG);     \
        } else {                                                      \
            uint64_t got_;                                            \
            SLOW_HOLD(mips_load_slow(cpu, va, bytes, &got_));         \
            v = (__typeof__(v))got_;                                  \
        }                                                             \
    } while (0)
#define STORE_FROM(v, va, bytes)                                    \
    do {                                                            \
        const struct line_entry *e_ = line_slot(cpu, va);           \
        uint64_t key_ = (va) & (line->mask | ((bytes)-1));          \
        if (likely(e_->wtag == key_ && line_writable(e_))) {        \
            GUEST_STORE_##bytes(line_host(e_, va), v, GUEST_BIG);   \
        } else if (likely(e_->stag == key_ && line_writable(e_))) { \
            mips_store_shared(cpu, line_host(e_, va), bytes, v);    \
        } else {                                                    \
            SLOW_HOLD(mips_store_slow(cpu, va, bytes, v));          \
        }                                                           \
    } while (0)
#else
#define LOAD_TO(v, va, bytes)                                         \
    do {                                                              \
        const struct access_entry *e_ = access_slot(cpu, va);         \
        if (likely(e_->rtag == ((va) & (PAGE_MASK | ((bytes)-1))))) { \
            v = GUEST_LOAD_##bytes(access_host(e_, va), GUEST_BIG);   \
        } else {                                                      \
            uint64_t got_;                                            \
            SLOW_HOLD(mips_load_slow(cpu, va, bytes, &got_));         \
            v = (__typeof__(v))got_;                                  \
        }                                                             \
    } while (0)
#define STORE_FROM(v, va, bytes)                                    \
    do {                                                            \
        const struct access_entry *e_ = access_slot(cpu, va);       \
        uint64_t key_ = (va) & (PAGE_MASK | ((bytes)-1));           \
        if (likely(e_->wtag == key_)) {                             \
            GUEST_STORE_##bytes(access_host(e_, va), v, GUEST_BIG); \
        } else if (likely(e_->stag == key_)) {                      \
            uint8_t *to_ = access_host(e_, va);                     \
            if (linemon_filtered(cpu->host->line_monitor, to_))     \
                mips_store_shared(cpu, to_, bytes, v);              \
            else {                                                  \
                GUEST_STORE_##bytes(to_, v, GUEST_BIG);             \
                if (cpu->fence)                                     \
                    __atomic_thread_fence(__ATOMIC_SEQ_CST);        \
            }                                                       \
        } else {                                                    \
            SLOW_HOLD(mips_store_slow(cpu, va, bytes, v));          \
        }                                                           \
    } while (0)
#endif

#define UOP_ALU(name, value)     \
    LABEL(name##_R) :            \
    {                            \
        uint64_t a = A, b = B;   \
        D = (value);             \
        NEXT;                    \
    }                            \
    LABEL(name##_I) :            \
    {                            \
        uint64_t a = A, b = IMM; \
        D = (value);             \
        NEXT;                    \
    }
#define UOP_OVF(name, value, overflow) \
    LABEL(name##_R) :                  \
    {                                  \
        uint64_t a = A, b = B;         \
        if (unlikely(overflow))        \
            RAISE(EXC_OV);             \
        D = (value);                   \
        NEXT;                          \
    }                                  \
    LABEL(name##_I) :                  \
    {                                  \
        uint64_t a = A, b = IMM;       \
        if (unlikely(overflow))        \
            RAISE(EXC_OV);             \
        D = (value);                   \
        NEXT;                          \
    }
#define UOP_BR(...)
#define UOP_JUMP(...)
#define UOP_TRAP(name, condition) \
    LABEL(name##_R) :             \
    {                             \
        uint64_t a = A, b = B;    \
        if (condition)            \
            RAISE(EXC_TR);        \
        NEXT;                     \
    }                             \
    LABEL(name##_I) :             \
    {                             \
        uint64_t a = A, b = IMM;  \
        if (condition)            \
            RAISE(EXC_TR);        \
        NEXT;                     \
    }
#define UOP_LOAD(name, bytes, type) \
    LABEL(name) :                   \
    {                               \
        uint64_t va = A + IMM;      \
        type v;                     \
        LOAD_TO(v, va, bytes);      \
        D = (uint64_t)(int64_t)v;   \
        NEXT;                       \
    }
#define UOP_STORE(name, bytes)        \
    LABEL(name) :                     \
    {                                 \
        uint64_t va = A + IMM, v = B; \
        STORE_FROM(v, va, bytes);     \
        NEXT;                         \
    }
#define UOP_FP3(name, fn, kind)                             \
    LABEL(name) : NEED_FP;                                  \
    if (unlikely(fpu_##fn(&cpu->fpu, ip->d, ip->a, ip->b))) \
        RAISE(EXC_FPE);                                     \
    NEXT;
#define UOP_FP2(name, fn, dst, src)                  \
    LABEL(name) : NEED_FP;                           \
    if (unlikely(fpu_##fn(&cpu->fpu, ip->d, ip->a))) \
        RAISE(EXC_FPE);                              \
    NEXT;
#define UOP_FP4(name, fn, kind)                                    \
    LABEL(name) : NEED_FP;                                         \
    if (unlikely(fpu_##fn(&cpu->fpu, ip->d, ip->x, ip->a, ip->b))) \
        RAISE(EXC_FPE);                                            \
    NEXT;
#define UOP_FCMP(name, fn, kind)                                   \
    LABEL(name) : NEED_FP;                                         \
    if (unlikely(fpu_##fn(&cpu->fpu, ip->x, ip->d, ip->a, ip->b))) \
        RAISE(EXC_FPE);                                            \
    NEXT;
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"

LABEL(DECODE) : mips_code_decode(cpu, base, (unsigned)(ip - base));
REDISPATCH;

LABEL(NOP) : NEXT;

LABEL(CONST) : D = IMM;
NEXT;

LABEL(MOVZ) : if (B == 0) D = A;
NEXT;

LABEL(MOVN) : if (B != 0) D = A;
NEXT;

LABEL(MOVCC) : NEED_FP;
if (fpu_cc(&cpu->fpu, ip->x >> 1) == (ip->x & 1))
    D = A;
NEXT;

LABEL(MFHI) : D = cpu->hi;
NEXT;

LABEL(MFLO) : D = cpu->lo;
NEXT;

LABEL(MTHI) : cpu->hi = A;
NEXT;

LABEL(MTLO) : cpu->lo = A;
NEXT;

LABEL(MULT) :
{
    int64_t p = (int64_t)(int32_t)A * (int32_t)B;

    cpu->lo = SX32(p);
    cpu->hi = SX32(p >> 32);
    NEXT;
}

LABEL(MULTU) :
{
    uint64_t p = (uint64_t)(uint32_t)A * (uint32_t)B;

    cpu->lo = SX32(p);
    cpu->hi = SX32(p >> 32);
    NEXT;
}

LABEL(DIV) : mips_div(cpu, (int32_t)A, (int32_t)B);
NEXT;

LABEL(DIVU) :
{
    uint32_t a = (uint32_t)A, b = (uint32_t)B;

    cpu->lo = b ? SX32(a / b) : UINT64_MAX;
    cpu->hi = b ? SX32(a % b) : SX32(a);
    NEXT;
}

LABEL(DMULT) :
{
    __extension__ __int128 p = (__int128)(int64_t)A * (int64_t)B;

    cpu->lo = (uint64_t)p;
    cpu->hi = (uint64_t)(p >> 64);
    NEXT;
}

LABEL(DMULTU) :
{
    __extension__ unsigned __int128 p = (unsigned __int128)A * B;

    cpu->lo = (uint64_t)p;
    cpu->hi = (uint64_t)(p >> 64);
    NEXT;
}

LABEL(DDIV) : mips_ddiv(cpu, (int64_t)A, (int64_t)B);
NEXT;

LABEL(DDIVU) :
{
    uint64_t a = A, b = B;

    cpu->lo = b ? a / b : UINT64_MAX;
    cpu->hi = b ? a % b : a;
    NEXT;
}

LABEL(SYNC) : __atomic_thread_fence(__ATOMIC_SEQ_CST);
NEXT;

LABEL(SYSCALL) : RAISE(EXC_SYS);

LABEL(BREAK) : if (cpu->break_exit)
{
    SAVE;
    cpu->exit_reason = DISCO_EXIT_BREAK;
    result = RES_LEAVE;
    goto bad;
}
RAISE(EXC_BP);

LABEL(RESERVED) : RAISE(EXC_RI);

LABEL(COP0_RI) : NEED_CP0;
mips_raise(cpu, EXC_RI);
goto refetch;

LABEL(COP1_E) : NEED_FP;
fpu_fcsr_unimplemented(&cpu->fpu);
RAISE(EXC_FPE);

LABEL(COP1X_RI) : NEED_FP;
RAISE(EXC_RI);

LABEL(COP2) : SAVE;
if (cpu->status & ST_CU2)
    mips_raise(cpu, EXC_RI);
else
    mips_raise_cpu(cpu, 2);
goto refetch;

LABEL(MFC0) : NEED_CP0;
D = SX32(mips_cp0_read(cpu, ip->a));
NEXT_CHECKED;

LABEL(DMFC0) : NEED_CP0;
D = mips_cp0_read(cpu, ip->a);
NEXT_CHECKED;

LABEL(MTC0) : NEED_CP0;
mips_cp0_write(cpu, ip->a, SX32(B));
NEXT_CHECKED;

LABEL(DMTC0) : NEED_CP0;
mips_cp0_write(cpu, ip->a, B);
NEXT_CHECKED;

LABEL(MFP) : NEED_CP0;
D = SX32(mips_perf_read(cpu, ip->x >> 1, ip->x & 1));
NEXT_CHECKED;

LABEL(MTP) : NEED_CP0;
mips_perf_write(cpu, ip->x >> 1, ip->x & 1, (uint32_t)B);
NEXT_CHECKED;

LABEL(TLBR) : NEED_CP0;
mips_tlb_read(cpu);
NEXT_CHECKED;

LABEL(TLBWI) : NEED_CP0;
mips_tlb_write(cpu, cpu->index & 63, false);
goto LABEL(TLB_WRITTEN);

LABEL(TLBWR) : NEED_CP0;
mips_tlb_write(cpu, mips_random(cpu), true);
LABEL(TLB_WRITTEN) : if (base_va - KSEG0_BASE >= KSEG01_BYTES)
{
    cpu->pc = AFTER_PC; /* this code is mapped itself */
    goto refetch;
}
NEXT_CHECKED;

LABEL(TLBP) : NEED_CP0;
mips_tlb_probe(cpu);
NEXT_CHECKED;

LABEL(ERET) : if (IN_SLOT) RAISE(EXC_RI);
NEED_CP0;
mips_eret(cpu);
if (unlikely(mips_interrupt_due(cpu) ||
             __atomic_load_n(request, __ATOMIC_RELAXED)))
    goto resync;
goto refetch;

LABEL(HYPCALL) : NEED_CP0;
SLOW(mips_op_hypcall(cpu, (unsigned)ip->imm));
NEXT_CHECKED;

LABEL(CACHE) : NEED_CP0;
SLOW(mips_cache_op(cpu, ip->x, A + IMM));
NEXT_CHECKED;

LABEL(MFC1) : NEED_FP;
D = SX32(fpu_get_w(&cpu->fpu, ip->a));
NEXT;

LABEL(DMFC1) : NEED_FP;
D = cpu->fpu.fpr[ip->a];
NEXT;

LABEL(MTC1) : NEED_FP;
fpu_set_w(&cpu->fpu, ip->a, (uint32_t)B);
NEXT;

LABEL(DMTC1) : NEED_FP;
cpu->fpu.fpr[ip->a] = B;
NEXT;

LABEL(CFC1) : NEED_FP;
D = ip->a == 31  ? SX32(fpu_fcsr_read(&cpu->fpu))
    : ip->a == 0 ? SX32(cpu->fpu.fir)
                 : 0;
NEXT;

LABEL(CTC1) : NEED_FP;
if (ip->a == 31)
    SLOW(mips_ctc1(cpu, (uint32_t)B));
NEXT_CHECKED;

LABEL(FMOV_W) : NEED_FP;
fpu_set_w(&cpu->fpu, ip->d, fpu_get_w(&cpu->fpu, ip->a));
NEXT;

LABEL(FMOV_D) : NEED_FP;
cpu->fpu.fpr[ip->d] = cpu->fpu.fpr[ip->a];
NEXT;

LABEL(FMOVCC_W) : NEED_FP;
if (fpu_cc(&cpu->fpu, ip->x >> 1) == (ip->x & 1))
    fpu_set_w(&cpu->fpu, ip->d, fpu_get_w(&cpu->fpu, ip->a));
NEXT;

LABEL(FMOVCC_D) : NEED_FP;
if (fpu_cc(&cpu->fpu, ip->x >> 1) == (ip->x & 1))
    cpu->fpu.fpr[ip->d] = cpu->fpu.fpr[ip->a];
NEXT;

LABEL(FMOVZ_W) : NEED_FP;
if ((B != 0) == ip->x)
    fpu_set_w(&cpu->fpu, ip->d, fpu_get_w(&cpu->fpu, ip->a));
NEXT;

LABEL(FMOVZ_D) : NEED_FP;
if ((B != 0) == ip->x)
    cpu->fpu.fpr[ip->d] = cpu->fpu.fpr[ip->a];
NEXT;

#define FP_LOAD(name, bytes, address, put) \
    LABEL(name) : NEED_FP;                 \
    {                                      \
        uint64_t va = (address), v;        \
        LOAD_TO(v, va, bytes);             \
        put;                               \
        NEXT;                              \
    }
#define FP_STORE(name, bytes, address, get) \
    LABEL(name) : NEED_FP;                  \
    {                                       \
        uint64_t va = (address), v = (get); \
        STORE_FROM(v, va, bytes);           \
        NEXT;                               \
    }
FP_LOAD(LWC1, 4, A + IMM, fpu_set_w(&cpu->fpu, ip->d, (uint32_t)v))
FP_LOAD(LDC1, 8, A + IMM, cpu->fpu.fpr[ip->d] = v)
FP_LOAD(LWXC1, 4, A + B, fpu_set_w(&cpu->fpu, ip->d, (uint32_t)v))
FP_LOAD(LDXC1, 8, A + B, cpu->fpu.fpr[ip->d] = v)
FP_STORE(SWC1, 4, A + IMM, fpu_get_w(&cpu->fpu, ip->d))
FP_STORE(SDC1, 8, A + IMM, cpu->fpu.fpr[ip->d])
FP_STORE(SWXC1, 4, A + B, fpu_get_w(&cpu->fpu, ip->d))
FP_STORE(SDXC1, 8, A + B, cpu->fpu.fpr[ip->d])
#undef FP_LOAD
#undef FP_STORE

LABEL(LPART) :
{
    uint64_t v = B;

    SLOW(mips_load_part(cpu, A + IMM, ip->x >> 1, ip->x & 1, &v));
    D = v;
    NEXT_CHECKED;
}

LABEL(SPART) : SLOW(mips_store_part(cpu, A + IMM, ip->x >> 1, ip->x & 1, B));
NEXT_CHECKED;

LABEL(LL) :
{
    uint64_t v;

    SLOW(mips_ll(cpu, A + IMM, ip->x, &v));
    D = ip->x == 4 ? SX32(v) : v;
    NEXT_CHECKED;
}

LABEL(SC) :
{
    uint64_t v;

    SLOW(mips_sc(cpu, A + IMM, ip->x, B, &v));
    D = v;
    NEXT_CHECKED;
}

#undef A
#undef B
#undef D
#undef IMM
