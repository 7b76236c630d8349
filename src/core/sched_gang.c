/*
 * sched_gang.c - VMs whose vCPUs run together.
 *
 * In rounds: a gang is in when on each CPU of its queued vCPUs nobody else is
 * further behind than the gang; then all of them run in this round, else none.
 * Whoever is furthest behind of all is always in, so nobody starves.  Without
 * rounds the first vCPU that starts calls the others, who go first on their
 * CPUs.  Lock: held (core/sched.h).
 */
#include "core/sched.h"

static void find_keys(struct disco_sched *s)
{
    struct sched_entry *e;
    struct sched_vm *vm;
    int has_key;

    for (vm = s->vms; vm; vm = vm->next) {
        if (!vm->is_gang)
            continue;
        has_key = 0;
        for (e = vm->entries; e; e = e->sibling) {
            e->is_boosted = 0;
            if (e->state != SCHED_READY)
                continue;
            if (!has_key || is_before(e->vtime, vm->key))
                vm->key = e->vtime;
            has_key = 1;
        }
    }
}

/* Is the VM of `o`, which comes before or after `vm` in the list, first? */
static int is_ahead(const struct sched_vm *vm, const struct sched_entry *o)
{
    const struct sched_vm *v;

    if (!o->vm->is_gang)
        return is_before(o->vtime, vm->key);
    if (o->vm->key != vm->key)
        return is_before(o->vm->key, vm->key);
    for (v = vm; v; v = v->next)
        if (v == o->vm)
            return 0;
    return 1;
}

/* May the gang have the CPU of e? */
static int has_cpu(const struct disco_sched *s, const struct sched_entry *e)
{
    const struct sched_entry *o;

    for (o = s->cpu[e->cpu].head; o; o = o->next)
        if (o->vm != e->vm && queue_may_start(o) && is_ahead(e->vm, o))
            return 0;
    return 1;
}

static int has_all(const struct disco_sched *s, const struct sched_vm *vm)
{
    const struct sched_entry *e;

    for (e = vm->entries; e; e = e->sibling)
        if (e->state == SCHED_READY && !has_cpu(s, e))
            return 0;
    return 1;
}

/* With more vCPUs than CPUs, one per CPU. */
static void boost(const struct disco_sched *s, struct sched_vm *vm)
{
    struct sched_entry *e, *o;

    for (e = vm->entries; e; e = e->sibling) {
        if (e->state != SCHED_READY)
            continue;
        for (o = s->cpu[e->cpu].head; o && o->vm != vm; o = o->next)
            ;
        e->is_boosted = o == e;
    }
}

void gang_plan(struct disco_sched *s)
{
    struct sched_vm *vm;

    s->is_planned = 0;
    if (!s->gangs)
        return;
    find_keys(s);
    for (vm = s->vms; vm; vm = vm->next)
        if (vm->is_gang && has_all(s, vm))
            boost(s, vm);
    s->is_planned = 1;
}

void gang_call(struct sched_entry *e)
{
    struct sched_entry *o;

    if (e->sched->is_planned || !e->vm->is_gang)
        return;
    for (o = e->vm->entries; o; o = o->sibling)
        if (o->state == SCHED_READY)
            o->is_boosted = 1;
}
