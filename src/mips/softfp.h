/*
 * softfp.h - IEEE 754 binary32/binary64 arithmetic in integers, MIPS flavour.
 *
 * Exact results and exact cause bits on any host; no host floating point, no
 * state outside struct softfp.  This is arithmetic only: registers, FCSR and
 * traps are fpu.h, which also owns the fast host path.
 *
 * Values travel as bit patterns in the low bits of a uint64_t.  Any thread may
 * call, each with its own struct softfp.
 *
 * NaNs are legacy MIPS: the top fraction bit SET means signalling.  The rules:
 *   - a signalling operand raises V and gives the default NaN;
 *   - otherwise the first quiet operand, in operand order, is the result,
 *     with its sign (SUB, NEG, NMADD and ABS leave it alone);
 *   - an invalid operation raises V and gives the default NaN.
 * This is what Linux's legacy emulator does.  QEMU gives the default NaN for
 * every NaN result, and lets ABS, NEG and NMADD change its sign.
 *
 * Underflow: tiny (after rounding, as if the exponent had no lower bound) and
 * inexact; tiny alone when U is enabled in `enables`.
 */
#ifndef MIPS_SOFTFP_H
#define MIPS_SOFTFP_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of FCSR.RM. */
enum softfp_rounding {
    SOFTFP_RN, /* nearest, ties to even */
    SOFTFP_RZ, /* toward zero */
    SOFTFP_RP, /* toward +infinity */
    SOFTFP_RM, /* toward -infinity */
};

enum softfp_format {
    SOFTFP_S,
    SOFTFP_D,
};

/* Cause bits, in the order of FCSR.Cause. */
enum softfp_cause {
    SOFTFP_CAUSE_I = 1,  /* inexact */
    SOFTFP_CAUSE_U = 2,  /* underflow */
    SOFTFP_CAUSE_O = 4,  /* overflow */
    SOFTFP_CAUSE_Z = 8,  /* division by zero */
    SOFTFP_CAUSE_V = 16, /* invalid operation */
    SOFTFP_CAUSE_E = 32, /* unimplemented operation; the result is garbage */
};

/* What softfp_compare() found; the bits are those of c.cond's condition. */
enum softfp_relation {
    SOFTFP_GREATER = 0,
    SOFTFP_UNORDERED = 1,
    SOFTFP_EQUAL = 2,
    SOFTFP_LESS = 4,
};

/*
 * How to compute, and what happened.
 *
 * flush, exact  what becomes of denormals:
 *   flush=0 exact=0  computed with, as IEEE says;
 *   flush=0 exact=1  an operand or result raises E (not in compares);
 *   flush=1          an operand reads as zero of its sign, and no bit is
 *                    raised; a tiny result becomes zero or the least normal,
 *                    by rounding mode, and raises U and I - but E if exact
 *                    and U or I is enabled.
 * That flushed operands raise nothing is the SSE "denormals are zeros" rule;
 * Linux's emulator raises I, QEMU does not flush operands, the R10000 manual
 * is silent (r10000.md section 11).
 */
struct softfp {
    uint8_t rounding; /* enum softfp_rounding */
    uint8_t enables;  /* trap enables, I..V; only U and I matter here */
    uint8_t cause;    /* out: ORed into, never cleared */
    bool flush;
    bool exact;
};

uint64_t softfp_add(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b);
uint64_t softfp_sub(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b);
uint64_t softfp_mul(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b);
uint64_t softfp_div(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b);
uint64_t softfp_sqrt(struct softfp *e, enum softfp_format fmt, uint64_t a);

/* Arithmetic in MIPS IV: a signalling NaN raises V. */
uint64_t softfp_abs(struct softfp *e, enum softfp_format fmt, uint64_t a);
uint64_t softfp_neg(struct softfp *e, enum softfp_format fmt, uint64_t a);

/*
 * Returns one enum softfp_relation.  Raises V for a signalling NaN, and for a
 * quiet one if `signalling`; nothing else, E included.
 */
unsigned softfp_compare(struct softfp *e, enum softfp_format fmt, uint64_t a,
                        uint64_t b, bool signalling);

/*
 * To a signed integer of `bits` (32 or 64) bits, rounded by `rounding` and not
 * by e->rounding.  NaN, infinity and overflow raise V alone and give the
 * greatest integer, for either sign.
 */
int64_t softfp_to_int(struct softfp *e, enum softfp_format fmt, uint64_t a,
                      enum softfp_rounding rounding, unsigned bits);
uint64_t softfp_from_int(struct softfp *e, enum softfp_format fmt,
                         int64_t value);

/*
 * Between the formats.  A quiet NaN keeps its sign and the top of its payload;
 * if none of the payload is left (D to S) it becomes the default NaN.
 */
uint64_t softfp_s_to_d(struct softfp *e, uint64_t a);
uint64_t softfp_d_to_s(struct softfp *e, uint64_t a);

/* The quiet NaN that invalid operations give. */
uint64_t softfp_default_nan(enum softfp_format fmt);

#endif
