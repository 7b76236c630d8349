/*
 * bench.h - common interface of the benchmark guests.
 *
 * Each file under bench/ and sys/ defines exactly one benchmark:
 *     BENCH("name", default_repetitions)
 *     { ... uses `reps`, returns a 64-bit checksum ... }
 * The code is freestanding: no libc, no OS, no floating-point library.  The
 * checksum depends only on the repetitions, never on host, byte order or
 * engine, so that it doubles as a correctness check.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

extern const char *const bench_name;
extern const unsigned long bench_reps;
uint64_t bench_run(unsigned long reps);

#define BENCH(name, n)                   \
    const char *const bench_name = name; \
    const unsigned long bench_reps = n;  \
    uint64_t bench_run(unsigned long reps)

#define NOINLINE __attribute__((noinline))

/* Large arrays that start-up need not clear. */
#ifdef BARE
#define BIG __attribute__((section(".noinit,\"aw\",@nobits#")))
#else
#define BIG
#endif

static inline uint64_t mix64(uint64_t h, uint64_t v)
{
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    return h;
}

static inline uint64_t mixd(uint64_t h, double d)
{
    union {
        double d;
        uint64_t u;
    } x = { .d = d };

    return mix64(h, x.u);
}

static inline uint64_t mixf(uint64_t h, float f)
{
    union {
        float f;
        uint32_t u;
    } x = { .f = f };

    return mix64(h, x.u);
}

static inline uint32_t xorshift32(uint32_t *s)
{
    uint32_t x = *s;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *s = x;
}

static inline uint64_t xorshift64(uint64_t *s)
{
    uint64_t x = *s;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *s = x;
}

static inline double bench_sqrt(double x)
{
    return __builtin_sqrt(x);
}
#endif
