/*
 * fpu.c - FCSR, and the slow half of every FP instruction.
 *
 * fpu_fast.h comes here when the host FPU may not be used or its result is not
 * the guest's (NaNs, integer overflow), with the operation in pending and arg.
 * No locks; the caller owns the vCPU.
 */
#include "mips/fpu.h"

#include "mips/fpu_fast.h"
#include "mips/softfp.h"

static struct softfp environment(const struct mips_fpu *f)
{
    return (struct softfp){
        .rounding = f->fcsr & FCSR_RM,
        .enables = (f->fcsr & FCSR_ENABLES) >> FCSR_ENABLE_SHIFT,
        .flush = f->fcsr & FCSR_FS,
        .exact = f->exact_denormals,
    };
}

static uint64_t one(enum softfp_format fmt)
{
    return fmt == SOFTFP_S ? 0x3f800000 : UINT64_C(0x3ff0000000000000);
}

/* Negation of a result, which unlike NEG leaves a NaN alone, and raises
 * nothing: what is negated has just been rounded. */
static uint64_t negated(enum softfp_format fmt, uint64_t v)
{
    uint64_t sign = fmt == SOFTFP_S ? 0x80000000 : UINT64_C(1) << 63;
    uint64_t infinity =
        fmt == SOFTFP_S ? 0x7f800000 : UINT64_C(0x7ff0000000000000);

    return (v & ~sign) > infinity ? v : v ^ sign;
}

static uint64_t multiply_add(struct softfp *e, enum fpu_kind kind,
                             enum softfp_format fmt, const uint64_t arg[3])
{
    uint64_t product = softfp_mul(e, fmt, arg[0], arg[1]);
    bool subtract = kind == FPU_MSUB || kind == FPU_NMSUB;
    bool negate = kind == FPU_NMADD || kind == FPU_NMSUB;
    uint64_t sum = subtract ? softfp_sub(e, fmt, product, arg[2])
                            : softfp_add(e, fmt, product, arg[2]);

    return negate ? negated(fmt, sum) : sum;
}

/* ROUND, TRUNC, CEIL and FLOOR follow the order of FCSR.RM. */
static uint64_t to_int(struct softfp *e, enum fpu_kind kind,
                       enum softfp_format fmt, uint64_t v)
{
    bool wide = kind >= FPU_ROUND_L;
    unsigned rounding = kind - (wide ? FPU_ROUND_L : FPU_ROUND_W);

    if (kind == FPU_CVT_W || kind == FPU_CVT_L)
        rounding = e->rounding;
    return (uint64_t)softfp_to_int(e, fmt, v, (enum softfp_rounding)rounding,
                                   wide ? 64 : 32);
}

_Static_assert(FPU_ROUND_W + SOFTFP_RZ == FPU_TRUNC_W &&
                   FPU_ROUND_W + SOFTFP_RP == FPU_CEIL_W &&
                   FPU_ROUND_W + SOFTFP_RM == FPU_FLOOR_W &&
                   FPU_ROUND_L + SOFTFP_RZ == FPU_TRUNC_L &&
                   FPU_ROUND_L + SOFTFP_RP == FPU_CEIL_L &&
                   FPU_ROUND_L + SOFTFP_RM == FPU_FLOOR_L,
               "to_int() computes the rounding from the kind");

static uint64_t evaluate(struct softfp *e, unsigned op, const uint64_t arg[3])
{
    enum fpu_kind kind = (enum fpu_kind)(op / 2);
    enum softfp_format fmt = op & 1 ? SOFTFP_D : SOFTFP_S;

    switch (kind) {
    case FPU_NONE:
    case FPU_QUIET:
        return 0;
    case FPU_ADD:
        return softfp_add(e, fmt, arg[0], arg[1]);
    case FPU_SUB:
        return softfp_sub(e, fmt, arg[0], arg[1]);
    case FPU_MUL:
        return softfp_mul(e, fmt, arg[0], arg[1]);
    case FPU_DIV:
        return softfp_div(e, fmt, arg[0], arg[1]);
    case FPU_SQRT:
        return softfp_sqrt(e, fmt, arg[0]);
    case FPU_RECIP:
        return softfp_div(e, fmt, one(fmt), arg[0]);
    case FPU_RSQRT:
        return softfp_div(e, fmt, one(fmt), softfp_sqrt(e, fmt, arg[0]));
    case FPU_MADD:
    case FPU_MSUB:
    case FPU_NMADD:
    case FPU_NMSUB:
        return multiply_add(e, kind, fmt, arg);
    case FPU_ABS:
        return softfp_abs(e, fmt, arg[0]);
    case FPU_NEG:
        return softfp_neg(e, fmt, arg[0]);
    case FPU_ROUND_W:
    case FPU_TRUNC_W:
    case FPU_CEIL_W:
    case FPU_FLOOR_W:
    case FPU_CVT_W:
    case FPU_ROUND_L:
    case FPU_TRUNC_L:
    case FPU_CEIL_L:
    case FPU_FLOOR_L:
    case FPU_CVT_L:
        return to_int(e, kind, fmt, arg[0]);
    case FPU_CVT_FORMAT:
        return fmt == SOFTFP_S ? softfp_s_to_d(e, arg[0])
                               : softfp_d_to_s(e, arg[0]);
    case FPU_CVT_S_W:
        return softfp_from_int(e, SOFTFP_S, (int32_t)arg[0]);
    case FPU_CVT_S_L:
        return softfp_from_int(e, SOFTFP_S, (int64_t)arg[0]);
    case FPU_CVT_D_W:
        return softfp_from_int(e, SOFTFP_D, (int32_t)arg[0]);
    case FPU_CVT_D_L:
        return softfp_from_int(e, SOFTFP_D, (int64_t)arg[0]);
    }
    return 0;
}

/* E is alone in Cause: the hardware gave up before it knew the rest. */
static uint32_t cause_of(const struct softfp *e)
{
    if (e->cause & SOFTFP_CAUSE_E)
        return FCSR_CAUSE_E;
    return (uint32_t)e->cause << FCSR_CAUSE_SHIFT;
}

/* Cause bits that have their Enable set; E always has. */
static bool traps(uint32_t fcsr)
{
    uint32_t enables = (fcsr & FCSR_ENABLES)
                       << (FCSR_CAUSE_SHIFT - FCSR_ENABLE_SHIFT);

    return fcsr & (enables | FCSR_CAUSE_E) & FCSR_CAUSE;
}

static uint32_t cause_as_flags(uint32_t fcsr)
{
    return fcsr >> (FCSR_CAUSE_SHIFT - FCSR_FLAGS_SHIFT) & FCSR_FLAGS;
}

/* End an operation: true if it traps, and then only Cause has changed. */
static bool latch(struct mips_fpu *f, const struct softfp *e)
{
    f->pending = FPU_NONE;
    f->fcsr = (f->fcsr & ~FCSR_CAUSE) | cause_of(e);
    if (traps(f->fcsr))
        return true;
    f->fcsr |= cause_as_flags(f->fcsr);
    return false;
}

/* Bring Cause up to date.  What is pending was done fast, so cannot trap. */
static void settle(struct mips_fpu *f)
{
    struct softfp e = environment(f);

    if (f->pending == FPU_NONE)
        return;
    evaluate(&e, f->pending, f->arg);
    latch(f, &e);
}

#if FPU_HAS_HOST
/*
 * MXCSR: rounding control, exceptions masked and flags.  Rounding is N, -, +,
 * 0 there.  IE is never taken for a flag of the guest's: where an operation is
 * invalid for the guest its host result is a NaN or an integer overflow, and
 * softfp decides; the host raises IE on guest quiet NaNs also.
 */
#define MXCSR_ZE    0x0004u
#define MXCSR_OE    0x0008u
#define MXCSR_UE    0x0010u
#define MXCSR_PE    0x0020u
#define MXCSR_DAZ   0x0040u
#define MXCSR_MASKS 0x1f80u
#define MXCSR_FTZ   0x8000u

static uint32_t mxcsr_for(uint32_t fcsr)
{
    static const uint16_t rounding[] = { 0x0000, 0x6000, 0x4000, 0x2000 };
    uint32_t flush = fcsr & FCSR_FS ? MXCSR_FTZ | MXCSR_DAZ : 0;

    return MXCSR_MASKS | rounding[fcsr & FCSR_RM] | flush;
}

static uint32_t mxcsr_as_flags(uint32_t mxcsr)
{
    return (mxcsr & MXCSR_ZE) << 3 | (mxcsr & MXCSR_OE) << 1 |
           (mxcsr & MXCSR_UE) >> 1 | (mxcsr & MXCSR_PE) >> 3;
}

/* FTZ gives zero also where FS gives the least normal number: not for it. */
bool fpu_is_plain(const struct mips_fpu *f)
{
    bool directed = (f->fcsr & FCSR_RM) >= SOFTFP_RP;

    return !f->exact_denormals && !(f->fcsr & FCSR_ENABLES) &&
           !(f->fcsr & FCSR_FS && directed);
}

static bool host_usable(const struct mips_fpu *f)
{
    return f->entered && fpu_is_plain(f);
}

static void set_fast(struct mips_fpu *f, bool fast)
{
    f->fast = fast;
    f->go = fast && f->usable;
}

static void fold_flags(struct mips_fpu *f)
{
    if (f->fast)
        f->fcsr |= mxcsr_as_flags(fpu_host_get_mxcsr());
}

void fpu_host_release(struct mips_fpu *f)
{
    fold_flags(f);
    set_fast(f, false);
    fpu_host_set_mxcsr(f->host_mxcsr);
}

void fpu_host_acquire(struct mips_fpu *f)
{
    if (f->fast || !host_usable(f))
        return;
    f->host_mxcsr = fpu_host_get_mxcsr();
    set_fast(f, true);
    fpu_host_set_mxcsr(mxcsr_for(f->fcsr));
}

/* After fcsr changed as a whole: sticky flags of before count no more. */
static void host_reload(struct mips_fpu *f)
{
    uint32_t mxcsr = mxcsr_for(f->fcsr);

    if (!f->fast)
        return;
    if (!host_usable(f)) {
        set_fast(f, false);
        fpu_host_set_mxcsr(f->host_mxcsr);
    } else if (fpu_host_get_mxcsr() != mxcsr) {
        fpu_host_set_mxcsr(mxcsr);
    }
}
#else
static void fold_flags(struct mips_fpu *f)
{
    (void)f;
}

void fpu_host_release(struct mips_fpu *f)
{
    f->fast = f->go = false;
}

bool fpu_is_plain(const struct mips_fpu *f)
{
    (void)f;
    return false;
}

void fpu_host_acquire(struct mips_fpu *f)
{
    (void)f;
}

static void host_reload(struct mips_fpu *f)
{
    (void)f;
}
#endif

static bool finish(struct mips_fpu *f, uint64_t *result)
{
    struct softfp e = environment(f);

    *result = evaluate(&e, f->pending, f->arg);
    fpu_host_acquire(f);
    return latch(f, &e);
}

bool fpu_slow_w(struct mips_fpu *f, unsigned fd)
{
    uint64_t result;

    if (finish(f, &result))
        return true;
    fpu_set_w(f, fd, (uint32_t)result);
    return false;
}

bool fpu_slow_d(struct mips_fpu *f, unsigned fd)
{
    uint64_t result;

    if (finish(f, &result))
        return true;
    f->fpr[fd] = result;
    return false;
}

bool fpu_slow_compare(struct mips_fpu *f, unsigned fmt, unsigned cond,
                      unsigned cc)
{
    struct softfp e = environment(f);
    unsigned relation = softfp_compare(&e, (enum softfp_format)fmt, f->arg[0],
                                       f->arg[1], cond & 8);

    fpu_host_acquire(f);
    if (latch(f, &e))
        return true;
    fpu_set_cc(f, cc, relation & cond);
    return false;
}

void fpu_reset(struct mips_fpu *f, uint32_t fir)
{
    *f = (struct mips_fpu){ .fir = fir };
}

void fpu_set_exact(struct mips_fpu *f, bool exact)
{
    fpu_fcsr_read(f);
    f->exact_denormals = exact;
    host_reload(f);
}

/* Condition code 0 is bit 23, the others are bits 25 and on. */
static unsigned cc_shift(unsigned cc)
{
    return cc == 0 ? 23 : 24 + cc;
}

uint32_t fpu_fcsr_read(struct mips_fpu *f)
{
    uint32_t fcsr;

    settle(f);
    fold_flags(f);
    fcsr = f->fcsr;
    for (unsigned cc = 0; cc < 8; cc++)
        fcsr |= (uint32_t)f->cc[cc] << cc_shift(cc);
    return fcsr;
}

bool fpu_fcsr_write(struct mips_fpu *f, uint32_t value)
{
    f->pending = FPU_NONE;
    f->fcsr = value & FCSR_WRITABLE & ~FCSR_CC;
    for (unsigned cc = 0; cc < 8; cc++)
        f->cc[cc] = value >> cc_shift(cc) & 1;
    host_reload(f);
    return traps(f->fcsr);
}

void fpu_fcsr_unimplemented(struct mips_fpu *f)
{
    f->pending = FPU_NONE;
    f->fcsr = (f->fcsr & ~FCSR_CAUSE) | FCSR_CAUSE_E;
}
