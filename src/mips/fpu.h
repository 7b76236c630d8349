/*
 * fpu.h - the FP register file and FCSR of one vCPU.
 *
 * State and its rules; the arithmetic instructions are inline in fpu_fast.h,
 * the arithmetic itself in softfp.h.  CP1 usability, reserved encodings and
 * the exceptions themselves are the interpreter's.  One thread at a time.
 *
 * `fcsr` lies, so that an instruction costs a few nanoseconds; outside of fpu.c
 * and fpu_fast.h use fpu_fcsr_read() and fpu_cc():
 *   - Cause.  An operation leaves its operands in `pending` and `arg`; whoever
 *     reads FCSR makes softfp repeat it.
 *   - Flags.  While `fast` is set the host's own sticky flags hold some.
 *   - The condition codes are in `cc`; their bits in fcsr are 0.
 */
#ifndef MIPS_FPU_H
#define MIPS_FPU_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FCSR_RM           0x00000003u
#define FCSR_FLAGS        0x0000007cu
#define FCSR_FLAGS_SHIFT  2
#define FCSR_ENABLES      0x00000f80u
#define FCSR_ENABLE_SHIFT 7
#define FCSR_CAUSE        0x0003f000u
#define FCSR_CAUSE_SHIFT  12
#define FCSR_CAUSE_E      0x00020000u
#define FCSR_CC           0xfe800000u
#define FCSR_CC0          0x00800000u
#define FCSR_FS           0x01000000u
#define FCSR_WRITABLE     0xff83ffffu

/*
 * What computes.  Most kinds come for S and D operands; the ones "from W" and
 * "from L" have one form.  TO_INT_* follow FCSR.RM's order after CVT.
 */
enum fpu_kind {
    FPU_NONE,  /* nothing pending: Cause is in fcsr */
    FPU_QUIET, /* something that raises nothing: Cause is 0 */
    FPU_ADD,
    FPU_SUB,
    FPU_MUL,
    FPU_DIV,
    FPU_SQRT,
    FPU_RECIP, /* 1 / x */
    FPU_RSQRT, /* 1 / sqrt(x), rounded twice as Linux's emulator does */
    FPU_MADD,  /* fs * ft + fr, rounded twice; so the next three */
    FPU_MSUB,
    FPU_NMADD,
    FPU_NMSUB,
    FPU_ABS,
    FPU_NEG,
    FPU_ROUND_W,
    FPU_TRUNC_W,
    FPU_CEIL_W,
    FPU_FLOOR_W,
    FPU_CVT_W,
    FPU_ROUND_L,
    FPU_TRUNC_L,
    FPU_CEIL_L,
    FPU_FLOOR_L,
    FPU_CVT_L,
    FPU_CVT_FORMAT, /* S to D, D to S */
    FPU_CVT_S_W,
    FPU_CVT_S_L,
    FPU_CVT_D_W,
    FPU_CVT_D_L,
};

/* The format of the operands, as in enum softfp_format. */
#define FPU_OP_S(kind) ((kind)*2)
#define FPU_OP_D(kind) ((kind)*2 + 1)

/*
 * Invariant: `fast` implies `entered`, that the host's MXCSR is set up for
 * this guest's RM and FS with its flags counting as FCSR Flags, and that no
 * operation can trap (no enables, no exact denormals).  Never set on hosts
 * without a fast path.
 */
struct mips_fpu {
    uint64_t fpr[32];
    uint32_t fcsr;
    uint32_t fir;
    uint8_t cc[8];        /* condition codes: 0 or 1 */
    bool entered;         /* between fpu_enter() and fpu_leave() */
    bool fast;            /* the host FPU may be used */
    bool usable;          /* CP1 is: Status.CU1; fpu_set_usable() */
    bool go;              /* fast and usable */
    bool exact_denormals; /* denormals raise E unless FS; fpu_set_exact() */
    uint8_t pending;      /* FPU_OP_*() of the operation that made Cause */
    uint32_t host_mxcsr;  /* the host's own, while fast */
    uint64_t arg[3];      /* operands of `pending`: fs, ft, fr */
};

/* All registers zero; not entered, not usable. */
void fpu_reset(struct mips_fpu *f, uint32_t fir);

/*
 * Denormal operands and results raise Unimplemented Operation, as on the
 * R10000 (fp=r10000), rather than being computed with.
 */
void fpu_set_exact(struct mips_fpu *f, bool exact);

/* CFC1 $31. */
uint32_t fpu_fcsr_read(struct mips_fpu *f);

/*
 * CTC1 $31.  The value is written in any case; returns true if a Cause bit
 * now meets its Enable, or E is set: an immediate FP exception.
 */
bool fpu_fcsr_write(struct mips_fpu *f, uint32_t value);

/* An encoding the FPU does not have: Cause is E alone; raise FPE. */
void fpu_fcsr_unimplemented(struct mips_fpu *f);

/* Let the host's FPU compute from now on, if it may. */
void fpu_host_acquire(struct mips_fpu *f);
/* Give the host its MXCSR back, folding the flags; `fast` is set before. */
void fpu_host_release(struct mips_fpu *f);

/*
 * Bracket the running of guest code on this thread.  Between the two, host
 * code may not do floating point of its own and MXCSR may be the guest's: call
 * fpu_leave() before any host callback and before returning to the host.  Both
 * are cheap: MXCSR changes at the first FP operation after fpu_enter().
 */
static inline void fpu_enter(struct mips_fpu *f)
{
    f->entered = true;
}

static inline void fpu_leave(struct mips_fpu *f)
{
    f->entered = false;
    if (f->fast)
        fpu_host_release(f);
}

static inline void fpu_set_usable(struct mips_fpu *f, bool usable)
{
    f->usable = usable;
    f->go = usable && f->fast;
}

/* May operations run on the host's FPU?  If not, softfp does all. */
bool fpu_is_plain(const struct mips_fpu *f);

/* Condition code 0..7. */
static inline bool fpu_cc(const struct mips_fpu *f, unsigned cc)
{
    return f->cc[cc];
}

/*
 * Registers resolve, at decode time, to a word index 0..63 for S and W values
 * and a double index 0..31 for D and L values.  Word 2n is the low half of
 * fpr[n], 2n+1 the high one.  With FR=0 an odd single is the high half of the
 * even register below; an odd double is unpredictable on silicon, and here
 * the even one.
 */
static inline unsigned fpu_widx(bool fr, unsigned reg)
{
    return fr ? 2 * reg : 2 * (reg & ~1u) + (reg & 1);
}

static inline unsigned fpu_didx(bool fr, unsigned reg)
{
    return fr ? reg : reg & ~1u;
}

/* Both write a word at its place in memory, whatever the host's byte order. */
static inline unsigned fpu_word_offset(unsigned widx)
{
    const uint16_t probe = 1;
    uint8_t little;

    memcpy(&little, &probe, 1);
    return 4 * (widx ^ (little ? 0 : 1));
}

static inline uint32_t fpu_get_w(const struct mips_fpu *f, unsigned widx)
{
    uint32_t v;

    memcpy(&v, (const char *)f->fpr + fpu_word_offset(widx), sizeof(v));
    return v;
}

static inline void fpu_set_w(struct mips_fpu *f, unsigned widx, uint32_t v)
{
    memcpy((char *)f->fpr + fpu_word_offset(widx), &v, sizeof(v));
}

#endif
