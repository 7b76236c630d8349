/*
 * idle.c - vCPUs that wait for an interrupt, and telling the host when one has
 * something to do.
 *
 * Going idle and raising a line race.  The vCPU: is_idle = 1, look at the
 * lines.  The raiser: change the line, request |= IRQ, look at is_idle.  Who
 * raises while the vCPU is still inside run leaves the look to its thread,
 * which finds IRQ set when it lets go (run.c).
 */
#include "core/sched.h"

void wake_host(struct disco_vcpu *v)
{
    const disco_machine_config *c = &v->machine->config;

    sched_wake(v);
    if (c->wake)
        c->wake(c->wake_opaque, v);
}

/* Own time catches up with the VM's while the vCPU waits. */
static int has_reason(struct disco_vcpu *v, uint64_t now)
{
    v->ops->set_cycles(v->state, now);
    return v->ops->pending(v->state) != 0;
}

static void lower_idle_next(struct disco_vm *vm, uint64_t cycles)
{
    uint64_t next = load_relaxed(&vm->idle_next);

    while (cycles < next)
        if (cas_seq(&vm->idle_next, &next, cycles))
            return;
}

int idle_check(struct disco_vcpu *v)
{
    store_relaxed(&v->is_woken, 0);
    store_seq(&v->is_idle, 1);
    and_seq(&v->shoot.request, ~(uint32_t)DISCO_REQ_IRQ);
    if (has_reason(v, clock_now(&v->vm->clock))) {
        or_seq(&v->shoot.request, DISCO_REQ_IRQ); /* the backend looks too */
        store_seq(&v->is_idle, 0);
        store_relaxed(&v->wake_cycles, CLOCK_NEVER);
        return IDLE_GO;
    }
    store_relaxed(&v->wake_cycles, v->ops->next_timer_cycles(v->state));
    lower_idle_next(v->vm, load_relaxed(&v->wake_cycles));
    return IDLE_STAY;
}

void idle_wake(struct disco_vcpu *v)
{
    uint64_t owner;
    unsigned spins = 0;
    int has;

    for (;;) {
        if (!load_seq(&v->is_idle))
            return;
        owner = OWNER_FREE;
        if (cas_seq(&v->owner, &owner, OWNER_HELD))
            break;
        if (owner != OWNER_HELD)
            return; /* its thread looks when it lets go */
        wait_step(&spins);
    }
    has = load_seq(&v->is_idle) && has_reason(v, clock_now(&v->vm->clock));
    vcpu_release(v, 1);
    if (has && !exchange_seq(&v->is_woken, 1))
        wake_host(v);
}

void idle_clock(struct disco_vm *vm, uint64_t now)
{
    uint64_t next = CLOCK_NEVER, wake;
    struct disco_vcpu *v;
    uint32_t i;

    if (likely(now < load_relaxed(&vm->idle_next)))
        return;
    store_seq(&vm->idle_next, CLOCK_NEVER);
    for (i = 0; i < load_acquire(&vm->vcpu_count); i++) {
        v = load_acquire(&vm->vcpu[i]);
        if (!v || !load_seq(&v->is_idle))
            continue;
        wake = load_relaxed(&v->wake_cycles);
        if (wake <= now)
            idle_wake(v);
        else if (wake < next)
            next = wake;
    }
    lower_idle_next(vm, next);
}

disco_status disco_vcpu_idle(disco_vcpu *vcpu)
{
    if (!vcpu)
        return DISCO_E_INVAL;
    if (!load_relaxed(&vcpu->in_callback) ||
        load_relaxed(&vcpu->owner) != thread_id())
        return vm_fail(vcpu->vm, DISCO_E_STATE, vcpu->index,
                       "VM %s, vCPU %u: idle outside of its device callback",
                       vcpu->vm->name, vcpu->index);
    or_seq(&vcpu->shoot.request, DISCO_REQ_IDLE);
    return 0;
}

int32_t disco_vcpu_runnable(disco_vcpu *vcpu)
{
    int32_t has = 1;
    int held;

    if (!vcpu)
        return 0;
    if (load_relaxed(&vcpu->vm->stop))
        return 0;
    if (load_relaxed(&vcpu->is_parked))
        return 0;
    if (!load_relaxed(&vcpu->is_idle))
        return 1;
    if (vcpu_hold(vcpu, &held))
        return 1; /* it runs */
    if (held)
        has = has_reason(vcpu, clock_now(&vcpu->vm->clock));
    vcpu_release(vcpu, held);
    return has;
}
