/*
 * nbody.c - five-body gravity, velocity Verlet (kick-drift), double precision.
 */
#include "bench.h"

#define NB 5
static double px[NB], py[NB], pz[NB], vx[NB], vy[NB], vz[NB], m[NB];
static NOINLINE void step(double dt)
{
    for (int i = 0; i < NB; i++)
        for (int j = i + 1; j < NB; j++) {
            double dx = px[i] - px[j], dy = py[i] - py[j], dz = pz[i] - pz[j];
            double d2 = dx * dx + dy * dy + dz * dz;
            double mag = dt / (d2 * bench_sqrt(d2));
            double mi = m[i] * mag, mj = m[j] * mag;
            vx[i] -= dx * mj;
            vy[i] -= dy * mj;
            vz[i] -= dz * mj;
            vx[j] += dx * mi;
            vy[j] += dy * mi;
            vz[j] += dz * mi;
        }
    for (int i = 0; i < NB; i++) {
        px[i] += dt * vx[i];
        py[i] += dt * vy[i];
        pz[i] += dt * vz[i];
    }
}

BENCH("nbody", 150000)
{
    for (int i = 0; i < NB; i++) {
        m[i] = i ? 0.01 * i : 40.0;
        px[i] = 5.0 * i;
        py[i] = 0.25 * i;
        pz[i] = 0.125 * (i & 1);
        vx[i] = 0.0625 * i;
        vy[i] = i ? 2.5 / (double)i : 0.0;
        vz[i] = 0.03125 * i;
    }
    for (unsigned long r = 0; r < reps; r++)
        step(0.0009765625);
    uint64_t h = 0;
    for (int i = 0; i < NB; i++)
        h = mixd(mixd(mixd(h, px[i]), py[i]), pz[i]);
    return h;
}
