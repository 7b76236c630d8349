/*
 * clock.h - a VM's one clock, in cycles of its vCPUs.
 *
 * Virtual: the largest time any vCPU of the VM was told or reached.  Host: the
 * embedder's nanoseconds scaled to cycles, never going back.  Nobody but these
 * functions touches vm->clock.  Thread: any.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <disco/vm.h>

#include "base/bits.h"
#include "base/compiler.h"

enum { NS_PER_S = 1000000000 };
#define CLOCK_NEVER UINT64_MAX

struct clock {
    uint64_t cycles; /* atomic; what was told last */
    uint64_t hz;
    uint64_t base_ns;
    uint64_t (*now_ns)(void *opaque); /* NULL: virtual */
    void *opaque;
    int is_serial; /* one runner at a time: plain updates do */
};

static inline uint64_t clock_cycles_to_ns(const struct clock *c,
                                          uint64_t cycles)
{
    return scale_floor(cycles, NS_PER_S, c->hz);
}

/* First cycle at which the clock shows at least `ns`. */
static inline uint64_t clock_ns_to_cycles(const struct clock *c, uint64_t ns)
{
    return ns == CLOCK_NEVER ? CLOCK_NEVER : scale_ceil(ns, c->hz, NS_PER_S);
}

/* Earliest ns that is not before `cycles`. */
static inline uint64_t clock_deadline_ns(const struct clock *c, uint64_t cycles)
{
    return cycles == CLOCK_NEVER ? CLOCK_NEVER
                                 : scale_ceil(cycles, NS_PER_S, c->hz);
}

void clock_init(struct clock *c, uint64_t hz, uint64_t (*now_ns)(void *),
                void *opaque);

/* The clock becomes at least `cycles`; returns what it is then. */
static inline uint64_t clock_raise(struct clock *c, uint64_t cycles)
{
    uint64_t now = load_relaxed(&c->cycles);

    if (c->is_serial) {
        if (cycles <= now)
            return now;
        store_relaxed(&c->cycles, cycles);
        return cycles;
    }
    while (cycles > now)
        if (cas_seq(&c->cycles, &now, cycles))
            return cycles;
    return now;
}

/* Present time. */
uint64_t clock_now(struct clock *c);

/* A vCPU reached `cycles` by itself: counts in virtual time only. */
static inline void clock_reached(struct clock *c, uint64_t cycles)
{
    if (likely(!c->now_ns))
        clock_raise(c, cycles);
}

#endif
