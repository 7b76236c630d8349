/*
 * memcpy.c - block copies: doubleword, unrolled, 256 KiB, and byte-wise short
 * ones.
 */
#include "bench.h"

#define N (256 * 1024 / 8)
static uint64_t src[N], dst[N];
static char sb[256], db[256];
static NOINLINE void copy_words(uint64_t *d, const uint64_t *s, size_t n)
{
    for (; n >= 4; n -= 4, d += 4, s += 4) {
        uint64_t a = s[0], b = s[1], c = s[2], e = s[3];
        d[0] = a;
        d[1] = b;
        d[2] = c;
        d[3] = e;
    }
    while (n--)
        *d++ = *s++;
}

static NOINLINE void copy_bytes(char *d, const char *s, size_t n)
{
    while (n--)
        *d++ = *s++;
}

BENCH("memcpy", 4000)
{
    uint64_t h = 0;
    for (size_t i = 0; i < N; i++)
        src[i] = i * 0x9e3779b97f4a7c15u;
    for (unsigned long r = 0; r < reps; r++) {
        src[r & (N - 1)] += r;
        copy_words(dst, src, N);
        for (int k = 0; k < 64; k++) {
            sb[k] = (char)(r + (unsigned long)k);
            copy_bytes(db + (k & 15), sb, 150);
        }
        h = mix64(h, dst[(r * 61) & (N - 1)] + (uint8_t)db[r & 127]);
    }
    return h;
}
