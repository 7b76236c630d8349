/*
 * advance.c - virtual time that passes while nothing runs, and what comes next.
 */
#include "core/vcpu.h"

#include "base/bits.h"

/* Go from deadline to deadline, so that each timer sees its own time. */
static void pass(struct disco_vm *vm, uint64_t target)
{
    uint64_t next, now = clock_now(&vm->clock);

    while ((next = load_relaxed(&vm->timers.next)) <= target) {
        now = clock_raise(&vm->clock, next);
        timers_fire(vm, now);
        if (load_relaxed(&vm->timers.next) > now)
            continue;
        if (now >= target)
            break; /* re-armed for the past: the next run has it */
        clock_raise(&vm->clock, now + 1);
    }
    clock_raise(&vm->clock, target);
    idle_clock(vm, clock_now(&vm->clock));
}

disco_status disco_vm_advance(disco_vm *vm, uint64_t ns)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    if (vm->clock.now_ns)
        return vm_fail(vm, DISCO_E_STATE, ns,
                       "VM %s: advance, but its time is the host's", vm->name);
    if (ns == CLOCK_NEVER)
        return vm_fail(vm, DISCO_E_INVAL, ns, "VM %s: advance to the end",
                       vm->name);
    status = vm_exclusive_begin(vm, "advancing time");
    if (status)
        return status;
    pass(vm, clock_ns_to_cycles(&vm->clock, ns));
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, 0);
}

uint64_t disco_vm_next_event_ns(const disco_vm *vm)
{
    struct disco_vm *m = (struct disco_vm *)(uintptr_t)vm;
    struct disco_vcpu *v;
    uint64_t next;
    uint32_t i;

    if (!m)
        return CLOCK_NEVER;
    next = load_relaxed(&m->timers.next);
    for (i = 0; i < load_acquire(&m->vcpu_count); i++) {
        v = load_acquire(&m->vcpu[i]);
        if (v && load_seq(&v->is_idle))
            next = min_u64(next, load_relaxed(&v->wake_cycles));
    }
    return clock_deadline_ns(&m->clock, next);
}
