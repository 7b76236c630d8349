/*
 * fib.c - recursive calls and returns.
 */
#include "bench.h"

static NOINLINE uint32_t fib(uint32_t n)
{
    if (n < 2)
        return n;
    return fib(n - 1) + fib(n - 2);
}

BENCH("fib", 60)
{
    uint64_t h = 0;
    for (unsigned long i = 0; i < reps; i++)
        h = mix64(h, fib(27 + (i & 1)));
    return h;
}
