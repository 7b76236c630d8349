/*
 * sched_time.c - time of VMs that wait: what comes next, and letting it pass.
 *
 * VMs have clocks of their own.  So that in virtual time an idle VM is not left
 * behind while others run, it gets the time that the busiest of them used.
 * Lock: held (core/sched.h), given away round every call that may call the
 * host; the VM is pinned meanwhile.
 */
#include "core/sched.h"

#include "base/bits.h"

static int is_at_rest(const struct sched_vm *vm)
{
    return !vm->active && !vm->away && !vm->is_held && !vm->pinned_by;
}

static void pin(struct disco_sched *s, struct sched_vm *vm)
{
    vm->pinned_by = thread_id();
    sched_unlock(s);
}

static void unpin(struct disco_sched *s, struct sched_vm *vm)
{
    sched_lock(s);
    vm->pinned_by = 0;
}

/* The pinned VM lives `ns` more; no vCPU of it runs. */
static disco_status live_on(struct disco_sched *s, struct sched_vm *vm,
                            uint64_t ns)
{
    disco_status status;

    pin(s, vm);
    status = disco_vm_advance(vm->vm, disco_vm_time_ns(vm->vm) + ns);
    unpin(s, vm);
    return status;
}

/* Ageing looks at every VM: not too often when many are idle. */
static uint64_t age_after(const struct disco_sched *s, uint32_t resting)
{
    uint64_t most = 1 + resting / 16;
    uint32_t i;

    if (s->drivers >= 0)
        return max_u64(most, s->ready + s->runs);
    for (i = 0; i < s->cpus && s->crowded; i++)
        most = max_u64(most, s->cpu[i].ready);
    return most;
}

static void count_idle(struct disco_sched *s)
{
    uint64_t most = 0;
    uint32_t i;

    for (i = 0; i < s->cpus; i++)
        most = max_u64(most, s->cpu[i].busy - s->cpu[i].busy_before);
    for (i = 0; i < s->cpus; i++) {
        s->cpu[i].idle += most - (s->cpu[i].busy - s->cpu[i].busy_before);
        s->cpu[i].busy_before = s->cpu[i].busy;
    }
}

static uint64_t cycles_of(const struct sched_vm *vm)
{
    return load_relaxed(&vm->vm->clock.cycles);
}

static void age_virtual(struct disco_sched *s)
{
    uint64_t most = 0, passed;
    uint32_t resting = 0;
    struct sched_vm *vm;

    for (vm = s->vms; vm; vm = vm->next)
        most = max_u64(most, cycles_of(vm) - vm->seen);
    for (vm = s->vms; vm; vm = vm->next) {
        passed = cycles_of(vm) - vm->seen;
        if (is_at_rest(vm)) {
            resting++;
            if (passed < most)
                live_on(s, vm,
                        clock_cycles_to_ns(&vm->vm->clock, most - passed));
        }
        vm->seen = cycles_of(vm);
    }
    s->due_age = age_after(s, resting);
}

void time_age(struct disco_sched *s)
{
    count_idle(s);
    if (!s->machine->config.now_ns) {
        age_virtual(s);
        return;
    }
    /* The host's time passes by itself, but somebody has to notice. */
    time_poke(s);
    s->due_age = age_after(s, s->count);
}

/* Nanoseconds from now to the VM's next event. */
static uint64_t until_event(struct disco_sched *s, struct sched_vm *vm)
{
    uint64_t at = disco_vm_next_event_ns(vm->vm), now;

    if (at == CLOCK_NEVER)
        return at;
    if (!s->machine->config.now_ns) {
        now = disco_vm_time_ns(vm->vm);
    } else {
        pin(s, vm);
        now = disco_vm_time_ns(vm->vm);
        unpin(s, vm);
    }
    return at > now ? at - now : 0;
}

uint64_t time_next_ns(struct disco_sched *s)
{
    uint64_t first = CLOCK_NEVER;
    struct sched_vm *vm;

    for (vm = s->vms; vm; vm = vm->next)
        if (is_at_rest(vm))
            first = min_u64(first, until_event(s, vm));
    return first;
}

/* Running any of its vCPUs fires the VM's timers. */
static int poke(const struct sched_vm *vm)
{
    struct sched_entry *e, *any = NULL;

    for (e = vm->entries; e; e = e->sibling)
        if (e->state == SCHED_RESTS && !load_seq(&e->vcpu->is_parked) &&
            e->insns < e->limit_insns && !any)
            any = e;
    if (any)
        queue_put(any);
    return any != NULL;
}

int time_poke(struct disco_sched *s)
{
    struct sched_vm *vm;
    int some = 0;

    for (vm = s->vms; vm; vm = vm->next)
        if (is_at_rest(vm) && until_event(s, vm) == 0 && is_at_rest(vm))
            some |= poke(vm);
    return some;
}

uint64_t disco_sched_next_ns(disco_sched *sched)
{
    uint64_t ns = 0;

    if (!sched)
        return CLOCK_NEVER;
    sched_lock(sched);
    if (!sched->runs && !sched_count_work(sched))
        ns = time_next_ns(sched);
    sched_unlock(sched);
    return ns;
}

/* No vCPU starts before every VM has its time. */
static disco_status pass(struct disco_sched *s, uint64_t ns)
{
    disco_status status = 0;
    struct sched_vm *vm;
    uint32_t i;

    s->is_passing = 1;
    for (vm = s->vms; vm && !status; vm = vm->next)
        if (!vm->is_held && !vm->pinned_by)
            status = live_on(s, vm, ns);
    s->is_passing = 0;
    for (vm = s->vms; vm; vm = vm->next)
        vm->seen = cycles_of(vm);
    for (i = 0; i < s->cpus; i++)
        s->cpu[i].idle += scale_floor(ns, s->machine->config.cpu_hz, NS_PER_S);
    return status;
}

disco_status disco_sched_pass(disco_sched *sched, uint64_t ns)
{
    disco_status status;

    if (!sched)
        return DISCO_E_INVAL;
    sched_lock(sched);
    if (sched->runs)
        status = context_fail(&sched->machine->ctx, DISCO_E_BUSY, sched->runs,
                              "scheduler: time cannot pass while vCPUs run");
    else
        status = pass(sched, ns);
    sched_feed(sched);
    sched_unlock(sched);
    return status;
}
