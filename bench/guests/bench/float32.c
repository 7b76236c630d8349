/*
 * float32.c - single precision: a filter of 48 taps over 2048 samples, then
 * vectors of three brought to length one.
 */
#include "bench.h"

#define SAMPLES 2048
#define TAPS    48
#define VECTORS 512

static float in[SAMPLES + TAPS], out[SAMPLES], tap[TAPS];
static float vx[VECTORS], vy[VECTORS], vz[VECTORS];

/* Lengths that vary, as a filter has them: from constants the host's compiler
 * makes vectors, which is no longer the same program. */
static NOINLINE void filter(int samples, int taps)
{
    for (int i = 0; i < samples; i++) {
        float sum = 0;

        for (int k = 0; k < taps; k++)
            sum += tap[k] * in[i + k];
        out[i] = sum;
    }
}

static NOINLINE void normalise(void)
{
    for (int i = 0; i < VECTORS; i++) {
        float square = vx[i] * vx[i] + vy[i] * vy[i] + vz[i] * vz[i];
        float k = 1.0f / __builtin_sqrtf(square);

        vx[i] *= k;
        vy[i] *= k;
        vz[i] *= k;
    }
}

BENCH("float32", 400)
{
    uint32_t seed = 123456789u;
    uint64_t h = 0;

    for (int i = 0; i < SAMPLES + TAPS; i++)
        in[i] = (float)(int32_t)(xorshift32(&seed) & 0xffff) * 0.0001f - 3.0f;
    for (int k = 0; k < TAPS; k++)
        tap[k] = 1.0f / (float)(3 + k);
    for (unsigned long r = 0; r < reps; r++) {
        filter(SAMPLES - (int)(r & 3), TAPS - (int)(r & 7));
        for (int i = 0; i < VECTORS; i++) {
            vx[i] = out[i] + 1.0f;
            vy[i] = out[i + VECTORS] * 0.5f;
            vz[i] = out[i + 2 * VECTORS] + (float)(r & 7);
        }
        normalise();
        for (int i = 0; i < VECTORS; i++)
            in[i] = vx[i] + vy[i] * 2.0f - vz[i];
        h = mixf(mixf(h, vx[r & (VECTORS - 1)]), out[r & (SAMPLES - 1)]);
    }
    for (int i = 0; i < VECTORS; i += 7)
        h = mixf(mixf(mixf(h, vx[i]), vy[i]), vz[i]);
    return h;
}
