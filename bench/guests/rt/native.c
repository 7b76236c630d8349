/*
 * native.c - the benchmarks on the host itself: the physical limit.
 * "NAME K [N]" runs the benchmark K times (the first run is printed), so that
 * short ones can be timed; N repetitions each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "plat.h"

static long again;
static unsigned long reps;

void plat_putc(char c)
{
    putchar(c);
    if (c == '\n')
        fflush(stdout);
}

void plat_exit(int code)
{
    volatile uint64_t sink = 0;

    while (again-- > 0)
        sink = sink + bench_run(reps);
    exit(code);
}

int main(int argc, char **argv)
{
    again = argc > 1 ? atol(argv[1]) - 1 : 0;
    reps = argc > 2 ? bench_number(argv[2]) : 0;
    if (!reps)
        reps = bench_reps;
    bench_main(reps);
}
