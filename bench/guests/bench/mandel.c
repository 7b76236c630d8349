/*
 * mandel.c - mandelbrot escape counts on a 64 x 64 grid.
 */
#include "bench.h"

BENCH("mandel", 12)
{
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++)
        for (int y = 0; y < 64; y++)
            for (int x = 0; x < 64; x++) {
                double cr = x * 0.046875 - 2.25 + (double)(r & 3) * 0.001953125;
                double ci = y * 0.0390625 - 1.25;
                double zr = 0, zi = 0;
                int n = 0;
                while (n < 500) {
                    double a = zr * zr, b = zi * zi;
                    if (a + b > 4.0)
                        break;
                    zi = 2.0 * zr * zi + ci;
                    zr = a - b + cr;
                    n++;
                }
                h = h * 31 + (uint64_t)n;
            }
    return h;
}
