/*
 * softfp.c - IEEE 754 binary32/binary64 arithmetic in integers, MIPS flavour.
 *
 * Every operation has the same three steps: unpack() both operands into one
 * form that serves both formats, settle NaNs, infinities and zeros, then
 * compute a 64-bit significand with its lost bits ORed into bit 0 ("jammed")
 * and let round_pack() do all rounding, overflow and underflow.
 *
 * Written for being right: division and square root make a bit a turn.  Hosts
 * with an FPU we trust come here only for what fpu_fast.h leaves over.
 */
#include "mips/softfp.h"

#define TOP_BIT (UINT64_C(1) << 63)

/* IS_NAN() relies on the order. */
enum kind {
    ZERO,
    FINITE,
    INFINITE,
    QUIET,
    SIGNALLING,
};

/* value = sig / 2^63 * 2^exp; sig has its top bit set iff kind is FINITE. */
struct number {
    uint64_t bits; /* as it came, for NaN propagation */
    uint64_t sig;
    int exp;
    enum kind kind;
    bool sign;
};

struct layout {
    unsigned frac_bits;
    unsigned sign_shift;
    int exp_max; /* biased, of infinities and NaNs */
    int bias;
};

static const struct layout layouts[] = {
    [SOFTFP_S] = { 23, 31, 255, 127 },
    [SOFTFP_D] = { 52, 63, 2047, 1023 },
};

static bool is_nan(const struct number *n)
{
    return n->kind >= QUIET;
}

/* Leading zeros of a nonzero word. */
static unsigned leading_zeros(uint64_t x)
{
    unsigned n = 0;

    for (unsigned step = 32; step; step /= 2) {
        if (!(x >> (64 - step))) {
            n += step;
            x <<= step;
        }
    }
    return n;
}

/* x >> n, with every bit shifted out ORed into bit 0. */
static uint64_t shift_right_jam(uint64_t x, unsigned n)
{
    if (n == 0)
        return x;
    if (n > 63)
        return x != 0;
    return x >> n | ((x << (64 - n)) != 0);
}

static uint64_t zero_bits(const struct layout *l, bool sign)
{
    return (uint64_t)sign << l->sign_shift;
}

static uint64_t infinity_bits(const struct layout *l, bool sign)
{
    return zero_bits(l, sign) | (uint64_t)l->exp_max << l->frac_bits;
}

uint64_t softfp_default_nan(enum softfp_format fmt)
{
    const struct layout *l = &layouts[fmt];

    return infinity_bits(l, false) | ((UINT64_C(1) << (l->frac_bits - 1)) - 1);
}

static uint64_t invalid(struct softfp *e, enum softfp_format fmt)
{
    e->cause |= SOFTFP_CAUSE_V;
    return softfp_default_nan(fmt);
}

static struct number unpack(struct softfp *e, enum softfp_format fmt,
                            uint64_t bits)
{
    const struct layout *l = &layouts[fmt];
    uint64_t hidden = UINT64_C(1) << l->frac_bits;
    uint64_t frac = bits & (hidden - 1);
    int exp = (int)(bits >> l->frac_bits) & l->exp_max;
    struct number n = { .bits = bits, .sign = bits >> l->sign_shift & 1 };

    if (exp == l->exp_max) {
        n.kind = frac & hidden / 2 ? SIGNALLING : QUIET;
        if (frac == 0)
            n.kind = INFINITE;
    } else if (exp != 0) {
        n.kind = FINITE;
        n.sig = (frac | hidden) << (63 - l->frac_bits);
        n.exp = exp - l->bias;
    } else if (frac != 0 && !e->flush) {
        unsigned shift = leading_zeros(frac);

        n.kind = FINITE;
        n.sig = frac << shift;
        n.exp = 1 - l->bias + (int)(63 - l->frac_bits) - (int)shift;
        if (e->exact)
            e->cause |= SOFTFP_CAUSE_E;
    }
    return n;
}

/* The result when at least one of two operands is a NaN. */
static uint64_t propagate(struct softfp *e, enum softfp_format fmt,
                          const struct number *a, const struct number *b)
{
    if (a->kind == SIGNALLING || b->kind == SIGNALLING)
        return invalid(e, fmt);
    return a->kind == QUIET ? a->bits : b->bits;
}

/* 1 if sig, losing its low `drop` (1..63) bits, must be rounded away from 0. */
static unsigned increment(enum softfp_rounding rounding, bool sign,
                          uint64_t sig, unsigned drop)
{
    uint64_t rest = sig << (64 - drop);

    if (rest == 0)
        return 0;
    switch (rounding) {
    case SOFTFP_RN:
        return rest > TOP_BIT || (rest == TOP_BIT && (sig >> drop & 1));
    case SOFTFP_RP:
        return !sign;
    case SOFTFP_RM:
        return sign;
    case SOFTFP_RZ:
        break;
    }
    return 0;
}

static uint64_t overflow(struct softfp *e, const struct layout *l, bool sign)
{
    uint64_t inf = infinity_bits(l, sign);
    bool to_inf = e->rounding == SOFTFP_RN ||
                  e->rounding == (sign ? SOFTFP_RM : SOFTFP_RP);

    e->cause |= SOFTFP_CAUSE_O | SOFTFP_CAUSE_I;
    return to_inf ? inf : inf - 1;
}

/* The tiny result of either sign under FS=1 (R4000 manual, table 7-1). */
static uint64_t flushed(struct softfp *e, const struct layout *l, bool sign)
{
    bool to_least = e->rounding == (sign ? SOFTFP_RM : SOFTFP_RP);

    e->cause |= SOFTFP_CAUSE_U | SOFTFP_CAUSE_I;
    return zero_bits(l, sign) | (uint64_t)to_least << l->frac_bits;
}

/*
 * Round sig / 2^63 * 2^exp to the format.  The top bit of sig is set; bits
 * lost earlier are jammed into bit 0, which is always below the last kept bit.
 */
static uint64_t round_pack(struct softfp *e, enum softfp_format fmt, bool sign,
                           int exp, uint64_t sig)
{
    const struct layout *l = &layouts[fmt];
    unsigned drop = 63 - l->frac_bits;
    enum softfp_rounding rounding = (enum softfp_rounding)e->rounding;
    unsigned up = increment(rounding, sign, sig, drop);
    int biased = exp + l->bias;
    bool tiny = false;

    if (biased > l->exp_max)
        return overflow(e, l, sign);
    if (biased < 1) {
        bool carries = (sig >> drop) + up == UINT64_C(2) << l->frac_bits;

        tiny = biased < 0 || !carries;
        if (tiny && e->exact &&
            (!e->flush || (e->enables & (SOFTFP_CAUSE_U | SOFTFP_CAUSE_I))))
            e->cause |= SOFTFP_CAUSE_E;
        if (tiny && e->flush)
            return flushed(e, l, sign);
        sig = shift_right_jam(sig, (unsigned)(1 - biased));
        up = increment(rounding, sign, sig, drop);
        biased = 1;
    }
    bool inexact = sig << (64 - drop) != 0;

    /*
     * Adding the significand, with its hidden bit, to the exponent less one
     * makes the hidden bit and any carry count into the exponent, and leaves
     * it zero for a denormal.
     */
    uint64_t bits = ((uint64_t)(biased - 1) << l->frac_bits) + (sig >> drop);

    bits += up;
    if (bits >= infinity_bits(l, false))
        return overflow(e, l, sign);
    if (inexact)
        e->cause |= SOFTFP_CAUSE_I;
    if (tiny && (inexact || (e->enables & SOFTFP_CAUSE_U)))
        e->cause |= SOFTFP_CAUSE_U;
    return zero_bits(l, sign) | bits;
}

/* As round_pack(), but the top bit of sig may be clear, and sig may be 0. */
static uint64_t normalize_pack(struct softfp *e, enum softfp_format fmt,
                               bool sign, int exp, uint64_t sig)
{
    unsigned shift;

    if (sig == 0)
        return zero_bits(&layouts[fmt], sign);
    shift = leading_zeros(sig);
    return round_pack(e, fmt, sign, exp - (int)shift, sig << shift);
}

static uint64_t add_finite(struct softfp *e, enum softfp_format fmt,
                           const struct number *a, const struct number *b)
{
    const struct number *big = a, *small = b;

    if (b->exp > a->exp || (b->exp == a->exp && b->sig > a->sig)) {
        big = b;
        small = a;
    }
    /* One bit of room for the carry; the low 11 bits of both are clear. */
    uint64_t x = big->sig >> 1;
    uint64_t y =
        shift_right_jam(small->sig >> 1, (unsigned)(big->exp - small->exp));

    if (a->sign == b->sign)
        return normalize_pack(e, fmt, a->sign, big->exp + 1, x + y);
    if (x == y)
        return zero_bits(&layouts[fmt], e->rounding == SOFTFP_RM);
    return normalize_pack(e, fmt, big->sign, big->exp + 1, x - y);
}

static uint64_t add(struct softfp *e, enum softfp_format fmt, struct number a,
                    struct number b)
{
    const struct layout *l = &layouts[fmt];

    if (a.kind == INFINITE && b.kind == INFINITE && a.sign != b.sign)
        return invalid(e, fmt);
    if (a.kind == INFINITE || b.kind == INFINITE)
        return infinity_bits(l, a.kind == INFINITE ? a.sign : b.sign);
    if (a.kind == ZERO && b.kind == ZERO && a.sign == b.sign)
        return zero_bits(l, a.sign);
    if (a.kind == ZERO && b.kind == ZERO)
        return zero_bits(l, e->rounding == SOFTFP_RM);
    if (a.kind == ZERO)
        return round_pack(e, fmt, b.sign, b.exp, b.sig);
    if (b.kind == ZERO)
        return round_pack(e, fmt, a.sign, a.exp, a.sig);
    return add_finite(e, fmt, &a, &b);
}

uint64_t softfp_add(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b)
{
    struct number x = unpack(e, fmt, a), y = unpack(e, fmt, b);

    if (is_nan(&x) || is_nan(&y))
        return propagate(e, fmt, &x, &y);
    return add(e, fmt, x, y);
}

uint64_t softfp_sub(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b)
{
    struct number x = unpack(e, fmt, a), y = unpack(e, fmt, b);

    if (is_nan(&x) || is_nan(&y))
        return propagate(e, fmt, &x, &y);
    y.sign = !y.sign;
    return add(e, fmt, x, y);
}

/* The high half of a 64 by 64 bit product, the low half jammed into it. */
static uint64_t multiply_high_jam(uint64_t a, uint64_t b)
{
    uint64_t a_hi = a >> 32, a_lo = (uint32_t)a;
    uint64_t b_hi = b >> 32, b_lo = (uint32_t)b;
    uint64_t low = a_lo * b_lo;
    uint64_t mid = a_hi * b_lo + (low >> 32);
    uint64_t mid2 = a_lo * b_hi + (uint32_t)mid;
    uint64_t lost = (uint32_t)low | (uint32_t)mid2;

    return (a_hi * b_hi + (mid >> 32) + (mid2 >> 32)) | (lost != 0);
}

uint64_t softfp_mul(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b)
{
    const struct layout *l = &layouts[fmt];
    struct number x = unpack(e, fmt, a), y = unpack(e, fmt, b);
    bool sign = x.sign != y.sign;

    if (is_nan(&x) || is_nan(&y))
        return propagate(e, fmt, &x, &y);
    if (x.kind == INFINITE || y.kind == INFINITE) {
        if (x.kind == ZERO || y.kind == ZERO)
            return invalid(e, fmt);
        return infinity_bits(l, sign);
    }
    if (x.kind == ZERO || y.kind == ZERO)
        return zero_bits(l, sign);
    return normalize_pack(e, fmt, sign, x.exp + y.exp + 1,
                          multiply_high_jam(x.sig, y.sig));
}

/* num / den * 2^63, jammed; both have their top bit set and the low one 0. */
static uint64_t divide_jam(uint64_t num, uint64_t den, unsigned nbits)
{
    uint64_t rem = num / 2, quotient = 0;

    den /= 2;
    for (unsigned i = 0; i < nbits; i++) {
        quotient <<= 1;
        if (rem >= den) {
            rem -= den;
            quotient |= 1;
        }
        rem <<= 1;
    }
    return quotient << (64 - nbits) | (rem != 0);
}

uint64_t softfp_div(struct softfp *e, enum softfp_format fmt, uint64_t a,
                    uint64_t b)
{
    const struct layout *l = &layouts[fmt];
    struct number x = unpack(e, fmt, a), y = unpack(e, fmt, b);
    bool sign = x.sign != y.sign;

    if (is_nan(&x) || is_nan(&y))
        return propagate(e, fmt, &x, &y);
    if (x.kind == y.kind && x.kind != FINITE)
        return invalid(e, fmt);
    if (x.kind == INFINITE)
        return infinity_bits(l, sign);
    if (x.kind == ZERO || y.kind == INFINITE)
        return zero_bits(l, sign);
    if (y.kind == ZERO) {
        e->cause |= SOFTFP_CAUSE_Z;
        return infinity_bits(l, sign);
    }
    /* The precision, a bit for a quotient below 1, and a rounding bit. */
    return normalize_pack(e, fmt, sign, x.exp - y.exp,
                          divide_jam(x.sig, y.sig, l->frac_bits + 3));
}

/*
 * The square root of m / 2^60, m in [2^60, 2^62), as root / 2^60, jammed.
 * Before each turn rem = (m - root^2) scaled by the bits done, so that one
 * trial subtraction decides the next bit.
 */
static uint64_t square_root_jam(uint64_t m, unsigned nbits)
{
    uint64_t rem = m, root = 0, bit = UINT64_C(1) << 60;

    for (unsigned i = 0; i < nbits; i++) {
        uint64_t trial = 2 * root + bit;

        if (trial <= rem) {
            rem -= trial;
            root += bit;
        }
        rem <<= 1;
        bit >>= 1;
    }
    return root | (rem != 0);
}

uint64_t softfp_sqrt(struct softfp *e, enum softfp_format fmt, uint64_t a)
{
    const struct layout *l = &layouts[fmt];
    struct number x = unpack(e, fmt, a);
    int odd = x.exp & 1;

    if (is_nan(&x))
        return propagate(e, fmt, &x, &x);
    if (x.kind == ZERO)
        return zero_bits(l, x.sign);
    if (x.sign)
        return invalid(e, fmt);
    if (x.kind == INFINITE)
        return infinity_bits(l, false);
    return normalize_pack(
        e, fmt, false, (x.exp - odd) / 2 + 3,
        square_root_jam(x.sig >> (3 - odd), l->frac_bits + 2));
}

/* Set the sign of anything but a NaN. */
static uint64_t with_sign(struct softfp *e, enum softfp_format fmt,
                          const struct number *n, bool sign)
{
    const struct layout *l = &layouts[fmt];

    if (is_nan(n))
        return propagate(e, fmt, n, n);
    if (n->kind == ZERO)
        return zero_bits(l, sign);
    return (n->bits & ~zero_bits(l, true)) | zero_bits(l, sign);
}

uint64_t softfp_abs(struct softfp *e, enum softfp_format fmt, uint64_t a)
{
    struct number x = unpack(e, fmt, a);

    return with_sign(e, fmt, &x, false);
}

uint64_t softfp_neg(struct softfp *e, enum softfp_format fmt, uint64_t a)
{
    struct number x = unpack(e, fmt, a);

    return with_sign(e, fmt, &x, !x.sign);
}

/* A key whose signed order is the order of the numbers; both zeros give 0. */
static int64_t order_key(const struct number *n, const struct layout *l)
{
    int64_t magnitude = (int64_t)(n->bits & (zero_bits(l, true) - 1));

    if (n->kind == ZERO)
        return 0;
    return n->sign ? -magnitude : magnitude;
}

unsigned softfp_compare(struct softfp *e, enum softfp_format fmt, uint64_t a,
                        uint64_t b, bool signalling)
{
    struct softfp quiet = *e; /* compares take denormals as they are */
    struct number x = unpack(&quiet, fmt, a), y = unpack(&quiet, fmt, b);

    if (is_nan(&x) || is_nan(&y)) {
        if (signalling || x.kind == SIGNALLING || y.kind == SIGNALLING)
            e->cause |= SOFTFP_CAUSE_V;
        return SOFTFP_UNORDERED;
    }
    int64_t kx = order_key(&x, &layouts[fmt]);
    int64_t ky = order_key(&y, &layouts[fmt]);

    if (kx == ky)
        return SOFTFP_EQUAL;
    return kx < ky ? SOFTFP_LESS : SOFTFP_GREATER;
}

static int64_t integer_overflow(struct softfp *e, unsigned bits)
{
    e->cause |= SOFTFP_CAUSE_V;
    return bits == 32 ? INT32_MAX : INT64_MAX;
}

int64_t softfp_to_int(struct softfp *e, enum softfp_format fmt, uint64_t a,
                      enum softfp_rounding rounding, unsigned bits)
{
    struct number x = unpack(e, fmt, a);
    uint64_t limit = (UINT64_C(1) << (bits - 1)) - !x.sign;
    uint64_t whole = 0, fraction;

    if (x.kind == ZERO)
        return 0;
    if (x.kind != FINITE || x.exp > 63)
        return integer_overflow(e, bits);
    /* Split at the binary point: whole . fraction / 2^64 */
    if (x.exp < 0) {
        fraction = shift_right_jam(x.sig, (unsigned)(-1 - x.exp));
    } else {
        whole = x.sig >> (63 - x.exp);
        fraction = x.exp == 63 ? 0 : x.sig << (x.exp + 1);
    }
    /* increment() wants kept and dropped bits in one word: keep one of whole */
    whole += increment(rounding, x.sign,
                       whole << 63 | shift_right_jam(fraction, 1), 63);
    if (whole > limit)
        return integer_overflow(e, bits);
    if (fraction)
        e->cause |= SOFTFP_CAUSE_I;
    if (!x.sign)
        return (int64_t)whole;
    return whole == TOP_BIT ? INT64_MIN : -(int64_t)whole;
}

uint64_t softfp_from_int(struct softfp *e, enum softfp_format fmt,
                         int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

    return normalize_pack(e, fmt, value < 0, 63, magnitude);
}

uint64_t softfp_s_to_d(struct softfp *e, uint64_t a)
{
    const struct layout *l = &layouts[SOFTFP_D];
    struct number x = unpack(e, SOFTFP_S, a);

    switch (x.kind) {
    case SIGNALLING:
        return invalid(e, SOFTFP_D);
    case QUIET:
        return infinity_bits(l, x.sign) | (a & 0x7fffff) << 29;
    case INFINITE:
        return infinity_bits(l, x.sign);
    case ZERO:
        return zero_bits(l, x.sign);
    case FINITE:
        break;
    }
    return round_pack(e, SOFTFP_D, x.sign, x.exp, x.sig);
}

uint64_t softfp_d_to_s(struct softfp *e, uint64_t a)
{
    const struct layout *l = &layouts[SOFTFP_S];
    struct number x = unpack(e, SOFTFP_D, a);
    uint64_t payload = a >> 29 & 0x7fffff;

    switch (x.kind) {
    case SIGNALLING:
        return invalid(e, SOFTFP_S);
    case QUIET:
        if (payload == 0)
            return softfp_default_nan(SOFTFP_S);
        return infinity_bits(l, x.sign) | payload;
    case INFINITE:
        return infinity_bits(l, x.sign);
    case ZERO:
        return zero_bits(l, x.sign);
    case FINITE:
        break;
    }
    return round_pack(e, SOFTFP_S, x.sign, x.exp, x.sig);
}
