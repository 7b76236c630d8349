/*
 * randacc.c - read, change and write one doubleword at a random place of
 * 64 MiB: next to no access finds its page in a TLB or its line in a cache.
 */
#include "bench.h"

#define N (8ul * 1024 * 1024)
static uint64_t table[N] BIG;

BENCH("randacc", 8000000)
{
    uint64_t seed = 88172645463325252u, h = 0;

    for (uint64_t i = 0; i < N; i++)
        table[i] = i;
    for (unsigned long r = 0; r < reps; r++) {
        uint64_t v = xorshift64(&seed);

        table[v >> 20 & (N - 1)] ^= v;
    }
    for (uint64_t i = 0; i < N; i += 4099)
        h = mix64(h, table[i]);
    return h;
}
