/*
 * chase.c - dependent loads along one random cycle through 8 MiB.
 */
#include "bench.h"

#define N (512 * 1024)
struct cell {
    struct cell *next;
    uint64_t tag;
};
static struct cell cells[N] BIG;
static uint32_t order[N] BIG;

BENCH("chase", 40)
{
    uint64_t seed = 88172645463325252u;
    for (uint32_t i = 0; i < N; i++)
        order[i] = i;
    for (uint32_t i = N - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(xorshift64(&seed) & (N - 1));
        while (j > i)
            j = (uint32_t)(xorshift64(&seed) & (N - 1)) % (i + 1);
        uint32_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (uint32_t i = 0; i < N; i++) {
        cells[order[i]].next = &cells[order[(i + 1) & (N - 1)]];
        cells[order[i]].tag = i;
    }
    struct cell *p = &cells[0];
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        for (uint32_t i = 0; i < 100003; i++)
            p = p->next;
        h = mix64(h, p->tag);
    }
    return h;
}
