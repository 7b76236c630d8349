/*
 * fft.c - radix-2 in-place complex FFT, 2048 points, forward then inverse.
 */
#include "bench.h"

#define LG 11
#define N  (1 << LG)
static double re[N], im[N], cs[N / 2], sn[N / 2];
static void twiddles(void)
{
    /* exact start values by repeated half-angle, then a rotation recurrence */
    double c = -1.0, s = 0.0; /* angle pi */
    for (int k = N / 2; k > 1; k >>= 1) {
        double ch = bench_sqrt((1.0 + c) * 0.5);
        double sh = bench_sqrt((1.0 - c) * 0.5);
        c = ch;
        s = sh;
    }
    double x = 1.0, y = 0.0; /* step angle: 2 pi / N */
    for (int i = 0; i < N / 2; i++) {
        cs[i] = x;
        sn[i] = y;
        double nx = x * c - y * s, ny = x * s + y * c;
        x = nx;
        y = ny;
    }
}

static NOINLINE void fft(double sign)
{
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            double t = re[i];
            re[i] = re[j];
            re[j] = t;
            t = im[i];
            im[i] = im[j];
            im[j] = t;
        }
    }
    for (int len = 2, stride = N / 2; len <= N; len <<= 1, stride >>= 1)
        for (int i = 0; i < N; i += len)
            for (int k = 0, w = 0; k < len / 2; k++, w += stride) {
                int p = i + k, q = p + len / 2;
                double wr = cs[w], wi = sign * sn[w];
                double tr = re[q] * wr - im[q] * wi,
                       ti = re[q] * wi + im[q] * wr;
                re[q] = re[p] - tr;
                im[q] = im[p] - ti;
                re[p] += tr;
                im[p] += ti;
            }
}

BENCH("fft", 200)
{
    twiddles();
    for (int i = 0; i < N; i++) {
        re[i] = (double)((i * 37) & 255) * 0.00390625;
        im[i] = 0;
    }
    for (unsigned long r = 0; r < reps; r++) {
        fft(1.0);
        fft(-1.0);
        for (int i = 0; i < N; i++) {
            re[i] *= 1.0 / N;
            im[i] *= 1.0 / N;
        }
    }
    uint64_t h = 0;
    for (int i = 0; i < N; i += 13)
        h = mixd(mixd(h, re[i]), im[i]);
    return h;
}
