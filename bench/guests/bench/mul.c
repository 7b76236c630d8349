/*
 * mul.c - multiplication and division: powers modulo 64-bit numbers by
 * Montgomery's method (both halves of 64 x 64 bits), powers modulo 32-bit
 * numbers by division, greatest common divisors, signed decimal digits.
 */
#include "bench.h"

static uint64_t high_half(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* a * b / 2^64 modulo m, for odd m below 2^63; inverse = -1 / m mod 2^64. */
static uint64_t reduce(uint64_t a, uint64_t b, uint64_t m, uint64_t inverse)
{
    uint64_t high = high_half(a, b), low = a * b;
    uint64_t sum = high + high_half(low * inverse, m) + (low != 0);

    return sum >= m ? sum - m : sum;
}

static NOINLINE uint64_t power64(uint64_t base, uint64_t exponent, uint64_t m)
{
    uint64_t inverse = m, one, x;

    for (int i = 0; i < 5; i++) /* each step doubles the right bits */
        inverse *= 2 - m * inverse;
    inverse = -inverse;
    one = (-m) % m; /* 2^64 mod m */
    x = base % m;
    for (int i = 0; i < 64; i++) /* times 2^64 */
        x = x >= m - x ? x - (m - x) : x + x;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            one = reduce(one, x, m, inverse);
        x = reduce(x, x, m, inverse);
    }
    return reduce(one, 1, m, inverse);
}

static NOINLINE uint32_t power32(uint32_t base, uint32_t exponent, uint32_t m)
{
    uint64_t result = 1, x = base % m;

    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * x % m;
        x = x * x % m;
    }
    return (uint32_t)result;
}

static NOINLINE uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t t = a % b;

        a = b;
        b = t;
    }
    return a;
}

/* The divisor is a variable, so that it is divided by. */
static NOINLINE uint32_t digit_sum(int64_t v, int64_t base)
{
    uint32_t sum = 0;

    for (; v; v /= base)
        sum = sum * 3 + (uint32_t)(v % base);
    return sum;
}

static NOINLINE int32_t short_division(int32_t a, int32_t b)
{
    return a / b * 7 + a % b;
}

BENCH("mul", 150000)
{
    uint64_t seed = 88172645463325252u, h = 0;

    for (unsigned long r = 0; r < reps; r++) {
        uint64_t a = xorshift64(&seed), b = xorshift64(&seed);
        uint64_t m = (xorshift64(&seed) >> 1) | 1;
        uint32_t n = (uint32_t)(a >> 33) | 3;

        h = mix64(h, power64(a, b, m));
        h = mix64(h, power32((uint32_t)b, (uint32_t)a, n));
        h = mix64(h, common_divisor(a, b));
        h = mix64(h, digit_sum((int64_t)(a ^ b), 10 + (int64_t)(r & 7)));
        h = mix64(h, (uint32_t)short_division((int32_t)b, (int32_t)n));
    }
    return h;
}
