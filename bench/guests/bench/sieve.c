/*
 * sieve.c - byte sieve of Eratosthenes, 256 KiB.
 */
#include "bench.h"

#define N (256 * 1024)
static uint8_t flag[N];

BENCH("sieve", 150)
{
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        uint32_t count = 0, limit = N - (uint32_t)(r & 7);
        for (uint32_t i = 0; i < limit; i++)
            flag[i] = 1;
        for (uint32_t i = 2; i < limit; i++) {
            if (!flag[i])
                continue;
            count++;
            for (uint32_t k = i + i; k < limit; k += i)
                flag[k] = 0;
        }
        h = mix64(h, count);
    }
    return h;
}
