/*
 * linux.c - the benchmarks as Linux programs (n64) without a libc.  "NAME N"
 * does N repetitions.
 */
#include "bench.h"
#include "plat.h"

#define NR_WRITE      5001
#define NR_EXIT_GROUP 5205

/* Entry after crt0_linux.S. */
void linux_main(long argc, const char *const *argv);
long sys_call3(long nr, long a, long b, long c);

static char line[128];
static unsigned fill;

void plat_putc(char c)
{
    line[fill++] = c;
    if (c == '\n' || fill == sizeof(line)) {
        sys_call3(NR_WRITE, 1, (long)line, (long)fill);
        fill = 0;
    }
}

void plat_exit(int code)
{
    for (;;)
        sys_call3(NR_EXIT_GROUP, code, 0, 0);
}

void linux_main(long argc, const char *const *argv)
{
    bench_main(argc > 1 ? bench_number(argv[1]) : 0);
}
