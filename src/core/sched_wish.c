/*
 * sched_wish.c - what the host wants for a VM or a vCPU: weight, gang, pace,
 * CPUs, instruction limit; and keeping a VM off its CPUs for a while.
 * Lock: taken here (core/sched.h); memory is got and freed without it.
 */
#include "core/sched.h"

#include <string.h>

#include "base/config.h"

static uint64_t mask_bytes(const struct disco_sched *s)
{
    return (s->cpus + 63) / 64 * sizeof(uint64_t);
}

/* Bits of machine CPUs -> bits of the scheduler's.  No bit: NULL is not told
 * from no memory here; the caller looks at *has_one. */
static uint64_t *make_mask(struct disco_sched *s, const uint64_t *mask,
                           uint32_t words, int *has_one)
{
    uint64_t *own = alloc_zeroed(&s->machine->ctx.alloc, mask_bytes(s));
    uint32_t cpu, at;

    *has_one = 0;
    for (cpu = 0; own && cpu < s->cpus; cpu++) {
        at = s->first_cpu + cpu;
        if (at / 64 >= words || !(mask[at / 64] >> at % 64 & 1))
            continue;
        own[cpu / 64] |= (uint64_t)1 << cpu % 64;
        *has_one = 1;
    }
    return own;
}

static int has_any_cpu(const struct sched_entry *e)
{
    uint32_t cpu;

    for (cpu = 0; cpu < e->sched->cpus; cpu++)
        if (place_allows(e, cpu))
            return 1;
    return 0;
}

/* Queued on a CPU that is no longer allowed: go.  Others go when they come. */
static void obey(struct sched_entry *e)
{
    if (!place_allows(e, e->cpu) && e->state != SCHED_RUNS)
        queue_move(e, place_choose(e));
}

static disco_status no_entry(struct disco_sched *s)
{
    return context_fail(&s->machine->ctx, DISCO_E_NOENT, 0,
                        "scheduler: it has no such vCPU");
}

static disco_status no_cpu(struct disco_sched *s)
{
    return context_fail(&s->machine->ctx, DISCO_E_INVAL, 0,
                        "scheduler: the mask leaves a vCPU no CPU");
}

/* The lock is held.  *mask is taken, and set to what must be freed. */
static disco_status swap_vcpu_mask(struct disco_sched *s, disco_vcpu *vcpu,
                                   uint64_t **mask)
{
    struct sched_entry *e = sched_find(s, vcpu);
    uint64_t *old;

    if (!e)
        return DISCO_E_NOENT;
    old = e->mask;
    e->mask = *mask;
    if (!has_any_cpu(e)) {
        e->mask = old;
        return DISCO_E_INVAL;
    }
    *mask = old;
    obey(e);
    return 0;
}

disco_status disco_sched_set_cpus(disco_sched *sched, disco_vcpu *vcpu,
                                  const uint64_t *mask, uint32_t words)
{
    uint64_t *own = NULL;
    disco_status status;
    int has_one = 1;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    if (mask) {
        own = make_mask(sched, mask, words, &has_one);
        if (!own)
            return context_fail(&sched->machine->ctx, DISCO_E_NOMEM, 0,
                                "scheduler: no host memory");
    }
    sched_lock(sched);
    status = swap_vcpu_mask(sched, vcpu, &own);
    sched_feed(sched);
    sched_unlock(sched);
    alloc_free(&sched->machine->ctx.alloc, own, mask_bytes(sched));
    if (status == DISCO_E_NOENT)
        return no_entry(sched);
    return status ? no_cpu(sched) : 0;
}

disco_status disco_sched_pin(disco_sched *sched, disco_vcpu *vcpu, uint32_t cpu)
{
    uint64_t mask[TOPOLOGY_CPUS_MAX / 64] = { 0 };

    if (!sched)
        return DISCO_E_INVAL;
    if (cpu / 64 >= sizeof(mask) / sizeof(mask[0]))
        return no_cpu(sched);
    mask[cpu / 64] = (uint64_t)1 << cpu % 64;
    return disco_sched_set_cpus(sched, vcpu, mask, cpu / 64 + 1);
}

static struct sched_vm *vm_of(const struct disco_sched *s,
                              const struct disco_vm *vm)
{
    struct sched_vm *v;

    for (v = s->vms; v && v->vm != vm; v = v->next)
        ;
    return v;
}

/* As swap_vcpu_mask, with the rest of the wishes. */
static disco_status swap_vm(struct disco_sched *s, disco_vm *vm,
                            const disco_sched_vm_config *c, uint64_t **mask)
{
    struct sched_vm *v = vm_of(s, vm);
    uint32_t is_gang = (c->flags & DISCO_SCHED_GANG) != 0;
    struct sched_entry *e;
    uint64_t *old;

    if (!v)
        return DISCO_E_NOENT;
    old = v->mask;
    v->mask = *mask;
    for (e = v->entries; e; e = e->sibling) {
        if (!has_any_cpu(e)) {
            v->mask = old;
            return DISCO_E_INVAL;
        }
    }
    *mask = old;
    v->weight = c->weight ? c->weight : WEIGHT_DEFAULT;
    v->skew_insns = c->skew_insns;
    s->gangs += is_gang;
    s->gangs -= v->is_gang;
    v->is_gang = is_gang;
    for (e = v->entries; e; e = e->sibling) {
        e->is_boosted = 0;
        obey(e);
    }
    return 0;
}

disco_status disco_sched_set_vm(disco_sched *sched, disco_vm *vm,
                                const disco_sched_vm_config *config)
{
    disco_sched_vm_config c;
    uint64_t *own = NULL;
    disco_status status;
    int has_one;

    if (!sched || !vm)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    if (!status &&
        ((c.flags & ~(uint32_t)DISCO_SCHED_GANG) || c.weight > WEIGHT_MAX))
        status = DISCO_E_INVAL;
    if (status)
        return context_fail(&sched->machine->ctx, status, c.weight,
                            "scheduler: VM flags 0x%x, weight %u", c.flags,
                            c.weight);
    if (c.cpu_mask) {
        own = make_mask(sched, c.cpu_mask, c.cpu_words, &has_one);
        if (!own)
            return context_fail(&sched->machine->ctx, DISCO_E_NOMEM, 0,
                                "scheduler: no host memory");
    }
    sched_lock(sched);
    status = swap_vm(sched, vm, &c, &own);
    sched_feed(sched);
    sched_unlock(sched);
    alloc_free(&sched->machine->ctx.alloc, own, mask_bytes(sched));
    if (status == DISCO_E_NOENT)
        return no_entry(sched);
    return status ? no_cpu(sched) : 0;
}

disco_status disco_sched_set_limit(disco_sched *sched, disco_vcpu *vcpu,
                                   uint64_t insns)
{
    struct sched_entry *e;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    sched_lock(sched);
    e = sched_find(sched, vcpu);
    if (e) {
        e->limit_insns = insns;
        /* One that is idle finds out by itself. */
        if (e->state == SCHED_RESTS && e->insns < insns)
            queue_put(e);
        sched_feed(sched);
    }
    sched_unlock(sched);
    return e ? 0 : no_entry(sched);
}

static int runs_here(const struct sched_vm *vm)
{
    const struct sched_entry *e;

    for (e = vm->entries; e; e = e->sibling)
        if (e->state == SCHED_RUNS && e->thread == thread_id())
            return 1;
    return 0;
}

/*
 * Slices under way end soon, in queues or with their host threads.  Who finds
 * that the VM was let run again meanwhile is too late, whatever he sees.
 */
static disco_status hold(struct disco_sched *s, disco_vcpu *vcpu)
{
    struct sched_entry *e = sched_find_unpinned(s, vcpu);
    unsigned spins = 0;
    uint64_t releases;

    if (!e)
        return sched_find(s, vcpu) ? DISCO_E_BUSY : DISCO_E_NOENT;
    e->vm->is_held = 1;
    releases = e->vm->releases;
    if (e->state == SCHED_AWAY)
        queue_put(e);
    while (e && e->vm->releases == releases && e->vm->runs &&
           !runs_here(e->vm)) {
        sched_unlock(s);
        wait_step(&spins);
        sched_lock(s);
        e = sched_find(s, vcpu);
    }
    if (!e)
        return DISCO_E_NOENT;
    if (e->vm->releases != releases || e->vm->runs || e->vm->away ||
        e->vm->is_taken)
        return DISCO_E_BUSY;
    e->vm->is_taken = 1;
    return 0;
}

disco_status disco_sched_hold(disco_sched *sched, disco_vcpu *vcpu)
{
    disco_status status;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    sched_lock(sched);
    status = hold(sched, vcpu);
    sched_unlock(sched);
    if (status == DISCO_E_BUSY)
        return context_fail(&sched->machine->ctx, status, vcpu->index,
                            "scheduler: vCPUs of VM %s are still in use",
                            vcpu->vm->name);
    return status ? no_entry(sched) : 0;
}

disco_status disco_sched_release(disco_sched *sched, disco_vcpu *vcpu)
{
    struct sched_entry *e;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    sched_lock(sched);
    e = sched_find(sched, vcpu);
    if (e) {
        e->vm->is_held = e->vm->is_taken = 0;
        e->vm->releases++;
        if (e->state == SCHED_AWAY)
            queue_put(e);
        sched_feed(sched);
    }
    sched_unlock(sched);
    return e ? 0 : no_entry(sched);
}
