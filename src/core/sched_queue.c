/*
 * sched_queue.c - the queue of each CPU: who waits, who runs, who comes first.
 *
 * A queue is sorted by virtual time: cycles run, times the vCPUs of the VM that
 * are active, divided by the VM's weight.  The least comes first, so that VMs
 * get time in proportion to their weights; equals go in order of arrival.
 * Lock: held (core/sched.h).
 */
#include "core/sched.h"

static uint32_t load_of(const struct sched_cpu *c)
{
    return c->ready + (c->current != NULL);
}

static void count_crowded(struct disco_sched *s, const struct sched_cpu *c,
                          uint32_t before)
{
    s->crowded += (load_of(c) >= 2);
    s->crowded -= (before >= 2);
}

static void set_state(struct sched_entry *e, enum sched_state state)
{
    struct disco_sched *s = e->sched;
    int was = e->state == SCHED_READY || e->state == SCHED_RUNS;
    int is = state == SCHED_READY || state == SCHED_RUNS;

    s->ready += (state == SCHED_READY);
    s->ready -= (e->state == SCHED_READY);
    s->runs += (state == SCHED_RUNS);
    s->runs -= (e->state == SCHED_RUNS);
    s->away += (state == SCHED_AWAY);
    s->away -= (e->state == SCHED_AWAY);
    e->vm->runs += (state == SCHED_RUNS);
    e->vm->runs -= (e->state == SCHED_RUNS);
    e->vm->away += (state == SCHED_AWAY);
    e->vm->away -= (e->state == SCHED_AWAY);
    e->vm->active += (uint32_t)is;
    e->vm->active -= (uint32_t)was;
    e->state = state;
}

/* Sorted; usually it goes to the end. */
static void insert(struct sched_cpu *c, struct sched_entry *e)
{
    struct sched_entry *after = c->tail;

    while (after && is_before(e->vtime, after->vtime))
        after = after->prev;
    e->prev = after;
    e->next = after ? after->next : c->head;
    if (e->next)
        e->next->prev = e;
    else
        c->tail = e;
    if (after)
        after->next = e;
    else
        c->head = e;
    c->ready++;
}

static void unlink_entry(struct sched_cpu *c, struct sched_entry *e)
{
    if (e->prev)
        e->prev->next = e->next;
    else
        c->head = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        c->tail = e->prev;
    e->next = e->prev = NULL;
    c->ready--;
}

/* Take it from where it is. */
static void detach(struct sched_entry *e)
{
    struct disco_sched *s = e->sched;
    struct sched_cpu *c = &s->cpu[e->cpu];
    uint32_t before = load_of(c);

    if (e->state == SCHED_READY)
        unlink_entry(c, e);
    else if (e->state == SCHED_RUNS)
        c->current = NULL;
    count_crowded(s, c, before);
}

/*
 * Who rested has no claim on the time that passed: it comes back no further
 * behind than those it competes with.
 */
static void catch_up(struct sched_entry *e)
{
    const struct sched_cpu *c = &e->sched->cpu[e->cpu];
    uint64_t least = e->sched->floor;

    if (c->head && is_before(least, c->head->vtime))
        least = c->head->vtime;
    if (is_before(e->vtime, least))
        e->vtime = least;
}

/* The pace: who comes back joins the front of its VM. */
static void join_front(struct sched_entry *e)
{
    const struct sched_entry *o;

    if (!e->vm->skew_insns)
        return;
    for (o = e->vm->entries; o; o = o->sibling)
        if (o != e && (o->state == SCHED_READY || o->state == SCHED_RUNS) &&
            o->place > e->place)
            e->place = o->place;
}

void queue_put(struct sched_entry *e)
{
    struct disco_sched *s = e->sched;
    struct sched_cpu *c;
    uint32_t before;

    if (e->state == SCHED_RESTS) {
        catch_up(e);
        join_front(e);
        e->stats[SCHED_COUNT_WAKES]++;
    }
    detach(e);
    e->is_woken = 0;
    set_state(e, SCHED_READY);
    place_settle(e);
    c = &s->cpu[e->cpu];
    before = load_of(c);
    if (!before && is_before(c->turn, s->turn))
        c->turn = s->turn;
    insert(c, e);
    count_crowded(s, c, before);
    e->since = c->slices;
}

void queue_rest(struct sched_entry *e)
{
    if (e->state == SCHED_RUNS)
        e->stats[SCHED_COUNT_IDLES]++;
    detach(e);
    e->is_boosted = 0;
    set_state(e, SCHED_RESTS);
}

void queue_start(struct sched_entry *e)
{
    struct disco_sched *s = e->sched;
    struct sched_cpu *c = &s->cpu[e->cpu];
    uint32_t before = load_of(c);
    int is_near;

    unlink_entry(c, e);
    c->current = e;
    count_crowded(s, c, before);
    set_state(e, SCHED_RUNS);
    e->is_boosted = 0;
    e->is_woken = 0;
    e->stats[SCHED_COUNT_WAITED] += c->slices - e->since;
    c->slices++;
    c->switches += c->last != e;
    c->last = e;
    if (e->last_cpu != e->cpu && e->last_cpu < s->cpus) {
        is_near = s->cpu[e->last_cpu].node == c->node;
        c->moved_near += (uint64_t)is_near;
        c->moved_far += (uint64_t)!is_near;
        e->stats[is_near ? SCHED_COUNT_NEAR : SCHED_COUNT_FAR]++;
    }
    e->last_cpu = e->cpu;
}

void queue_away(struct sched_entry *e, uint64_t thread)
{
    detach(e);
    set_state(e, SCHED_AWAY);
    e->thread = thread;
}

void queue_drop(struct sched_entry *e)
{
    detach(e);
    set_state(e, SCHED_RESTS);
    e->sched->cpu[e->cpu].owned--;
    if (e->sched->cpu[e->cpu].last == e)
        e->sched->cpu[e->cpu].last = NULL;
}

void queue_charge(struct sched_entry *e, uint64_t cycles, uint64_t insns)
{
    struct sched_cpu *c = &e->sched->cpu[e->cpu];
    const struct sched_vm *vm = e->vm;
    uint64_t weighted = cycles * vm->active * WEIGHT_DEFAULT / vm->weight;

    e->vtime += weighted ? weighted : 1;
    e->cycles += cycles;
    e->place += insns;
    e->stats[SCHED_COUNT_INSNS] += insns;
    e->stats[SCHED_COUNT_SLICES]++;
    c->busy += cycles;
}

/* Is nobody of its VM too far behind? */
static int is_in_step(const struct sched_entry *e)
{
    const struct sched_entry *o;

    for (o = e->vm->entries; o; o = o->sibling)
        if (o != e && (o->state == SCHED_READY || o->state == SCHED_RUNS) &&
            o->place + e->vm->skew_insns < e->place)
            return 0;
    return 1;
}

int queue_may_start(const struct sched_entry *e)
{
    const struct sched_vm *vm = e->vm;

    if (vm->is_held || vm->pinned_by || e->sched->is_passing)
        return 0;
    if (vm->vm->threads && vm->runs >= vm->vm->threads)
        return 0;
    if (e->sched->is_planned && vm->is_gang && !e->is_boosted)
        return 0;
    return !vm->skew_insns || is_in_step(e);
}

struct sched_entry *queue_first(struct disco_sched *s, uint32_t cpu)
{
    struct sched_entry *e, *first = NULL;

    for (e = s->cpu[cpu].head; e; e = e->next) {
        if ((first && !e->is_boosted) || !queue_may_start(e))
            continue;
        if (e->is_boosted)
            return e;
        first = e;
        if (!s->gangs)
            break;
    }
    return first;
}

void queue_move(struct sched_entry *e, uint32_t cpu)
{
    struct disco_sched *s = e->sched;
    struct sched_cpu *c;
    uint32_t before;

    detach(e);
    s->cpu[e->cpu].owned--;
    e->cpu = cpu;
    c = &s->cpu[cpu];
    c->owned++;
    if (e->state != SCHED_READY)
        return;
    before = load_of(c);
    insert(c, e);
    count_crowded(s, c, before);
    e->since = c->slices;
}
