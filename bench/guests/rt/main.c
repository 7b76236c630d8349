/*
 * main.c - runs the one benchmark that is linked in.  Prints '!' as the first
 * sign of life and "BENCH name repetitions checksum" at the end.
 */
#include "bench.h"
#include "plat.h"

static void put_text(const char *s)
{
    while (*s)
        plat_putc(*s++);
}

static void put_hex(uint64_t v)
{
    for (int i = 60; i >= 0; i -= 4)
        plat_putc("0123456789abcdef"[v >> i & 15]);
}

static void put_dec(unsigned long v)
{
    char digits[24];
    int n = 0;

    do
        digits[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n--)
        plat_putc(digits[n]);
}

unsigned long bench_number(const char *s)
{
    unsigned long n = 0;

    while (*s >= '0' && *s <= '9')
        n = n * 10 + (unsigned long)(*s++ - '0');
    return n;
}

void plat_info(const char *name, uint64_t value)
{
    put_text("INFO ");
    put_text(name);
    plat_putc(' ');
    put_hex(value);
    plat_putc('\n');
}

void bench_main(unsigned long reps)
{
    uint64_t sum;

    if (!reps)
        reps = bench_reps;
    put_text("!\n");
    sum = bench_run(reps);
    put_text("BENCH ");
    put_text(bench_name);
    plat_putc(' ');
    put_dec(reps);
    plat_putc(' ');
    put_hex(sum);
    plat_putc('\n');
    plat_exit(0);
}
