/*
 * hello.c - is there a working C library?
 */
#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    double sum = 0;

    (void)argc;
    for (int i = 1; i < 1000; i++)
        sum += sin(i) * 1.5 / i;
    printf("hello from %s: %.17g, %lld\n", argv[0], sum, (long long)1e15 / 7);
    return 0;
}
