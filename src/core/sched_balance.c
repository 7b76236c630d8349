/*
 * sched_balance.c - who changes CPU.  A CPU with nothing to run takes over from
 * the nearest crowded one; now and then all queues are compared, so that who is
 * behind its share gets more.  Far moves need a better reason than near ones.
 * What one round may look at and move is bounded.
 * Lock: held (core/sched.h).
 */
#include "core/sched.h"

#include "base/bits.h"

/* Entries that a comparison of all queues looks at. */
enum { LOOKS_MAX = 64 };

/* How many quanta of lag are worth a move to a CPU of the same node. */
enum { LAG_QUANTA = 4 };

uint32_t balance_distance(const struct disco_sched *s, uint32_t a, uint32_t b)
{
    return topology_distance(&s->machine->topology, s->cpu[a].node,
                             s->cpu[b].node);
}

/* 1 on the same node, more with the distance. */
static uint64_t reluctance(const struct disco_sched *s, uint32_t a, uint32_t b)
{
    return max_u64(1, balance_distance(s, a, b) / DISTANCE_LOCAL);
}

static uint32_t load_of(const struct sched_cpu *c)
{
    return c->ready + (c->current != NULL);
}

/* A far CPU takes only who has waited for some slices already. */
static int may_steal(const struct sched_entry *e, uint32_t cpu)
{
    const struct disco_sched *s = e->sched;
    uint64_t waited = s->cpu[e->cpu].slices - e->since;

    if (s->is_planned && e->vm->is_gang)
        return 0;
    return waited + 1 >= reluctance(s, e->cpu, cpu) && queue_may_start(e) &&
           place_may_move(e, cpu);
}

static struct sched_entry *steal_from(struct disco_sched *s, uint32_t victim,
                                      uint32_t cpu)
{
    struct sched_entry *e;
    uint32_t looks = LOOKS_MAX;

    for (e = s->cpu[victim].head; e && looks--; e = e->next)
        if (may_steal(e, cpu))
            return e;
    return NULL;
}

/* The most crowded CPU of a node, or cpus. */
static uint32_t most_crowded(const struct disco_sched *s, uint32_t node)
{
    uint32_t cpu, best = s->cpus, most = 1;

    for (cpu = s->node_first[node]; cpu < s->node_first[node + 1]; cpu++) {
        if (s->cpu[cpu].ready && load_of(&s->cpu[cpu]) > most) {
            most = load_of(&s->cpu[cpu]);
            best = cpu;
        }
    }
    return best;
}

struct sched_entry *balance_steal(struct disco_sched *s, uint32_t cpu)
{
    const uint8_t *near = s->machine->topology.near[s->cpu[cpu].node];
    struct sched_entry *e = NULL;
    uint32_t i, victim;

    if (!s->crowded || !s->moves_left || (s->flags & DISCO_SCHED_STATIC))
        return NULL;
    for (i = 0; i < s->nodes && !e; i++) {
        victim = most_crowded(s, near[i]);
        if (victim < s->cpus && victim != cpu)
            e = steal_from(s, victim, cpu);
    }
    if (e) {
        s->moves_left--;
        queue_move(e, cpu);
    }
    return e;
}

/* How far e is behind who has least on that CPU. */
static int is_far_behind(const struct sched_entry *e, uint32_t cpu)
{
    const struct disco_sched *s = e->sched;
    const struct sched_entry *o = s->cpu[cpu].head;
    uint64_t lag = LAG_QUANTA * s->quantum * reluctance(s, e->cpu, cpu);

    if (!o)
        o = s->cpu[cpu].current;
    return !o || is_before(e->vtime + lag, o->vtime);
}

/* Would e be better off there, and nobody much worse? */
static int is_better(const struct sched_entry *e, uint32_t cpu)
{
    const struct disco_sched *s = e->sched;
    uint32_t here = load_of(&s->cpu[e->cpu]), there = load_of(&s->cpu[cpu]);

    if (cpu == e->cpu || there + 1 > here)
        return 0;
    if (there + 1 == here && !is_far_behind(e, cpu))
        return 0;
    return place_may_move(e, cpu);
}

/* The nearest CPU that is better for e, or its own. */
static uint32_t better_cpu(const struct sched_entry *e)
{
    const struct disco_sched *s = e->sched;
    const uint8_t *near = s->machine->topology.near[s->cpu[e->cpu].node];
    uint32_t i, cpu, best = e->cpu;

    for (i = 0; i < s->nodes; i++) {
        for (cpu = s->node_first[near[i]]; cpu < s->node_first[near[i] + 1];
             cpu++)
            if (is_better(e, cpu) &&
                (best == e->cpu ||
                 load_of(&s->cpu[cpu]) < load_of(&s->cpu[best])))
                best = cpu;
        if (best != e->cpu)
            break;
    }
    return best;
}

/* Everybody active has at least this vtime. */
static void raise_floor(struct disco_sched *s)
{
    const struct sched_entry *e;
    uint64_t least = 0;
    int has_one = 0;

    for (e = s->entries; e; e = e->next_added) {
        if (e->state != SCHED_READY && e->state != SCHED_RUNS)
            continue;
        if (!has_one || is_before(e->vtime, least))
            least = e->vtime;
        has_one = 1;
    }
    if (has_one && is_before(s->floor, least))
        s->floor = least;
}

void balance_step(struct disco_sched *s)
{
    struct sched_entry *e;
    uint32_t looks, cpu;

    raise_floor(s);
    if (!s->crowded || (s->flags & DISCO_SCHED_STATIC))
        return;
    for (looks = 0; looks < LOOKS_MAX && looks < s->count; looks++) {
        if (!s->moves_left)
            return;
        e = s->cursor ? s->cursor : s->entries;
        s->cursor = e->next_added;
        if (e->state != SCHED_READY || load_of(&s->cpu[e->cpu]) < 2)
            continue;
        cpu = better_cpu(e);
        if (cpu == e->cpu)
            continue;
        s->moves_left--;
        queue_move(e, cpu);
    }
}
