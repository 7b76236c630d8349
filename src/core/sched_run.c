/*
 * sched_run.c - driving the CPUs: slices, rounds on one thread, and single CPUs
 * on many.  Lock: held but inside a vCPU's run and round calls of the host
 * (core/sched.h).
 */
#include "core/sched.h"

#include <string.h>

#include "base/bits.h"
#include "base/config.h"

/* A thread prefers a CPU that it drove last while others wait no longer than
 * this many slices. */
enum { KEEP_SLICES = 64 };

/* Who drives: one thread all CPUs, or one of many its own. */
struct driver {
    uint64_t self; /* thread */
    uint32_t cpu;  /* or DISCO_SCHED_ANY_CPU */
    disco_vcpu **vcpu;
    disco_exit *exit;
};

static void tell(disco_exit *exit, uint32_t reason, uint64_t until_ns)
{
    disco_exit e;

    memset(&e, 0, sizeof(e));
    e.reason = reason;
    if (reason == DISCO_EXIT_IDLE)
        e.u.idle.until_ns = until_ns;
    config_give(exit, &e, sizeof(e));
}

/* --- One slice ---------------------------------------------------------- */

/* What the slice means for e; 1 when the host must see it. */
static int judge(struct sched_entry *e, const disco_exit *exit, uint64_t self)
{
    struct disco_sched *s = e->sched;

    e->insns = exit->insns;
    switch (exit->reason) {
    case DISCO_EXIT_BUDGET:
        if (e->insns >= e->limit_insns) {
            queue_rest(e);
            return 1;
        }
        queue_put(e);
        return 0;
    case DISCO_EXIT_IDLE:
    case DISCO_EXIT_PARKED:
        if (e->is_woken)
            queue_put(e);
        else
            queue_rest(e);
        return 0;
    case DISCO_EXIT_YIELD:
        /* The rest of the slice counts as used. */
        if (exit->ran_insns < s->quantum)
            queue_charge(e, s->quantum - exit->ran_insns, 0);
        queue_put(e);
        return 0;
    default:
        queue_away(e, self);
        return 1;
    }
}

/* 1: the host must see the exit; 0: go on; else an error. */
static disco_status slice(struct disco_sched *s, struct sched_entry *e,
                          const struct driver *d)
{
    disco_run run = { .size = sizeof(run), .max_insns = s->quantum };
    disco_exit exit = { .size = sizeof(exit) };
    uint64_t left = e->limit_insns - e->insns;
    disco_status status;

    if (left < run.max_insns)
        run.max_insns = left;
    if (unlikely(s->machine->model) && !d->self)
        run.until_ns = clock_deadline_ns(&e->vm->vm->clock, e->vm->round_end);
    queue_start(e);
    e->thread = thread_id();
    gang_call(e);
    sched_unlock(s);
    status = disco_vcpu_run(e->vcpu, s->first_cpu + e->cpu, &run, &exit);
    sched_lock(s);
    if (status) {
        queue_put(e);
        return status;
    }
    queue_charge(e, e->vcpu->ran_cycles, exit.ran_insns);
    if (!judge(e, &exit, d->self))
        return 0;
    *d->vcpu = e->vcpu;
    config_give(d->exit, &exit, sizeof(exit));
    return 1;
}

/* --- Whose turn it is --------------------------------------------------- */

/* Kicks come from signal handlers too, so they leave only a count. */
static void take_kicks(struct disco_sched *s)
{
    uint32_t kicks = load_seq(&s->machine->kicks);
    struct sched_entry *e;

    if (likely(kicks == s->kicks))
        return;
    s->kicks = kicks;
    for (e = s->entries; e; e = e->next_added)
        if (e->state == SCHED_RESTS && e->insns < e->limit_insns &&
            (load_seq(&e->vcpu->shoot.request) & DISCO_REQ_KICK))
            queue_put(e);
}

static struct sched_entry *choose(struct disco_sched *s, uint32_t cpu)
{
    struct sched_entry *e = queue_first(s, cpu);

    return e ? e : balance_steal(s, cpu);
}

static struct sched_entry *steal_any(struct disco_sched *s)
{
    struct sched_entry *e = NULL;
    uint32_t cpu;

    for (cpu = 0; cpu < s->cpus && s->crowded && !e; cpu++)
        if (!s->cpu[cpu].thread && !s->cpu[cpu].ready)
            e = balance_steal(s, cpu);
    return e;
}

/* The free CPU that had least, with a preference for the caller's own and for
 * one that a gang waits for. */
static struct sched_entry *choose_any(struct disco_sched *s, uint64_t self)
{
    struct sched_entry *e, *best = NULL;
    uint64_t turn, least = 0;
    uint32_t cpu;

    for (cpu = 0; cpu < s->cpus; cpu++) {
        if (s->cpu[cpu].thread || !s->cpu[cpu].ready)
            continue;
        turn = s->cpu[cpu].turn +
               (s->cpu[cpu].last_thread == self ? 0 : KEEP_SLICES);
        if (best && !is_before(turn, least) && !s->gangs)
            continue;
        e = queue_first(s, cpu);
        if (!e)
            continue;
        if (!best || e->is_boosted > best->is_boosted ||
            (e->is_boosted == best->is_boosted && is_before(turn, least))) {
            best = e;
            least = turn;
        }
    }
    return best ? best : steal_any(s);
}

uint32_t sched_count_work(struct disco_sched *s)
{
    uint32_t cpu, count = 0;

    for (cpu = 0; cpu < s->cpus && s->ready && count < 2; cpu++)
        count += !s->cpu[cpu].thread && queue_first(s, cpu);
    return count;
}

/* --- Rounds ------------------------------------------------------------- */

static void end_round(struct disco_sched *s)
{
    s->moves_left = s->balance_moves;
    if (!--s->due_rounds) {
        s->due_rounds = s->balance_rounds;
        balance_step(s);
    }
}

/*
 * Under a model a stall takes time and no instructions: slices of equal length
 * in instructions would drive the CPUs' times apart.  So in each round all
 * vCPUs of a VM run up to the same time.
 */
static void plan_times(struct disco_sched *s)
{
    struct sched_vm *vm;

    for (vm = s->vms; vm; vm = vm->next)
        vm->round_end =
            max_u64(vm->round_end, load_relaxed(&vm->vm->clock.cycles)) +
            s->quantum;
    s->rotation = (s->rotation + 1) % s->cpus;
}

/* Every CPU in turn from s->next on; 1, 0 or an error as slice().  *ran counts
 * slices. */
static disco_status round_of_cpus(struct disco_sched *s, const struct driver *d,
                                  uint32_t *ran)
{
    struct sched_entry *e;
    disco_status status;

    if (!s->next) {
        take_kicks(s);
        gang_plan(s);
        if (unlikely(s->machine->model))
            plan_times(s);
    }
    while (s->next < s->cpus) {
        if (!s->ready)
            break;
        e = choose(s, (s->next++ + s->rotation) % s->cpus);
        if (!e)
            continue;
        ++*ran;
        status = slice(s, e, d);
        if (status)
            return status;
    }
    s->next = 0;
    end_round(s);
    if (!--s->due_age)
        time_age(s);
    return 0;
}

static disco_status run_rounds(struct disco_sched *s, const struct driver *d,
                               uint64_t max_rounds)
{
    uint32_t ran = s->next != 0; /* part of it is over */
    uint64_t rounds, until;
    disco_status status;
    int was_now = 0; /* nothing ran since an event was due */

    for (rounds = 0; !max_rounds || rounds < max_rounds; rounds++) {
        status = round_of_cpus(s, d, &ran);
        if (status)
            return status > 0 ? 0 : status;
        take_kicks(s);
        s->is_planned = 0;
        if (s->ready && (ran || sched_count_work(s))) {
            was_now = 0;
            ran = 0;
            continue;
        }
        ran = 0;
        until = time_next_ns(s);
        if (until || was_now) {
            tell(d->exit, DISCO_EXIT_IDLE, until);
            return 0;
        }
        was_now = 1;
        time_poke(s);
    }
    tell(d->exit, DISCO_EXIT_BUDGET, 0);
    return 0;
}

/* The host is done with what it got.  self 0: any thread's. */
static void take_back(struct disco_sched *s, uint64_t self)
{
    struct sched_entry *e;

    for (e = s->entries; e && s->away; e = e->next_added)
        if (e->state == SCHED_AWAY && (!self || e->thread == self))
            queue_put(e);
}

disco_status disco_sched_run(disco_sched *sched, uint64_t max_rounds,
                             disco_vcpu **vcpu, disco_exit *exit)
{
    struct driver d = { .vcpu = vcpu, .exit = exit };
    disco_status status;

    if (!sched || !vcpu || !exit || exit->size < 8)
        return DISCO_E_INVAL;
    sched_lock(sched);
    if (sched->drivers) {
        sched_unlock(sched);
        return context_fail(&sched->machine->ctx, DISCO_E_BUSY, 0,
                            "scheduler: it is running");
    }
    sched->drivers = -1;
    *vcpu = NULL;
    take_back(sched, 0);
    status = run_rounds(sched, &d, max_rounds);
    sched->drivers = 0;
    sched_unlock(sched);
    return status;
}

/* --- One CPU of many ---------------------------------------------------- */

static void feed(struct disco_sched *s, uint32_t own)
{
    const disco_machine_config *c = &s->machine->config;
    disco_vcpu *vcpu;

    if (!s->is_starved || !c->wake || !s->entries || sched_count_work(s) <= own)
        return;
    s->is_starved = 0;
    vcpu = s->entries->vcpu;
    sched_unlock(s);
    c->wake(c->wake_opaque, vcpu);
    sched_lock(s);
}

void sched_feed(struct disco_sched *s)
{
    feed(s, 0);
}

/* A slice is over: what rounds do at their end. */
static void count_slice(struct disco_sched *s)
{
    if (!--s->due_round) {
        s->due_round = s->cpus;
        end_round(s);
    }
    if (!--s->due_age)
        time_age(s);
}

static disco_status drive(struct disco_sched *s, const struct driver *d,
                          struct sched_entry *e)
{
    struct sched_cpu *c = &s->cpu[e->cpu];
    disco_status status;

    c->thread = c->last_thread = d->self;
    s->turn = c->turn++;
    status = slice(s, e, d);
    if (d->cpu == DISCO_SCHED_ANY_CPU)
        c->thread = 0;
    return status;
}

static struct sched_entry *next_of(struct disco_sched *s,
                                   const struct driver *d)
{
    take_kicks(s);
    if (!s->ready)
        return NULL;
    return d->cpu == DISCO_SCHED_ANY_CPU ? choose_any(s, d->self)
                                         : choose(s, d->cpu);
}

/* Nothing to run.  1 when an event made something to run. */
static int is_due(struct disco_sched *s, const struct driver *d)
{
    uint64_t until;

    s->is_starved = 1;
    until = time_next_ns(s);
    if (!until && time_poke(s))
        return 1;
    tell(d->exit, DISCO_EXIT_IDLE, until);
    return 0;
}

static disco_status run_slices(struct disco_sched *s, const struct driver *d,
                               uint64_t max_slices)
{
    struct sched_entry *e;
    disco_status status;
    uint64_t slices = 0;
    int was_due = 0;

    s->is_planned = 0;
    while (!max_slices || slices < max_slices) {
        e = next_of(s, d);
        if (!e) {
            if (was_due)
                tell(d->exit, DISCO_EXIT_IDLE, 0);
            if (was_due || !is_due(s, d))
                return 0;
            was_due = 1;
            continue;
        }
        slices++;
        status = drive(s, d, e);
        count_slice(s);
        feed(s, d->cpu == DISCO_SCHED_ANY_CPU);
        if (status)
            return status > 0 ? 0 : status;
    }
    tell(d->exit, DISCO_EXIT_BUDGET, 0);
    return 0;
}

/* The lock is held. */
static disco_status take_cpu(struct disco_sched *s, const struct driver *d)
{
    if (s->drivers < 0)
        return DISCO_E_BUSY;
    if (d->cpu != DISCO_SCHED_ANY_CPU) {
        if (s->cpu[d->cpu].thread)
            return DISCO_E_BUSY;
        s->cpu[d->cpu].thread = d->self;
    }
    s->drivers++;
    return 0;
}

disco_status disco_sched_run_cpu(disco_sched *sched, uint32_t cpu,
                                 uint64_t max_slices, disco_vcpu **vcpu,
                                 disco_exit *exit)
{
    struct driver d = { .self = thread_id(), .vcpu = vcpu, .exit = exit };
    disco_status status;

    if (!sched || !vcpu || !exit || exit->size < 8)
        return DISCO_E_INVAL;
    d.cpu = cpu == DISCO_SCHED_ANY_CPU ? cpu : cpu - sched->first_cpu;
    if (cpu != DISCO_SCHED_ANY_CPU && d.cpu >= sched->cpus)
        return context_fail(&sched->machine->ctx, DISCO_E_INVAL, cpu,
                            "scheduler: CPU %u is none of its %u", cpu,
                            sched->cpus);
    sched_lock(sched);
    status = take_cpu(sched, &d);
    if (status) {
        sched_unlock(sched);
        return context_fail(&sched->machine->ctx, status, cpu,
                            "scheduler: CPU %u is driven already", cpu);
    }
    *vcpu = NULL;
    take_back(sched, d.self);
    status = run_slices(sched, &d, max_slices);
    if (d.cpu != DISCO_SCHED_ANY_CPU)
        sched->cpu[d.cpu].thread = 0;
    sched->drivers--;
    sched_unlock(sched);
    return status;
}
