/*
 * run.c - run a slice of a vCPU: take it, its machine CPU and a place in its
 * VM; then backend calls until a limit or a reason to tell the host.
 *
 * RUNNING only inside ops->run; PARKED in everything else here.
 */
#include "core/placement.h"

#include <string.h>

#include "base/bits.h"
#include "base/config.h"

/* With a host clock a slice is at most this long, so that time is looked at. */
enum { HOST_CLOCK_SLICE = 20000 };

struct limits {
    uint64_t insns;        /* left; UINT64_MAX: none */
    uint64_t until_cycles; /* own time */
    uint64_t start_insns;
};

static disco_status busy(struct disco_vcpu *v, const char *what)
{
    disco_status status = DISCO_E_BUSY;

    if (machine_is_inside(v->machine)) {
        status = DISCO_E_REENTRANT;
        what = "run inside a callback";
    }
    return vm_fail(v->vm, status, v->index, "VM %s, vCPU %u: %s", v->vm->name,
                   v->index, what);
}

/* One more in *count, unless it is -1 (exclusive) or at the limit. */
static int count_in(int32_t *count, uint32_t limit, int32_t *before)
{
    int32_t n = load_relaxed(count);

    do {
        *before = n;
        if (n < 0 || (limit && (uint32_t)n >= limit))
            return 0;
    } while (!cas_seq(count, &n, n + 1));
    return 1;
}

/* The same for the machine; walks that the library makes are waited for. */
static int count_in_machine(struct disco_machine *m, int32_t *before)
{
    unsigned spins = 0;

    while (!count_in(&m->running, machine_is_serial(m), before)) {
        if (*before >= 0 || !(m->config.flags & DISCO_MACHINE_VERIFY))
            return 0;
        wait_step(&spins);
    }
    return 1;
}

static int own(struct disco_vcpu *v, uint64_t self)
{
    uint64_t owner = OWNER_FREE;
    unsigned spins = 0;

    while (!cas_seq(&v->owner, &owner, self)) {
        if (owner != OWNER_HELD)
            return 0;
        owner = OWNER_FREE;
        wait_step(&spins);
    }
    return 1;
}

static disco_status enter(struct disco_vcpu *v, uint32_t cpu)
{
    struct disco_machine *m = v->machine;
    uint64_t self = thread_id(), nobody = CPU_FREE;
    int32_t before = 0;

    if (!own(v, self))
        return busy(v, "it runs already");
    if (!count_in_machine(m, &before)) {
        store_seq(&v->owner, OWNER_FREE);
        return busy(v, "another vCPU runs on the deterministic or modelled "
                       "machine, or the machine is being verified");
    }
    if (before && m->model) { /* it came after we looked */
        sub_seq(&m->running, 1);
        store_seq(&v->owner, OWNER_FREE);
        return busy(v, "another vCPU runs on the modelled machine");
    }
    if (before && machine_is_inside(m)) {
        sub_seq(&m->running, 1);
        store_seq(&v->owner, OWNER_FREE);
        return busy(v, "run inside a callback");
    }
    if (!cas_seq(&m->cpu[cpu].thread, &nobody, self)) {
        sub_seq(&m->running, 1);
        store_seq(&v->owner, OWNER_FREE);
        return busy(v, "the machine CPU runs another vCPU");
    }
    if (!count_in(&v->vm->runners, v->vm->threads, &before)) {
        store_release(&m->cpu[cpu].thread, CPU_FREE);
        sub_seq(&m->running, 1);
        store_seq(&v->owner, OWNER_FREE);
        return busy(v, before < 0 ? "the VM is being changed"
                                  : "the VM's thread limit is reached");
    }
    return 0;
}

static void leave(struct disco_vcpu *v, uint32_t cpu)
{
    struct disco_machine *m = v->machine;

    sub_seq(&v->vm->runners, 1);
    store_release(&m->cpu[cpu].thread, CPU_FREE);
    sub_seq(&m->running, 1);
    store_seq(&v->owner, OWNER_FREE);
    /* Who raised a line meanwhile saw us as the owner and left this to us. */
    if (unlikely(load_relaxed(&v->is_idle)) &&
        (load_seq(&v->shoot.request) & DISCO_REQ_IRQ))
        idle_wake(v);
}

static uint64_t reg(struct disco_vcpu *v, uint64_t id)
{
    uint64_t value = 0;

    v->ops->get_reg(v->state, id, &value);
    return value;
}

static uint64_t insns_left(struct disco_vcpu *v, const struct limits *l)
{
    uint64_t ran;

    if (l->insns == UINT64_MAX)
        return UINT64_MAX;
    ran = reg(v, DISCO_REG_INSNS) - l->start_insns;
    return ran < l->insns ? l->insns - ran : 0;
}

/* Requests that end the run before it goes on: their reason, or 0. */
static uint32_t reason_to_leave(struct disco_vcpu *v)
{
    uint32_t request = load_seq(&v->shoot.request);
    uint32_t stop;

    if (likely(!(request & ~(uint32_t)(DISCO_REQ_INVALIDATE | DISCO_REQ_IRQ))))
        return 0;
    stop = load_acquire(&v->vm->stop);
    if ((request & DISCO_REQ_STOP) && stop)
        return stop;
    if (request & DISCO_REQ_KICK) {
        and_seq(&v->shoot.request, ~(uint32_t)DISCO_REQ_KICK);
        return DISCO_EXIT_KICK;
    }
    if (request & DISCO_REQ_TIMER)
        and_seq(&v->shoot.request, ~(uint32_t)DISCO_REQ_TIMER);
    if (request & DISCO_REQ_IDLE) {
        and_seq(&v->shoot.request, ~(uint32_t)DISCO_REQ_IDLE);
        store_seq(&v->is_idle, 1);
    }
    if (request & DISCO_REQ_YIELD) {
        and_seq(&v->shoot.request, ~(uint32_t)DISCO_REQ_YIELD);
        return DISCO_EXIT_YIELD;
    }
    return 0;
}

/* Limits of the next backend call, or BUDGET. */
static uint32_t plan(struct disco_vcpu *v, const struct limits *l,
                     disco_backend_run *r)
{
    struct disco_vm *vm = v->vm;
    uint64_t own_cycles = v->ops->cycles(v->state), next, now;

    r->reason = 0;
    r->status = 0;
    r->max_insns = insns_left(v, l);
    if (!r->max_insns || own_cycles >= l->until_cycles)
        return DISCO_EXIT_BUDGET;
    next =
        min_u64(load_relaxed(&vm->timers.next), load_relaxed(&vm->idle_next));
    if (likely(!vm->clock.now_ns)) {
        if (unlikely(v->is_sampled))
            next = min_u64(next, v->age_cycles);
        r->until_cycles =
            max_u64(own_cycles + 1, min_u64(l->until_cycles, next));
        return 0;
    }
    /* Own time runs ahead of or behind the host's: count from here. */
    now = clock_now(&vm->clock);
    next = min_u64(next, l->until_cycles);
    next = next > now ? min_u64(next - now, HOST_CLOCK_SLICE) : 1;
    r->until_cycles = own_cycles + next;
    return 0;
}

/* What is to be done between two backend calls; a reason, or 0 to go on. */
static uint32_t before_slice(struct disco_vcpu *v, const struct limits *l,
                             disco_backend_run *r)
{
    struct disco_vm *vm = v->vm;
    uint64_t now = clock_now(&vm->clock);
    uint32_t reason;

    if (unlikely(now >= load_relaxed(&vm->timers.next)))
        timers_fire(vm, now);
    if (unlikely(v->is_sampled))
        sampling_age(v);
    reason = reason_to_leave(v);
    if (reason)
        return reason;
    idle_clock(vm, now);
    if (unlikely(load_relaxed(&v->is_idle)) && idle_check(v) == IDLE_STAY)
        return DISCO_EXIT_IDLE;
    if (vm->clock.now_ns && now >= l->until_cycles)
        return DISCO_EXIT_BUDGET;
    return plan(v, l, r);
}

/* What the backend left for: a reason for the host, or 0 to go on. */
static uint32_t after_slice(struct disco_vcpu *v, const disco_backend_run *r)
{
    clock_reached(&v->vm->clock, v->ops->cycles(v->state));
    switch (r->reason) {
    case DISCO_EXIT_BUDGET:
    case DISCO_EXIT_KICK:
        return 0;
    case DISCO_EXIT_SHUTDOWN:
    case DISCO_EXIT_RESET:
        return load_acquire(&v->vm->stop) ? 0 : r->reason;
    case DISCO_EXIT_IDLE:
        count_up(&v->counts.idles, 1);
        store_seq(&v->is_idle, 1);
        return 0;
    default:
        return r->reason;
    }
}

static void run_backend(struct disco_vcpu *v, disco_backend_run *r)
{
    if (likely(!v->machine->model)) {
        v->ops->run(v->state, r);
        return;
    }
    modelled_begin(v);
    v->ops->run(v->state, r);
    modelled_end(v);
}

static uint32_t run_slices(struct disco_vcpu *v, const struct limits *l,
                           disco_backend_run *r)
{
    uint64_t start;
    uint32_t reason;

    for (;;) {
        reason = before_slice(v, l, r);
        if (reason)
            return reason;
        shoot_unpark(&v->shoot);
        if (unlikely(load_relaxed(&v->shoot.request) & DISCO_REQ_INVALIDATE))
            shoot_serve(&v->shoot);
        start = v->ops->cycles(v->state);
        run_backend(v, r);
        shoot_park(&v->shoot);
        v->ran_cycles += v->ops->cycles(v->state) - start;
        reason = after_slice(v, r);
        if (reason)
            return reason;
    }
}

/* The part of the exit that depends on the reason. */
static void fill_reason(struct disco_vcpu *v, const disco_backend_run *r,
                        disco_exit *e)
{
    switch (e->reason) {
    case DISCO_EXIT_IDLE:
        e->u.idle.until_ns =
            clock_deadline_ns(&v->vm->clock, load_relaxed(&v->wake_cycles));
        break;
    case DISCO_EXIT_MMIO:
        e->u.mmio = v->asked.mmio;
        break;
    case DISCO_EXIT_HYPERCALL:
        e->u.hypercall = v->asked.hypercall;
        break;
    case DISCO_EXIT_WATCH:
        e->u.watch.gpa = r->watch_gpa;
        e->u.watch.bytes = r->watch_bytes;
        e->u.watch.access = r->watch_access;
        break;
    case DISCO_EXIT_SHUTDOWN:
        e->u.shutdown.code = load_relaxed(&v->vm->stop_code);
        break;
    case DISCO_EXIT_CALLBACK:
        e->u.callback.status = v->failed.status ? v->failed.status : r->status;
        e->u.callback.write = v->failed.write;
        e->u.callback.gpa = v->failed.gpa;
        break;
    default:
        break;
    }
}

static void fill_exit(struct disco_vcpu *v, const struct limits *l,
                      const disco_backend_run *r, uint32_t reason,
                      disco_exit *exit)
{
    disco_exit copy, *e = exit;

    /* The usual size needs no copy. */
    if (unlikely(exit->size != sizeof(*exit)))
        e = &copy;
    memset((char *)e + sizeof(e->size), 0, sizeof(*e) - sizeof(e->size));
    e->reason = reason;
    e->pc = reg(v, DISCO_REG_PC);
    e->delay_slot = (uint32_t)reg(v, DISCO_REG_DELAY);
    e->insns = reg(v, DISCO_REG_INSNS);
    e->ran_insns = e->insns - l->start_insns;
    e->time_ns =
        clock_cycles_to_ns(&v->vm->clock, load_relaxed(&v->vm->clock.cycles));
    fill_reason(v, r, e);
    count_up(&v->counts.exits[reason & 15], 1);
    if (e == &copy)
        config_give(exit, &copy, sizeof(copy));
}

static disco_status take_limits(struct disco_vcpu *v, const disco_run *run,
                                struct limits *l)
{
    disco_run copy;
    disco_status status;

    l->insns = UINT64_MAX;
    l->until_cycles = CLOCK_NEVER;
    if (!run)
        return 0;
    if (unlikely(run->size != sizeof(*run))) {
        status = config_copy(&copy, sizeof(copy), run);
        if (status)
            return vm_fail(v->vm, status, 0,
                           "VM %s: run limits of size %u are not supported",
                           v->vm->name, run->size);
        run = &copy;
    }
    if (run->flags)
        return vm_fail(v->vm, DISCO_E_INVAL, run->flags,
                       "VM %s: unknown run flags 0x%x", v->vm->name,
                       run->flags);
    if (run->max_insns)
        l->insns = run->max_insns;
    if (run->until_ns)
        l->until_cycles = clock_ns_to_cycles(&v->vm->clock, run->until_ns);
    return 0;
}

/* Translations may lead to copies near the old node. */
static void go_to_node(struct disco_vcpu *v, uint32_t node)
{
    if (unlikely(node != v->node) &&
        load_relaxed(&v->machine->mem.frames.replicas))
        v->ops->invalidate(v->state, DISCO_DROP_ALL, NULL, 0);
    v->node = node;
}

static disco_status run_owned(struct disco_vcpu *v, uint32_t cpu,
                              struct limits *l, disco_exit *exit)
{
    disco_backend_run r = { 0 };
    disco_status status;
    uint32_t reason;

    if (v->pending)
        return vm_fail(v->vm, DISCO_E_STATE, v->index,
                       "VM %s, vCPU %u: run before the last %s exit was "
                       "completed",
                       v->vm->name, v->index,
                       v->pending == PENDING_MMIO ? "MMIO" : "HYPERCALL");
    status = modelled_attach(v, cpu);
    if (status)
        return status;
    store_relaxed(&v->cpu, cpu);
    go_to_node(v, topology_cpu_node(&v->machine->topology, cpu));
    v->failed.status = 0;
    v->ran_cycles = 0;
    l->start_insns = reg(v, DISCO_REG_INSNS);
    if (load_seq(&v->is_parked)) {
        reason = load_acquire(&v->vm->stop);
        if (!reason)
            reason = DISCO_EXIT_PARKED;
    } else {
        sampling_begin(v);
        reason = run_slices(v, l, &r);
        sampling_end(v);
    }
    fill_exit(v, l, &r, reason, exit);
    return 0;
}

disco_status disco_vcpu_run(disco_vcpu *vcpu, uint32_t cpu,
                            const disco_run *run, disco_exit *exit)
{
    disco_status status;
    struct limits l;

    if (!vcpu || !exit)
        return DISCO_E_INVAL;
    if (exit->size < 8 || cpu >= topology_cpus(&vcpu->machine->topology))
        return vm_fail(vcpu->vm, DISCO_E_INVAL, cpu,
                       "VM %s, vCPU %u: run on CPU %u of %u, exit size %u",
                       vcpu->vm->name, vcpu->index, cpu,
                       topology_cpus(&vcpu->machine->topology), exit->size);
    status = take_limits(vcpu, run, &l);
    if (status)
        return status;
    status = enter(vcpu, cpu);
    if (status)
        return status;
    status = run_owned(vcpu, cpu, &l, exit);
    leave(vcpu, cpu);
    return machine_checked(vcpu->machine, status);
}

disco_status disco_vcpu_complete(disco_vcpu *vcpu, disco_status status,
                                 uint64_t value)
{
    disco_status held_status;
    int held;

    if (!vcpu)
        return DISCO_E_INVAL;
    held_status = vcpu_hold_for(vcpu, "completing", &held);
    if (held_status)
        return held_status;
    if (!vcpu->pending || !held) {
        vcpu_release(vcpu, held);
        return vm_fail(vcpu->vm, DISCO_E_STATE, vcpu->index,
                       "VM %s, vCPU %u: nothing to complete", vcpu->vm->name,
                       vcpu->index);
    }
    if (vcpu->pending == PENDING_MMIO) {
        value &= bits_mask(8 * vcpu->asked.mmio.bytes);
        if (vcpu->asked_swap)
            value = swap_bytes(value, vcpu->asked.mmio.bytes);
    }
    vcpu->pending = PENDING_NONE;
    vcpu->ops->complete(vcpu->state, status, value);
    vcpu_release(vcpu, held);
    return 0;
}
