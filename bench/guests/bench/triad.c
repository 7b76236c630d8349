/*
 * triad.c - a[i] = b[i] + k * c[i] over three arrays of 8 MiB.
 */
#include "bench.h"

#define N (1024 * 1024)
static double a[N] BIG, b[N] BIG, c[N] BIG;
static NOINLINE void triad(double k)
{
    for (long i = 0; i < N; i++)
        a[i] = b[i] + k * c[i];
}

BENCH("triad", 10)
{
    for (long i = 0; i < N; i++) {
        a[i] = 0;
        b[i] = (double)(i & 1023);
        c[i] = (double)(i & 511) * 0.5;
    }
    for (unsigned long r = 0; r < reps; r++)
        triad((double)(r & 15) * 0.25);
    uint64_t h = 0;
    for (long i = 0; i < N; i += 4099)
        h = mixd(h, a[i]);
    return h;
}
