/*
 * clock.c - see clock.h.
 */
#include "core/clock.h"

#include "core/vm.h"

void clock_init(struct clock *c, uint64_t hz, uint64_t (*now_ns)(void *),
                void *opaque)
{
    c->cycles = 0;
    c->hz = hz;
    c->now_ns = now_ns;
    c->opaque = opaque;
    c->base_ns = now_ns ? now_ns(opaque) : 0;
    c->is_serial = 0;
}

uint64_t clock_now(struct clock *c)
{
    uint64_t ns;

    if (!c->now_ns)
        return load_relaxed(&c->cycles);
    ns = c->now_ns(c->opaque) - c->base_ns;
    return clock_raise(c, scale_floor(ns, c->hz, NS_PER_S));
}

uint64_t disco_vm_time_ns(const disco_vm *vm)
{
    struct clock *c;

    if (!vm)
        return 0;
    c = &((struct disco_vm *)(uintptr_t)vm)->clock;
    return clock_cycles_to_ns(c, clock_now(c));
}
