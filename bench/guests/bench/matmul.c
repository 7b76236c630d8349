/*
 * matmul.c - 96 x 96 double matrix product, i-k-j order.
 */
#include "bench.h"

#define N 96
static double a[N][N], b[N][N], c[N][N];

BENCH("matmul", 24)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(i * 3 + j) * 0.0078125;
            b[i][j] = (double)(i - 2 * j) * 0.015625;
        }
    for (unsigned long r = 0; r < reps; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                c[i][j] = c[i][j] * 0.5;
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) {
                double x = a[i][k];
                for (int j = 0; j < N; j++)
                    c[i][j] += x * b[k][j];
            }
    }
    uint64_t h = 0;
    for (int i = 0; i < N; i += 7)
        for (int j = 0; j < N; j += 5)
            h = mixd(h, c[i][j]);
    return h;
}
