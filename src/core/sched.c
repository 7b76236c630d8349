/*
 * sched.c - the ready-made scheduler: round robin on the calling thread, built
 * on the public API alone.
 *
 * VMs have clocks of their own.  So that a VM whose vCPUs all wait is not left
 * behind while others run, it gets the time of the round that passed.
 */
#include <disco/sched.h>

#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "core/vcpu.h"

enum { QUANTUM_DEFAULT = 20000 };

struct sched_entry {
    disco_vcpu *vcpu;
    uint32_t cpu;
    int can_run;       /* in this round */
    uint64_t start_ns; /* its VM's time when the round began */
};

struct disco_sched {
    struct disco_machine *machine;
    uint64_t quantum;
    uint32_t first_cpu;
    uint32_t cpus;
    uint32_t added; /* ever: the n-th gets CPU n modulo cpus */
    uint32_t next;  /* entry whose turn it is */
    uint32_t count;
    uint32_t capacity;
    struct sched_entry *entry;
    int is_running; /* atomic */
};

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
    if (!status &&
        (c.flags || c.first_cpu >= cpus || c.cpus > cpus - c.first_cpu))
        status = DISCO_E_INVAL;
    if (status)
        return context_fail(&machine->ctx, status, c.first_cpu,
                            "scheduler: flags 0x%x, CPUs %u and %u on, the "
                            "machine has %u",
                            c.flags, c.first_cpu, c.cpus, cpus);
    s = alloc_zeroed(&machine->ctx.alloc, sizeof(*s));
    if (!s)
        return context_fail(&machine->ctx, DISCO_E_NOMEM, 0,
                            "scheduler: no host memory");
    s->machine = machine;
    s->quantum = c.quantum_insns ? c.quantum_insns : QUANTUM_DEFAULT;
    s->first_cpu = c.first_cpu;
    s->cpus = c.cpus ? c.cpus : cpus - c.first_cpu;
    add_relaxed(&machine->ctx.users, 1);
    *out = s;
    return 0;
}

void disco_sched_destroy(disco_sched *sched)
{
    struct disco_machine *m;

    if (!sched)
        return;
    m = sched->machine;
    alloc_free(&m->ctx.alloc, sched->entry,
               sched->capacity * sizeof(*sched->entry));
    alloc_free(&m->ctx.alloc, sched, sizeof(*sched));
    sub_seq(&m->ctx.users, 1);
}

static disco_status reserve(struct disco_sched *s)
{
    uint32_t capacity = s->capacity ? s->capacity * 2 : 8;
    struct sched_entry *bigger;

    if (s->count < s->capacity)
        return 0;
    bigger = alloc_array(&s->machine->ctx.alloc, capacity, sizeof(*bigger));
    if (!bigger)
        return context_fail(&s->machine->ctx, DISCO_E_NOMEM, s->count,
                            "scheduler: no host memory");
    if (s->count)
        memcpy(bigger, s->entry, s->count * sizeof(*bigger));
    alloc_free(&s->machine->ctx.alloc, s->entry,
               s->capacity * sizeof(*s->entry));
    s->entry = bigger;
    s->capacity = capacity;
    return 0;
}

static uint32_t find(const struct disco_sched *s, const disco_vcpu *vcpu)
{
    uint32_t i;

    for (i = 0; i < s->count && s->entry[i].vcpu != vcpu; i++)
        ;
    return i;
}

static disco_status may_change(struct disco_sched *s)
{
    if (!load_relaxed(&s->is_running))
        return 0;
    return context_fail(&s->machine->ctx, DISCO_E_BUSY, 0,
                        "scheduler: it is running");
}

disco_status disco_sched_add(disco_sched *sched, disco_vcpu *vcpu)
{
    disco_status status;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    status = may_change(sched);
    if (status)
        return status;
    if (vcpu->machine != sched->machine)
        return context_fail(&sched->machine->ctx, DISCO_E_MISMATCH, 0,
                            "scheduler: the vCPU is of another machine");
    if (find(sched, vcpu) < sched->count)
        return context_fail(&sched->machine->ctx, DISCO_E_EXISTS, vcpu->index,
                            "scheduler: VM %s, vCPU %u is there already",
                            vcpu->vm->name, vcpu->index);
    status = reserve(sched);
    if (status)
        return status;
    sched->entry[sched->count].vcpu = vcpu;
    sched->entry[sched->count].cpu =
        sched->first_cpu + sched->added++ % sched->cpus;
    sched->entry[sched->count].start_ns = disco_vm_time_ns(vcpu->vm);
    sched->entry[sched->count++].can_run = 0;
    return 0;
}

disco_status disco_sched_remove(disco_sched *sched, disco_vcpu *vcpu)
{
    disco_status status;
    uint32_t i;

    if (!sched || !vcpu)
        return DISCO_E_INVAL;
    status = may_change(sched);
    if (status)
        return status;
    i = find(sched, vcpu);
    if (i == sched->count)
        return context_fail(&sched->machine->ctx, DISCO_E_NOENT, 0,
                            "scheduler: it has no such vCPU");
    memmove(&sched->entry[i], &sched->entry[i + 1],
            (sched->count - i - 1) * sizeof(*sched->entry));
    sched->count--;
    if (sched->next > i)
        sched->next--;
    return 0;
}

static int is_first_of_vm(const struct disco_sched *s, uint32_t i)
{
    uint32_t j;

    for (j = 0; j < i; j++)
        if (s->entry[j].vcpu->vm == s->entry[i].vcpu->vm)
            return 0;
    return 1;
}

static int vm_can_run(const struct disco_sched *s, const struct disco_vm *vm)
{
    uint32_t i;

    for (i = 0; i < s->count; i++)
        if (s->entry[i].vcpu->vm == vm && s->entry[i].can_run)
            return 1;
    return 0;
}

static void begin_round(struct disco_sched *s)
{
    uint32_t i;

    for (i = 0; i < s->count; i++)
        s->entry[i].start_ns = disco_vm_time_ns(s->entry[i].vcpu->vm);
}

static uint64_t passed_ns(const struct sched_entry *e)
{
    return disco_vm_time_ns(e->vcpu->vm) - e->start_ns;
}

/* The round is over: VMs that wait get the time that others used. */
static void end_round(struct disco_sched *s)
{
    uint64_t round_ns = 0;
    struct disco_vm *vm;
    uint32_t i;

    for (i = 0; i < s->count; i++)
        round_ns = max_u64(round_ns, passed_ns(&s->entry[i]));
    for (i = 0; i < s->count; i++) {
        vm = s->entry[i].vcpu->vm;
        if (!vm->clock.now_ns && is_first_of_vm(s, i) && !vm_can_run(s, vm) &&
            passed_ns(&s->entry[i]) < round_ns)
            disco_vm_advance(vm, s->entry[i].start_ns + round_ns);
    }
}

static int any_can_run(const struct disco_sched *s)
{
    uint32_t i;

    for (i = 0; i < s->count; i++)
        if (s->entry[i].can_run)
            return 1;
    return 0;
}

/* Nanoseconds from now to the first event of any VM. */
static uint64_t next_event(const struct disco_sched *s)
{
    uint64_t first = CLOCK_NEVER, ns, now;
    struct disco_vm *vm;
    uint32_t i;

    for (i = 0; i < s->count; i++) {
        vm = s->entry[i].vcpu->vm;
        ns = disco_vm_next_event_ns(vm);
        now = disco_vm_time_ns(vm);
        if (ns != CLOCK_NEVER)
            first = min_u64(first, ns > now ? ns - now : 0);
    }
    return first;
}

/* One slice.  1: the host must see *exit; 0: go on; else an error. */
static disco_status slice(struct disco_sched *s, struct sched_entry *e,
                          disco_exit *exit)
{
    disco_run run = { .size = sizeof(run), .max_insns = s->quantum };
    disco_status status = disco_vcpu_run(e->vcpu, e->cpu, &run, exit);

    if (status)
        return status;
    e->can_run =
        exit->reason != DISCO_EXIT_IDLE && exit->reason != DISCO_EXIT_PARKED;
    return exit->reason != DISCO_EXIT_BUDGET && e->can_run &&
           exit->reason != DISCO_EXIT_YIELD;
}

static void tell(disco_exit *exit, uint32_t reason, uint64_t until_ns)
{
    disco_exit e;

    memset(&e, 0, sizeof(e));
    e.reason = reason;
    if (reason == DISCO_EXIT_IDLE)
        e.u.idle.until_ns = until_ns;
    config_give(exit, &e, sizeof(e));
}

static disco_status run_rounds(struct disco_sched *s, uint64_t max_rounds,
                               disco_vcpu **vcpu, disco_exit *exit)
{
    disco_exit own = { .size = sizeof(own) };
    struct sched_entry *e;
    disco_status status;
    uint64_t rounds = 0, until;
    int was_now = 0; /* the round before was as idle, with an event due */

    while (!max_rounds || rounds < max_rounds) {
        if (!s->next)
            begin_round(s);
        while (s->next < s->count) {
            e = &s->entry[s->next++];
            own.size = sizeof(own);
            status = slice(s, e, &own);
            if (status > 0) {
                *vcpu = e->vcpu;
                return config_give(exit, &own, sizeof(own));
            }
            if (status < 0)
                return status;
        }
        s->next = 0;
        end_round(s);
        rounds++;
        if (any_can_run(s)) {
            was_now = 0;
            continue;
        }
        until = next_event(s);
        if (until || was_now) {
            tell(exit, DISCO_EXIT_IDLE, until);
            return 0;
        }
        was_now = 1;
    }
    tell(exit, DISCO_EXIT_BUDGET, 0);
    return 0;
}

disco_status disco_sched_run(disco_sched *sched, uint64_t max_rounds,
                             disco_vcpu **vcpu, disco_exit *exit)
{
    disco_status status;
    int no = 0;

    if (!sched || !vcpu || !exit || exit->size < 8)
        return DISCO_E_INVAL;
    if (!cas_seq(&sched->is_running, &no, 1))
        return context_fail(&sched->machine->ctx, DISCO_E_BUSY, 0,
                            "scheduler: it is running");
    *vcpu = NULL;
    status = run_rounds(sched, max_rounds, vcpu, exit);
    store_seq(&sched->is_running, 0);
    return status;
}

disco_status disco_sched_pass(disco_sched *sched, uint64_t ns)
{
    struct disco_vm *vm;
    disco_status status = 0;
    uint32_t i;

    if (!sched)
        return DISCO_E_INVAL;
    for (i = 0; i < sched->count && !status; i++) {
        vm = sched->entry[i].vcpu->vm;
        if (is_first_of_vm(sched, i))
            status = disco_vm_advance(vm, disco_vm_time_ns(vm) + ns);
    }
    return status;
}
