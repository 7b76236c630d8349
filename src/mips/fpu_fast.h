/*
 * fpu_fast.h - the FP arithmetic instructions, inline for the interpreter.
 *
 * Each returns true when an FP exception is to be raised: then Cause is set
 * and neither fd nor Flags (nor, for a compare, its condition) has changed.
 * Register operands are indices from fpu_widx() for S and W values and from
 * fpu_didx() for D and L values.
 *
 * An instruction notes its operands for a later reader of Cause, lets the host
 * compute if f->fast says so, and keeps the result unless it is one on which
 * host and guest may differ: any NaN, or an integer overflow.  All else is
 * softfp's, in fpu.c.
 *
 * The host's operations are volatile assembly: compilers know neither that
 * MXCSR is an operand of each nor that its flags are a result, and keep
 * volatile assembly in order, so no -frounding-math is needed.  -ffast-math
 * would break the tests for NaN.
 */
#ifndef MIPS_FPU_FAST_H
#define MIPS_FPU_FAST_H

#include "mips/fpu.h"
#include "mips/softfp.h"

#ifdef __FAST_MATH__
#error "NaNs must compare as NaNs here"
#endif

#if defined(__x86_64__) && defined(__GNUC__)
#define FPU_HAS_HOST 1

#define FPU_HOST_BINARY(name, type, insn)                        \
    static inline type fpu_host_##name(type a, type b)           \
    {                                                            \
        __asm__ __volatile__(insn " %1, %0" : "+x"(a) : "x"(b)); \
        return a;                                                \
    }
#define FPU_HOST_UNARY(name, out_type, out_reg, in_type, in_reg, insn)     \
    static inline out_type fpu_host_##name(in_type a)                      \
    {                                                                      \
        out_type r = 0;                                                    \
        __asm__ __volatile__(insn " %1, %0" : "+" out_reg(r) : in_reg(a)); \
        return r;                                                          \
    }
/* The relation, or SOFTFP_UNORDERED and perhaps more bits. */
#define FPU_HOST_COMPARE(name, type, insn)                                     \
    static inline unsigned fpu_host_##name(type a, type b)                     \
    {                                                                          \
        bool less, equal, unordered;                                           \
        __asm__ __volatile__(insn " %4, %3"                                    \
                             : "=@ccb"(less), "=@ccz"(equal),                  \
                               "=@ccp"(unordered)                              \
                             : "x"(a), "x"(b));                                \
        return (unsigned)less * SOFTFP_LESS | (unsigned)equal * SOFTFP_EQUAL | \
               (unsigned)unordered;                                            \
    }

static inline uint32_t fpu_host_get_mxcsr(void)
{
    uint32_t v;

    __asm__ __volatile__("stmxcsr %0" : "=m"(v) : : "memory");
    return v;
}

static inline void fpu_host_set_mxcsr(uint32_t v)
{
    __asm__ __volatile__("ldmxcsr %0" : : "m"(v) : "memory");
}
#else
#define FPU_HAS_HOST 0

/* Never called: f->fast is never set. */
#define FPU_HOST_BINARY(name, type, insn)              \
    static inline type fpu_host_##name(type a, type b) \
    {                                                  \
        (void)b;                                       \
        return a;                                      \
    }
#define FPU_HOST_UNARY(name, out_type, out_reg, in_type, in_reg, insn) \
    static inline out_type fpu_host_##name(in_type a)                  \
    {                                                                  \
        (void)a;                                                       \
        return 0;                                                      \
    }
#define FPU_HOST_COMPARE(name, type, insn)                 \
    static inline unsigned fpu_host_##name(type a, type b) \
    {                                                      \
        (void)a;                                           \
        (void)b;                                           \
        return SOFTFP_UNORDERED;                           \
    }
#endif

FPU_HOST_BINARY(add_s, float, "addss")
FPU_HOST_BINARY(sub_s, float, "subss")
FPU_HOST_BINARY(mul_s, float, "mulss")
FPU_HOST_BINARY(div_s, float, "divss")
FPU_HOST_BINARY(add_d, double, "addsd")
FPU_HOST_BINARY(sub_d, double, "subsd")
FPU_HOST_BINARY(mul_d, double, "mulsd")
FPU_HOST_BINARY(div_d, double, "divsd")
FPU_HOST_UNARY(sqrt_s, float, "x", float, "x", "sqrtss")
FPU_HOST_UNARY(sqrt_d, double, "x", double, "x", "sqrtsd")
FPU_HOST_UNARY(cvt_s_d, float, "x", double, "x", "cvtsd2ss")
FPU_HOST_UNARY(cvt_d_s, double, "x", float, "x", "cvtss2sd")
FPU_HOST_UNARY(cvt_s_w, float, "x", int32_t, "r", "cvtsi2ssl")
FPU_HOST_UNARY(cvt_d_w, double, "x", int32_t, "r", "cvtsi2sdl")
FPU_HOST_UNARY(cvt_s_l, float, "x", int64_t, "r", "cvtsi2ssq")
FPU_HOST_UNARY(cvt_d_l, double, "x", int64_t, "r", "cvtsi2sdq")
FPU_HOST_UNARY(cvt_w_s, int32_t, "r", float, "x", "cvtss2sil")
FPU_HOST_UNARY(cvt_w_d, int32_t, "r", double, "x", "cvtsd2sil")
FPU_HOST_UNARY(cvt_l_s, int64_t, "r", float, "x", "cvtss2siq")
FPU_HOST_UNARY(cvt_l_d, int64_t, "r", double, "x", "cvtsd2siq")
FPU_HOST_UNARY(trunc_w_s, int32_t, "r", float, "x", "cvttss2sil")
FPU_HOST_UNARY(trunc_w_d, int32_t, "r", double, "x", "cvttsd2sil")
FPU_HOST_UNARY(trunc_l_s, int64_t, "r", float, "x", "cvttss2siq")
FPU_HOST_UNARY(trunc_l_d, int64_t, "r", double, "x", "cvttsd2siq")
FPU_HOST_COMPARE(compare_s, float, "ucomiss")
FPU_HOST_COMPARE(compare_d, double, "ucomisd")

/*
 * The slow half: do what pending and arg say, by softfp, into word fd or
 * double fd.  A compare takes its operands from arg but leaves nothing pending.
 */
bool fpu_slow_w(struct mips_fpu *f, unsigned fd);
bool fpu_slow_d(struct mips_fpu *f, unsigned fd);
bool fpu_slow_compare(struct mips_fpu *f, unsigned fmt, unsigned cond,
                      unsigned cc);

/*
 * Accessors that let one text serve S and D: operands as bits, bits as host
 * numbers, results put back.
 */
static inline uint64_t fpu_get_s(const struct mips_fpu *f, unsigned widx)
{
    return fpu_get_w(f, widx);
}

static inline uint64_t fpu_get_d(const struct mips_fpu *f, unsigned didx)
{
    return f->fpr[didx];
}

static inline float fpu_number_s(uint64_t bits)
{
    uint32_t word = (uint32_t)bits;
    float v;

    memcpy(&v, &word, sizeof(v));
    return v;
}

static inline double fpu_number_d(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline void fpu_put_s(struct mips_fpu *f, unsigned widx, float v)
{
    uint32_t word;

    memcpy(&word, &v, sizeof(word));
    fpu_set_w(f, widx, word);
}

static inline void fpu_put_d(struct mips_fpu *f, unsigned didx, double v)
{
    memcpy(&f->fpr[didx], &v, sizeof(v));
}

static inline void fpu_put_bits_s(struct mips_fpu *f, unsigned widx, uint64_t v)
{
    fpu_set_w(f, widx, (uint32_t)v);
}

static inline void fpu_put_bits_d(struct mips_fpu *f, unsigned didx, uint64_t v)
{
    f->fpr[didx] = v;
}

static inline bool fpu_slow_s(struct mips_fpu *f, unsigned fd)
{
    return fpu_slow_w(f, fd);
}

static inline void fpu_set_cc(struct mips_fpu *f, unsigned cc, bool value)
{
    f->cc[cc] = value;
}

/* For an operation known to raise nothing. */
static inline void fpu_clear_cause(struct mips_fpu *f)
{
    f->pending = FPU_OP_S(FPU_QUIET);
}

/* ADD, SUB, MUL, DIV. */
#define FPU_BINARY(name, op, type, x)                                        \
    static inline bool fpu_##name##_##x(struct mips_fpu *f, unsigned fd,     \
                                        unsigned fs, unsigned ft)            \
    {                                                                        \
        uint64_t a = fpu_get_##x(f, fs), b = fpu_get_##x(f, ft);             \
        f->arg[0] = a;                                                       \
        f->arg[1] = b;                                                       \
        f->pending = op;                                                     \
        if (f->fast) {                                                       \
            type r =                                                         \
                fpu_host_##name##_##x(fpu_number_##x(a), fpu_number_##x(b)); \
            if (r == r) {                                                    \
                fpu_put_##x(f, fd, r);                                       \
                return false;                                                \
            }                                                                \
        }                                                                    \
        return fpu_slow_##x(f, fd);                                          \
    }

FPU_BINARY(add, FPU_OP_S(FPU_ADD), float, s)
FPU_BINARY(sub, FPU_OP_S(FPU_SUB), float, s)
FPU_BINARY(mul, FPU_OP_S(FPU_MUL), float, s)
FPU_BINARY(div, FPU_OP_S(FPU_DIV), float, s)
FPU_BINARY(add, FPU_OP_D(FPU_ADD), double, d)
FPU_BINARY(sub, FPU_OP_D(FPU_SUB), double, d)
FPU_BINARY(mul, FPU_OP_D(FPU_MUL), double, d)
FPU_BINARY(div, FPU_OP_D(FPU_DIV), double, d)

/* MADD, MSUB, NMADD, NMSUB: sign * (fs * ft -+ fr); the sign is exact. */
#define FPU_TERNARY(name, op, sign, step, type, x)                             \
    static inline bool fpu_##name##_##x(struct mips_fpu *f, unsigned fd,       \
                                        unsigned fr, unsigned fs, unsigned ft) \
    {                                                                          \
        uint64_t a = fpu_get_##x(f, fs), b = fpu_get_##x(f, ft);               \
        uint64_t c = fpu_get_##x(f, fr);                                       \
        f->arg[0] = a;                                                         \
        f->arg[1] = b;                                                         \
        f->arg[2] = c;                                                         \
        f->pending = op;                                                       \
        if (f->fast) {                                                         \
            type r = fpu_host_mul_##x(fpu_number_##x(a), fpu_number_##x(b));   \
            r = fpu_host_##step##_##x(r, fpu_number_##x(c));                   \
            if (r == r) {                                                      \
                fpu_put_##x(f, fd, sign r);                                    \
                return false;                                                  \
            }                                                                  \
        }                                                                      \
        return fpu_slow_##x(f, fd);                                            \
    }

FPU_TERNARY(madd, FPU_OP_S(FPU_MADD), +, add, float, s)
FPU_TERNARY(msub, FPU_OP_S(FPU_MSUB), +, sub, float, s)
FPU_TERNARY(nmadd, FPU_OP_S(FPU_NMADD), -, add, float, s)
FPU_TERNARY(nmsub, FPU_OP_S(FPU_NMSUB), -, sub, float, s)
FPU_TERNARY(madd, FPU_OP_D(FPU_MADD), +, add, double, d)
FPU_TERNARY(msub, FPU_OP_D(FPU_MSUB), +, sub, double, d)
FPU_TERNARY(nmadd, FPU_OP_D(FPU_NMADD), -, add, double, d)
FPU_TERNARY(nmsub, FPU_OP_D(FPU_NMSUB), -, sub, double, d)

/*
 * Operations and conversions of one operand whose result is a number: the host
 * text is an expression in v, the operand as a host value.
 */
#define FPU_UNARY(name, op, in_type, in, value, out_type, out, expr) \
    static inline bool fpu_##name(struct mips_fpu *f, unsigned fd,   \
                                  unsigned fs)                       \
    {                                                                \
        uint64_t a = fpu_get_##in(f, fs);                            \
        f->arg[0] = a;                                               \
        f->pending = op;                                             \
        if (f->fast) {                                               \
            in_type v = value(a);                                    \
            out_type r = expr;                                       \
            if (r == r) {                                            \
                fpu_put_##out(f, fd, r);                             \
                return false;                                        \
            }                                                        \
        }                                                            \
        return fpu_slow_##out(f, fd);                                \
    }
#define FPU_UNARY_S(name, op, expr) \
    FPU_UNARY(name##_s, op, float, s, fpu_number_s, float, s, expr)
#define FPU_UNARY_D(name, op, expr) \
    FPU_UNARY(name##_d, op, double, d, fpu_number_d, double, d, expr)

FPU_UNARY_S(sqrt, FPU_OP_S(FPU_SQRT), fpu_host_sqrt_s(v))
FPU_UNARY_D(sqrt, FPU_OP_D(FPU_SQRT), fpu_host_sqrt_d(v))
FPU_UNARY_S(recip, FPU_OP_S(FPU_RECIP), fpu_host_div_s(1, v))
FPU_UNARY_D(recip, FPU_OP_D(FPU_RECIP), fpu_host_div_d(1, v))
FPU_UNARY_S(rsqrt, FPU_OP_S(FPU_RSQRT), fpu_host_div_s(1, fpu_host_sqrt_s(v)))
FPU_UNARY_D(rsqrt, FPU_OP_D(FPU_RSQRT), fpu_host_div_d(1, fpu_host_sqrt_d(v)))

/* cvt_s_d is CVT.S.D: to S, from D. */
FPU_UNARY(cvt_s_d, FPU_OP_D(FPU_CVT_FORMAT), double, d, fpu_number_d, float, s,
          fpu_host_cvt_s_d(v))
FPU_UNARY(cvt_d_s, FPU_OP_S(FPU_CVT_FORMAT), float, s, fpu_number_s, double, d,
          fpu_host_cvt_d_s(v))
FPU_UNARY(cvt_s_w, FPU_OP_S(FPU_CVT_S_W), int32_t, s, (int32_t), float, s,
          fpu_host_cvt_s_w(v))
FPU_UNARY(cvt_d_w, FPU_OP_S(FPU_CVT_D_W), int32_t, s, (int32_t), double, d,
          fpu_host_cvt_d_w(v))
FPU_UNARY(cvt_s_l, FPU_OP_S(FPU_CVT_S_L), int64_t, d, (int64_t), float, s,
          fpu_host_cvt_s_l(v))
FPU_UNARY(cvt_d_l, FPU_OP_S(FPU_CVT_D_L), int64_t, d, (int64_t), double, d,
          fpu_host_cvt_d_l(v))

/*
 * To W and L.  The host gives the least integer for whatever it cannot
 * convert.  It rounds toward zero or by its mode: `when` says if `host` will
 * do.
 */
#define FPU_TO_INT(name, op, in, out, type, least, when, host)     \
    static inline bool fpu_##name(struct mips_fpu *f, unsigned fd, \
                                  unsigned fs)                     \
    {                                                              \
        uint64_t a = fpu_get_##in(f, fs);                          \
        f->arg[0] = a;                                             \
        f->pending = op;                                           \
        if (f->fast && (when)) {                                   \
            type r = fpu_host_##host(fpu_number_##in(a));          \
            if (r != least) {                                      \
                fpu_put_bits_##out(f, fd, (uint64_t)r);            \
                return false;                                      \
            }                                                      \
        }                                                          \
        return fpu_slow_##out(f, fd);                              \
    }
#define FPU_TO_INTS(name, kind, when, host)                                    \
    FPU_TO_INT(name##_w_s, FPU_OP_S(FPU_##kind##_W), s, s, int32_t, INT32_MIN, \
               when, host##_w_s)                                               \
    FPU_TO_INT(name##_w_d, FPU_OP_D(FPU_##kind##_W), d, s, int32_t, INT32_MIN, \
               when, host##_w_d)                                               \
    FPU_TO_INT(name##_l_s, FPU_OP_S(FPU_##kind##_L), s, d, int64_t, INT64_MIN, \
               when, host##_l_s)                                               \
    FPU_TO_INT(name##_l_d, FPU_OP_D(FPU_##kind##_L), d, d, int64_t, INT64_MIN, \
               when, host##_l_d)

FPU_TO_INTS(cvt, CVT, true, cvt)
FPU_TO_INTS(trunc, TRUNC, true, trunc)
FPU_TO_INTS(round, ROUND, (f->fcsr & FCSR_RM) == SOFTFP_RN, cvt)
FPU_TO_INTS(ceil, CEIL, (f->fcsr & FCSR_RM) == SOFTFP_RP, cvt)
FPU_TO_INTS(floor, FLOOR, (f->fcsr & FCSR_RM) == SOFTFP_RM, cvt)

/*
 * ABS and NEG need no host FPU: all but NaNs and denormals, which softfp
 * knows, are a change of the sign bit that raises nothing.
 */
static inline bool fpu_is_plain_s(uint64_t bits)
{
    uint32_t magnitude = (uint32_t)bits & 0x7fffffff;

    return magnitude - 0x800000 <= 0x7f000000 || magnitude == 0;
}

static inline bool fpu_is_plain_d(uint64_t bits)
{
    uint64_t magnitude = bits & INT64_MAX;

    return magnitude - (UINT64_C(1) << 52) <= UINT64_C(0x7fe) << 52 ||
           magnitude == 0;
}

#define FPU_SIGN(name, op, x, width, change)                             \
    static inline bool fpu_##name##_##x(struct mips_fpu *f, unsigned fd, \
                                        unsigned fs)                     \
    {                                                                    \
        uint64_t a = fpu_get_##x(f, fs);                                 \
        uint64_t sign = UINT64_C(1) << (width - 1);                      \
        if (fpu_is_plain_##x(a)) {                                       \
            fpu_clear_cause(f);                                          \
            fpu_put_bits_##x(f, fd, a change sign);                      \
            return false;                                                \
        }                                                                \
        f->arg[0] = a;                                                   \
        f->pending = op;                                                 \
        return fpu_slow_##x(f, fd);                                      \
    }

FPU_SIGN(abs, FPU_OP_S(FPU_ABS), s, 32, &~)
FPU_SIGN(abs, FPU_OP_D(FPU_ABS), d, 64, &~)
FPU_SIGN(neg, FPU_OP_S(FPU_NEG), s, 32, ^)
FPU_SIGN(neg, FPU_OP_D(FPU_NEG), d, 64, ^)

/* C.cond: cond is the 4-bit condition of the instruction, cc 0..7. */
#define FPU_COMPARE(x, fmt)                                                   \
    static inline bool fpu_compare_##x(struct mips_fpu *f, unsigned cond,     \
                                       unsigned cc, unsigned fs, unsigned ft) \
    {                                                                         \
        uint64_t a = fpu_get_##x(f, fs), b = fpu_get_##x(f, ft);              \
        if (f->fast) {                                                        \
            unsigned relation =                                               \
                fpu_host_compare_##x(fpu_number_##x(a), fpu_number_##x(b));   \
            if (!(relation & SOFTFP_UNORDERED)) {                             \
                fpu_clear_cause(f);                                           \
                fpu_set_cc(f, cc, relation &cond);                            \
                return false;                                                 \
            }                                                                 \
        }                                                                     \
        f->arg[0] = a;                                                        \
        f->arg[1] = b;                                                        \
        return fpu_slow_compare(f, fmt, cond, cc);                            \
    }

FPU_COMPARE(s, SOFTFP_S)
FPU_COMPARE(d, SOFTFP_D)

#endif
