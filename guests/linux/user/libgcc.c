/*
 * libgcc.c - the few functions that GCC calls instead of instructions on a
 * MIPS IV CPU, in plain C.  The distribution's own libgcc for MIPS has
 * instructions that an R10000 lacks.
 */
typedef unsigned int u32;
typedef int s32;
typedef unsigned long u64;
typedef long s64;
typedef unsigned __int128 u128;
typedef __int128 s128;

int __clzdi2(u64 x)
{
    int n = 0;

    if (!x)
        return 64;
    for (int step = 32; step; step /= 2)
        if (!(x >> (64 - step))) {
            n += step;
            x <<= step;
        }
    return n;
}

int __clzsi2(u32 x)
{
    return __clzdi2(x) - 32;
}

int __ctzdi2(u64 x)
{
    return x ? 63 - __clzdi2(x & -x) : 64;
}

int __ctzsi2(u32 x)
{
    return x ? 31 - __clzsi2(x & -x) : 32;
}

int __ffsdi2(u64 x)
{
    return x ? __ctzdi2(x) + 1 : 0;
}

int __popcountdi2(u64 x)
{
    int n = 0;

    for (; x; x &= x - 1)
        n++;
    return n;
}

int __popcountsi2(u32 x)
{
    return __popcountdi2(x);
}

int __paritydi2(u64 x)
{
    return __popcountdi2(x) & 1;
}

u32 __bswapsi2(u32 x)
{
    return x >> 24 | (x >> 8 & 0xff00) | (x & 0xff00) << 8 | x << 24;
}

u64 __bswapdi2(u64 x)
{
    return (u64)__bswapsi2((u32)x) << 32 | __bswapsi2((u32)(x >> 32));
}

/* --- 128 bits --------------------------------------------------------------- */

struct halves {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    u64 high, low;
#else
    u64 low, high;
#endif
};

static u128 join(u64 high, u64 low)
{
    union {
        struct halves half;
        u128 all;
    } u = { .half = { .high = high, .low = low } };

    return u.all;
}

static u64 high_of(u128 x)
{
    union {
        u128 all;
        struct halves half;
    } u = { .all = x };

    return u.half.high;
}

u128 __ashlti3(u128 x, int n)
{
    u64 high = high_of(x), low = (u64)x;

    if (!n)
        return x;
    if (n >= 64)
        return join(low << (n - 64), 0);
    return join(high << n | low >> (64 - n), low << n);
}

u128 __lshrti3(u128 x, int n)
{
    u64 high = high_of(x), low = (u64)x;

    if (!n)
        return x;
    if (n >= 64)
        return join(0, high >> (n - 64));
    return join(high >> n, low >> n | high << (64 - n));
}

s128 __ashrti3(s128 x, int n)
{
    s64 high = (s64)high_of((u128)x);
    u64 low = (u64)x;

    if (!n)
        return x;
    if (n >= 64)
        return (s128)join((u64)(high >> 63), (u64)(high >> (n - 64)));
    return (s128)join((u64)(high >> n), low >> n | (u64)high << (64 - n));
}

u128 __udivmodti4(u128 n, u128 d, u128 *rest)
{
    u128 q = 0, r = 0;

    for (int i = 127; i >= 0; i--) {
        u64 bit = i >= 64 ? high_of(n) >> (i - 64) & 1 : (u64)n >> i & 1;

        r = __ashlti3(r, 1) | bit;
        q = __ashlti3(q, 1);
        if (r >= d) {
            r -= d;
            q |= 1;
        }
    }
    if (rest)
        *rest = r;
    return q;
}

u128 __udivti3(u128 n, u128 d)
{
    return __udivmodti4(n, d, 0);
}

u128 __umodti3(u128 n, u128 d)
{
    u128 r;

    __udivmodti4(n, d, &r);
    return r;
}

s128 __divti3(s128 n, s128 d)
{
    u128 q = __udivti3(n < 0 ? -(u128)n : (u128)n, d < 0 ? -(u128)d : (u128)d);

    return (s128)((n < 0) != (d < 0) ? -q : q);
}

s128 __modti3(s128 n, s128 d)
{
    u128 r = __umodti3(n < 0 ? -(u128)n : (u128)n, d < 0 ? -(u128)d : (u128)d);

    return (s128)(n < 0 ? -r : r);
}

/* --- Floating point to and from unsigned --------------------------------------- */

#define TWO_63 9223372036854775808.0

u64 __fixunsdfdi(double d)
{
    return d < TWO_63 ? (u64)(s64)d : (u64)(s64)(d - TWO_63) ^ 1ul << 63;
}

u64 __fixunssfdi(float f)
{
    return __fixunsdfdi(f);
}

double __floatundidf(u64 x)
{
    return (s64)x >= 0 ? (double)(s64)x
                       : (double)(s64)(x >> 1 | (x & 1)) * 2.0;
}

float __floatundisf(u64 x)
{
    return (s64)x >= 0 ? (float)(s64)x
                       : (float)(s64)(x >> 1 | (x & 1)) * 2.0f;
}

double __powidf2(double a, int n)
{
    double x = 1;

    for (u32 m = n < 0 ? -(u32)n : (u32)n; m; m >>= 1, a *= a)
        if (m & 1)
            x *= a;
    return n < 0 ? 1 / x : x;
}
