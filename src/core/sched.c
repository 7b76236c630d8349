/*
 * sched.c - the scheduler as an object: who is in it, and what its host wishes.
 * Where vCPUs run and when is in sched_*.c.  Lock: core/sched.h.
 */
#include "core/sched.h"

#include <string.h>

#include "base/bits.h"
#include "base/config.h"

enum {
    QUANTUM_DEFAULT = 20000,
    BALANCE_ROUNDS_DEFAULT = 16,
    BALANCE_MOVES_DEFAULT = 16
};

/* --- Creation ----------------------------------------------------------- */

static void find_nodes(struct disco_sched *s)
{
    uint32_t cpu, node;

    for (cpu = 0; cpu < s->cpus; cpu++) {
        node = topology_cpu_node(&s->machine->topology, s->first_cpu + cpu);
        s->cpu[cpu].node = node;
        s->node_first[node + 1] = cpu + 1;
    }
    for (node = 0; node < s->nodes; node++) {
        s->node_first[node + 1] =
            (uint32_t)max_u64(s->node_first[node + 1], s->node_first[node]);
    }
}

static void free_all(struct disco_sched *s)
{
    struct alloc *a = &s->machine->ctx.alloc;

    alloc_free(a, s->node_first, (s->nodes + 1) * sizeof(*s->node_first));
    alloc_free(a, s->cpu, s->cpus * sizeof(*s->cpu));
    alloc_free(a, s, sizeof(*s));
}

static struct disco_sched *make(struct disco_machine *m,
                                const disco_sched_config *c)
{
    struct alloc *a = &m->ctx.alloc;
    struct disco_sched *s = alloc_zeroed(a, sizeof(*s));

    if (!s)
        return NULL;
    s->machine = m;
    s->flags = c->flags;
    s->quantum = c->quantum_insns ? c->quantum_insns : QUANTUM_DEFAULT;
    s->first_cpu = c->first_cpu;
    s->cpus = c->cpus ? c->cpus : topology_cpus(&m->topology) - c->first_cpu;
    s->balance_rounds =
        c->balance_rounds ? c->balance_rounds : BALANCE_ROUNDS_DEFAULT;
    s->balance_moves =
        c->balance_moves ? c->balance_moves : BALANCE_MOVES_DEFAULT;
    s->moves_left = s->balance_moves;
    s->due_rounds = s->balance_rounds;
    s->due_round = s->cpus;
    s->due_age = 1;
    s->nodes = m->topology.nodes;
    s->cpu = alloc_array(a, s->cpus, sizeof(*s->cpu));
    s->node_first = alloc_array(a, s->nodes + 1, sizeof(*s->node_first));
    if (s->cpu && s->node_first) {
        find_nodes(s);
        return s;
    }
    free_all(s);
    return NULL;
}

disco_status disco_sched_create(disco_machine *machine,
                                const disco_sched_config *config,
                                disco_sched **out)
{
    disco_sched_config c;
    disco_status status;
    disco_sched *s;
    uint32_t cpus;

    if (!machine || !out)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    cpus = topology_cpus(&machine->topology);
    if (!status && ((c.flags & ~(uint32_t)DISCO_SCHED_STATIC) ||
                    c.first_cpu >= cpus || c.cpus > cpus - c.first_cpu))
        status = DISCO_E_INVAL;
    if (status)
        return context_fail(&machine->ctx, status, c.first_cpu,
                            "scheduler: flags 0x%x, CPUs %u and %u on, the "
                            "machine has %u",
                            c.flags, c.first_cpu, c.cpus, cpus);
    s = make(machine, &c);
    if (!s)
        return context_fail(&machine->ctx, DISCO_E_NOMEM, 0,
                            "scheduler: no host memory");
    s->kicks = load_relaxed(&machine->kicks);
    add_relaxed(&machine->ctx.users, 1);
    *out = s;
    return 0;
}

/* --- Who is in it ------------------------------------------------------- */

static uint64_t mask_bytes(const struct disco_sched *s)
{
    return (s->cpus + 63) / 64 * sizeof(uint64_t);
}

static struct sched_vm *find_vm(const struct disco_sched *s,
                                const struct disco_vm *vm)
{
    struct sched_vm *v;

    for (v = s->vms; v && v->vm != vm; v = v->next)
        ;
    return v;
}

struct sched_entry *sched_find(const struct disco_sched *s,
                               const struct disco_vcpu *v)
{
    struct sched_entry *e = load_relaxed(&v->sched);

    return e && e->sched == s ? e : NULL;
}

struct sched_entry *sched_find_unpinned(struct disco_sched *s,
                                        const struct disco_vcpu *v)
{
    struct sched_entry *e;
    unsigned spins = 0;

    while ((e = sched_find(s, v)) && e->vm->pinned_by) {
        if (e->vm->pinned_by == thread_id())
            return NULL;
        sched_unlock(s);
        wait_step(&spins);
        sched_lock(s);
    }
    return e;
}

static void free_vm(struct disco_sched *s, struct sched_vm *vm)
{
    struct alloc *a = &s->machine->ctx.alloc;

    if (!vm)
        return;
    alloc_free(a, vm->mask, mask_bytes(s));
    alloc_free(a, vm, sizeof(*vm));
}

static void free_entry(struct disco_sched *s, struct sched_entry *e)
{
    struct alloc *a = &s->machine->ctx.alloc;

    alloc_free(a, e->mask, mask_bytes(s));
    alloc_free(a, e, sizeof(*e));
}

/* Put the VM at the end of the list. */
static void link_vm(struct disco_sched *s, struct sched_vm *vm)
{
    struct sched_vm **link = &s->vms;

    while (*link)
        link = &(*link)->next;
    *link = vm;
    vm->seen = load_relaxed(&vm->vm->clock.cycles);
}

static void link_entry(struct disco_sched *s, struct sched_entry *e)
{
    struct sched_entry **link = &s->entries;

    while (*link)
        link = &(*link)->next_added;
    *link = e;
    for (link = &e->vm->entries; *link; link = &(*link)->sibling)
        ;
    *link = e;
    s->count++;
    e->vm->count++;
}

/* The lock is held.  Returns the VM when e was its last, to be freed. */
static struct sched_vm *unlink_entry(struct disco_sched *s,
                                     struct sched_entry *e)
{
    struct sched_entry **link;
    struct sched_vm *vm = e->vm, **vm_link;

    queue_drop(e);
    store_relaxed(&e->vcpu->sched, NULL);
    for (link = &s->entries; *link != e; link = &(*link)->next_added)
        ;
    *link = e->next_added;
    for (link = &vm->entries; *link != e; link = &(*link)->sibling)
        ;
    *link = e->sibling;
    if (s->cursor == e)
        s->cursor = e->next_added;
    s->count--;
    if (--vm->count)
        return NULL;
    for (vm_link = &s->vms; *vm_link != vm; vm_link = &(*vm_link)->next)
        ;
    *vm_link = vm->next;
    s->gangs -= vm->is_gang;
    return vm;
}

/* The lock is held.  `fresh` is used, and *fresh cleared, for a new VM. */
static void enroll(struct disco_sched *s, struct sched_entry *e,
                   struct sched_vm **fresh)
{
    e->vm = find_vm(s, e->vcpu->vm);
    if (!e->vm) {
        e->vm = *fresh;
        *fresh = NULL;
        link_vm(s, e->vm);
    }
    e->vtime = s->floor;
    e->cpu = place_choose(e);
    s->cpu[e->cpu].owned++;
    link_entry(s, e);
    store_relaxed(&e->vcpu->sched, e);
    queue_put(e);
    e->stats[SCHED_COUNT_WAKES] = 0; /* that was none */
}

disco_status disco_sched_add(disco_sched *sched, disco_vcpu *vcpu)
{
    disco_vcpu_stats stats = { .size = sizeof(stats) };
    struct sched_entry *e;
    struct sched_vm *vm;
    struct alloc *a;
    int is_new;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    a = &sched->machine->ctx.alloc;
    if (vcpu->machine != sched->machine)
        return context_fail(&sched->machine->ctx, DISCO_E_MISMATCH, 0,
                            "scheduler: the vCPU is of another machine");
    e = alloc_zeroed(a, sizeof(*e));
    vm = alloc_zeroed(a, sizeof(*vm));
    if (!e || !vm) {
        alloc_free(a, e, sizeof(*e));
        alloc_free(a, vm, sizeof(*vm));
        return context_fail(&sched->machine->ctx, DISCO_E_NOMEM, sched->count,
                            "scheduler: no host memory");
    }
    disco_vcpu_stats_get(vcpu, &stats);
    e->insns = stats.insns;
    e->vcpu = vcpu;
    e->sched = sched;
    e->last_cpu = sched->cpus;
    e->limit_insns = UINT64_MAX;
    vm->vm = vcpu->vm;
    vm->weight = WEIGHT_DEFAULT;
    sched_lock(sched);
    is_new = !load_relaxed(&vcpu->sched);
    if (is_new)
        enroll(sched, e, &vm);
    sched_feed(sched);
    sched_unlock(sched);
    free_vm(sched, vm);
    if (is_new)
        return 0;
    free_entry(sched, e);
    return context_fail(&sched->machine->ctx, DISCO_E_EXISTS, vcpu->index,
                        "scheduler: VM %s, vCPU %u is in one already",
                        vcpu->vm->name, vcpu->index);
}

disco_status disco_sched_remove(disco_sched *sched, disco_vcpu *vcpu)
{
    struct sched_vm *vm = NULL;
    struct sched_entry *e;
    disco_status status = 0;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    sched_lock(sched);
    e = sched_find_unpinned(sched, vcpu);
    if (!e)
        status = sched_find(sched, vcpu) ? DISCO_E_BUSY : DISCO_E_NOENT;
    else if (e->state == SCHED_RUNS)
        status = DISCO_E_BUSY;
    else
        vm = unlink_entry(sched, e);
    sched_unlock(sched);
    if (status)
        return context_fail(&sched->machine->ctx, status, 0,
                            status == DISCO_E_BUSY
                                ? "scheduler: the vCPU is running"
                                : "scheduler: it has no such vCPU");
    free_entry(sched, e);
    free_vm(sched, vm);
    return 0;
}

void sched_forget(struct disco_vcpu *v)
{
    struct sched_entry *e = load_relaxed(&v->sched);

    /* Nobody runs it, so nobody takes it out meanwhile either. */
    if (e)
        disco_sched_remove(e->sched, v);
}

void disco_sched_destroy(disco_sched *sched)
{
    struct disco_machine *m;

    if (!sched)
        return;
    m = sched->machine;
    while (sched->entries)
        if (disco_sched_remove(sched, sched->entries->vcpu))
            return; /* inside its own run: leaking is all that is safe */
    free_all(sched);
    sub_seq(&m->ctx.users, 1);
}

void sched_wake(struct disco_vcpu *v)
{
    struct disco_machine *m = v->machine;
    struct sched_entry *e;

    if (!load_relaxed(&v->sched))
        return;
    lock_take(&m->sched_lock);
    e = load_relaxed(&v->sched);
    if (e && e->state == SCHED_RESTS && e->insns < e->limit_insns)
        queue_put(e);
    else if (e)
        e->is_woken = 1;
    lock_give(&m->sched_lock);
}
