/*
 * quad.c - arithmetic on 128-bit long double (n64) in software, as GCC calls
 * it.  Rounds to nearest, raises no flags: good enough for a C library's
 * printf, scanf and mathematics.
 */
typedef unsigned int u32;
typedef int s32;
typedef unsigned long u64;
typedef long s64;
typedef unsigned __int128 u128;
typedef long double tf;

#define BIAS     16383
#define EXP_MAX  32767
#define FRACTION 112
#define GUARD    3 /* bits below the last one while computing */
#define TOP      (FRACTION + GUARD)

enum kind { ZERO, FINITE, INFINITE, NAN };

/* value = (-1)^sign * frac * 2^(exp - BIAS - TOP), bit TOP of frac is set. */
struct parts {
    enum kind kind;
    int sign, exp;
    u128 frac;
};

union bits {
    tf value;
    struct {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        u64 high, low;
#else
        u64 low, high;
#endif
    } w;
};

static u128 bit(int n)
{
    return (u128)1 << n;
}

/* Shift to the right; what falls out stays as a one in the last place. */
static u128 shift_sticky(u128 x, int n)
{
    if (n <= 0)
        return x;
    if (n > 127)
        return x != 0;
    return x >> n | ((x & (bit(n) - 1)) != 0);
}

static void normalize(struct parts *p)
{
    if (!p->frac) {
        p->kind = ZERO;
        return;
    }
    p->kind = FINITE;
    while (p->frac >= bit(TOP + 1)) {
        p->frac = shift_sticky(p->frac, 1);
        p->exp++;
    }
    while (p->frac < bit(TOP)) {
        p->frac <<= 1;
        p->exp--;
    }
}

/* From a format with the given fraction bits and largest exponent. */
static struct parts unpack(int sign, int exp, u128 fraction, int bits, int max)
{
    struct parts p = { FINITE, sign, exp - (max >> 1) + BIAS, 0 };

    p.frac = fraction << (TOP - bits);
    if (exp == max) {
        p.kind = fraction ? NAN : INFINITE;
    } else if (exp) {
        p.frac |= bit(TOP);
    } else {
        p.exp++;
        normalize(&p);
    }
    return p;
}

/* To such a format: sign, exponent and fraction in the low bits. */
static u128 pack(struct parts p, int bits, int max)
{
    u128 sign = (u128)(u32)p.sign << (bits + (max == EXP_MAX ? 15 : max == 2047 ? 11 : 8));
    int exp = p.exp - BIAS + (max >> 1), drop = TOP - bits;
    u128 half = bit(drop - 1), kept;

    if (p.kind == NAN)
        return (u128)(u32)max << bits | (bit(bits - 1) - 1);
    if (p.kind == ZERO)
        return sign;
    if (p.kind == INFINITE || exp >= max)
        return sign | (u128)(u32)max << bits;
    if (exp <= 0) {
        p.frac = shift_sticky(p.frac, 1 - exp);
        exp = 0;
    }
    kept = p.frac >> drop;
    if ((p.frac & (bit(drop) - 1)) > half ||
        ((p.frac & (bit(drop) - 1)) == half && kept & 1))
        kept++;
    /* The leading one, and a carry out of the fraction, add to the exponent. */
    return sign | (((u128)(u32)(exp ? exp - 1 : 0) << bits) + kept);
}

static struct parts from_tf(tf x)
{
    union bits b = { .value = x };
    u128 fraction = (u128)(b.w.high & 0xffffffffffff) << 64 | b.w.low;

    return unpack((int)(b.w.high >> 63), (int)(b.w.high >> 48 & EXP_MAX),
                  fraction, FRACTION, EXP_MAX);
}

static tf to_tf(struct parts p)
{
    u128 packed = pack(p, FRACTION, EXP_MAX);
    union bits b = { .w = { .high = (u64)(packed >> 64),
                             .low = (u64)packed } };

    return b.value;
}

static struct parts special(enum kind kind, int sign)
{
    struct parts p = { kind, sign, 0, 0 };

    return p;
}

/* --- Arithmetic ---------------------------------------------------------------- */

static struct parts add(struct parts a, struct parts b)
{
    struct parts t;

    if (a.kind == NAN || b.kind == NAN)
        return special(NAN, 0);
    if (a.kind == INFINITE || b.kind == INFINITE) {
        if (a.kind == b.kind && a.sign != b.sign)
            return special(NAN, 0);
        return a.kind == INFINITE ? a : b;
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        if (a.kind == b.kind)
            return special(ZERO, a.sign & b.sign);
        return a.kind == ZERO ? b : a;
    }
    if (a.exp < b.exp || (a.exp == b.exp && a.frac < b.frac)) {
        t = a;
        a = b;
        b = t;
    }
    b.frac = shift_sticky(b.frac, a.exp - b.exp);
    if (a.sign == b.sign)
        a.frac += b.frac;
    else
        a.frac -= b.frac;
    if (!a.frac)
        a.sign = 0;
    normalize(&a);
    return a;
}

tf __addtf3(tf a, tf b)
{
    return to_tf(add(from_tf(a), from_tf(b)));
}

tf __subtf3(tf a, tf b)
{
    struct parts q = from_tf(b);

    q.sign ^= 1;
    return to_tf(add(from_tf(a), q));
}

tf __negtf2(tf a)
{
    union bits b = { .value = a };

    b.w.high ^= 1ul << 63;
    return b.value;
}

tf __multf3(tf x, tf y)
{
    struct parts a = from_tf(x), b = from_tf(y);
    u128 p, q, low, mid, high;
    int sign = a.sign ^ b.sign;

    if (a.kind == NAN || b.kind == NAN ||
        (a.kind == INFINITE && b.kind == ZERO) ||
        (a.kind == ZERO && b.kind == INFINITE))
        return to_tf(special(NAN, 0));
    if (a.kind == INFINITE || b.kind == INFINITE)
        return to_tf(special(INFINITE, sign));
    if (a.kind == ZERO || b.kind == ZERO)
        return to_tf(special(ZERO, sign));
    /* Without the guard bits: 113 by 113 bits. */
    p = a.frac >> GUARD;
    q = b.frac >> GUARD;
    low = (u128)(u64)p * (u64)q;
    mid = (u128)(u64)(p >> 64) * (u64)q + (u64)(low >> 64);
    high = (u128)(u64)(p >> 64) * (u64)(q >> 64) + (u64)(mid >> 64);
    mid = (u128)(u64)p * (u64)(q >> 64) + (u64)mid;
    high += (u64)(mid >> 64);
    /* 226 bits: keep those from 109 on, the rest is sticky. */
    low = (u128)(u64)mid << 64 | (u64)low;
    a.frac = high << 19 | low >> 109 | ((low & (bit(109) - 1)) != 0);
    a.exp += b.exp - BIAS;
    a.sign = sign;
    normalize(&a);
    return to_tf(a);
}

tf __divtf3(tf x, tf y)
{
    struct parts a = from_tf(x), b = from_tf(y);
    u128 rest = a.frac, quotient = 0;
    int sign = a.sign ^ b.sign;

    if (a.kind == NAN || b.kind == NAN || (a.kind == b.kind && a.kind != FINITE))
        return to_tf(special(NAN, 0));
    if (a.kind == INFINITE || b.kind == ZERO)
        return to_tf(special(INFINITE, sign));
    if (a.kind == ZERO || b.kind == INFINITE)
        return to_tf(special(ZERO, sign));
    for (int i = 0; i <= TOP; i++) {
        quotient <<= 1;
        if (rest >= b.frac) {
            rest -= b.frac;
            quotient |= 1;
        }
        rest <<= 1;
    }
    a.frac = quotient | (rest != 0);
    a.exp = a.exp - b.exp + BIAS;
    a.sign = sign;
    normalize(&a);
    return to_tf(a);
}

/* --- Comparison: -1, 0, 1, or 2 when unordered ----------------------------------- */

static int compare(tf x, tf y)
{
    union bits a = { .value = x }, b = { .value = y };
    u128 p, q;
    int less;

    if (from_tf(x).kind == NAN || from_tf(y).kind == NAN)
        return 2;
    p = (u128)(a.w.high & ~(1ul << 63)) << 64 | a.w.low;
    q = (u128)(b.w.high & ~(1ul << 63)) << 64 | b.w.low;
    if (!p && !q)
        return 0;
    if (a.w.high >> 63 != b.w.high >> 63)
        return a.w.high >> 63 ? -1 : 1;
    if (p == q)
        return 0;
    less = p < q;
    return less ^ (int)(a.w.high >> 63) ? -1 : 1;
}

/* GCC's contract: each is true or false against 0 in the wanted way, false
 * when unordered. */
int __eqtf2(tf a, tf b)
{
    return compare(a, b);
}

int __netf2(tf a, tf b)
{
    return compare(a, b);
}

int __lttf2(tf a, tf b)
{
    return compare(a, b);
}

int __letf2(tf a, tf b)
{
    return compare(a, b);
}

int __gttf2(tf a, tf b)
{
    int c = compare(a, b);

    return c == 2 ? -1 : c;
}

int __getf2(tf a, tf b)
{
    int c = compare(a, b);

    return c == 2 ? -1 : c;
}

int __unordtf2(tf a, tf b)
{
    return compare(a, b) == 2;
}

/* --- Conversions -------------------------------------------------------------------- */

tf __extenddftf2(double x)
{
    union {
        double d;
        u64 u;
    } b = { .d = x };

    return to_tf(unpack((int)(b.u >> 63), (int)(b.u >> 52 & 2047),
                        b.u & 0xfffffffffffff, 52, 2047));
}

tf __extendsftf2(float x)
{
    union {
        float f;
        u32 u;
    } b = { .f = x };

    return to_tf(unpack((int)(b.u >> 31), (int)(b.u >> 23 & 255),
                        b.u & 0x7fffff, 23, 255));
}

double __trunctfdf2(tf x)
{
    union {
        u64 u;
        double d;
    } b = { .u = (u64)pack(from_tf(x), 52, 2047) };

    return b.d;
}

float __trunctfsf2(tf x)
{
    union {
        u32 u;
        float f;
    } b = { .u = (u32)pack(from_tf(x), 23, 255) };

    return b.f;
}

/* Towards zero; magnitude, all ones when it does not fit into 64 bits. */
static u64 magnitude(struct parts p)
{
    int shift = TOP + BIAS - p.exp;

    if (p.kind == ZERO || (p.kind == FINITE && shift > 127))
        return 0;
    if (p.kind != FINITE || p.exp >= BIAS + 64)
        return ~0ul;
    return (u64)(p.frac >> shift);
}

u64 __fixunstfdi(tf x)
{
    struct parts p = from_tf(x);

    return p.sign ? 0 : magnitude(p);
}

s64 __fixtfdi(tf x)
{
    struct parts p = from_tf(x);
    u64 m = magnitude(p);

    if (m >> 63)
        return p.sign ? -0x7fffffffffffffff - 1 : 0x7fffffffffffffff;
    return p.sign ? -(s64)m : (s64)m;
}

u32 __fixunstfsi(tf x)
{
    u64 m = __fixunstfdi(x);

    return m >> 32 ? ~0u : (u32)m;
}

s32 __fixtfsi(tf x)
{
    s64 v = __fixtfdi(x);

    if (v > 0x7fffffff)
        return 0x7fffffff;
    return v < -0x7fffffff ? -0x7fffffff - 1 : (s32)v;
}

static tf from_magnitude(int sign, u64 m)
{
    struct parts p = { FINITE, sign, BIAS + TOP, m };

    normalize(&p);
    return to_tf(p);
}

tf __floatunditf(u64 x)
{
    return from_magnitude(0, x);
}

tf __floatditf(s64 x)
{
    return from_magnitude(x < 0, x < 0 ? -(u64)x : (u64)x);
}

tf __floatunsitf(u32 x)
{
    return from_magnitude(0, x);
}

tf __floatsitf(s32 x)
{
    return __floatditf(x);
}

tf __powitf2(tf a, int n)
{
    tf x = 1;

    for (u32 m = n < 0 ? -(u32)n : (u32)n; m; m >>= 1, a *= a)
        if (m & 1)
            x *= a;
    return n < 0 ? 1 / x : x;
}
