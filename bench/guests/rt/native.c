/*
 * native.c - the benchmarks on the host itself: the physical limit.  "NAME K"
 * runs the benchmark K times (the first run is printed), so that short ones
 * can be timed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "plat.h"

static long again;

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
        sink = sink + bench_run(bench_reps);
    exit(code);
}

int main(int argc, char **argv)
{
    again = argc > 1 ? atol(argv[1]) - 1 : 0;
    bench_main(0);
}
