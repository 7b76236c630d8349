/*
 * lu.c - gaussian elimination with partial pivoting and a solve, 100 x 100.
 */
#include "bench.h"

#define N 100
static double a[N][N], rhs[N];
static void setup(unsigned long r)
{
    uint32_t s = 1325u + (uint32_t)r;
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            a[i][j] = ((double)(xorshift32(&s) & 0xffff) - 32768.0) / 16384.0;
            sum += a[i][j];
        }
        rhs[i] = sum;
    }
}

static NOINLINE void axpy(int n, double k, const double *x, double *y)
{
    for (int i = 0; i < n; i++)
        y[i] += k * x[i];
}

static void solve(void)
{
    for (int k = 0; k < N; k++) {
        int p = k;
        for (int i = k + 1; i < N; i++) {
            double u = a[i][k], v = a[p][k];
            if ((u < 0 ? -u : u) > (v < 0 ? -v : v))
                p = i;
        }
        if (p != k) {
            for (int j = k; j < N; j++) {
                double t = a[k][j];
                a[k][j] = a[p][j];
                a[p][j] = t;
            }
            double t = rhs[k];
            rhs[k] = rhs[p];
            rhs[p] = t;
        }
        double inv = 1.0 / a[k][k];
        for (int i = k + 1; i < N; i++) {
            double f = -a[i][k] * inv;
            axpy(N - k - 1, f, &a[k][k + 1], &a[i][k + 1]);
            rhs[i] += f * rhs[k];
        }
    }
    for (int i = N - 1; i >= 0; i--) {
        double s = rhs[i];
        for (int j = i + 1; j < N; j++)
            s -= a[i][j] * rhs[j];
        rhs[i] = s / a[i][i];
    }
}

BENCH("lu", 60)
{
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        setup(r);
        solve();
        for (int i = 0; i < N; i += 9)
            h = mixd(h, rhs[i]);
    }
    return h;
}
