/*
 * sched_place.c - which CPU a vCPU belongs to: hard affinity, and the rule that
 * a VM's vCPUs have CPUs of their own while there are enough.
 * Lock: held (core/sched.h).
 */
#include "core/sched.h"

static int has_bit(const uint64_t *mask, uint32_t cpu)
{
    return !mask || (mask[cpu / 64] >> cpu % 64 & 1);
}

int place_allows(const struct sched_entry *e, uint32_t cpu)
{
    return has_bit(e->mask, cpu) && has_bit(e->vm->mask, cpu);
}

uint32_t place_siblings(const struct sched_entry *e, uint32_t cpu)
{
    const struct sched_entry *o;
    uint32_t count = 0;

    for (o = e->vm->entries; o; o = o->sibling)
        count += o != e && o->cpu == cpu;
    return count;
}

int place_may_move(const struct sched_entry *e, uint32_t cpu)
{
    if (!place_allows(e, cpu))
        return 0;
    if (e->vm->count == 1)
        return 1;
    /* More vCPUs than CPUs: at least it does not get worse. */
    return !place_siblings(e, cpu) ||
           place_siblings(e, cpu) < place_siblings(e, e->cpu);
}

/* Where the VM is at home: its first vCPU's node. */
static uint32_t home_cpu(const struct sched_entry *e)
{
    const struct sched_entry *first = e->vm->entries;
    const struct disco_sched *s = e->sched;
    uint32_t home = e->vm->vm->pm.home_node;

    if (first && first != e)
        return first->cpu;
    if (home < s->nodes && s->node_first[home] < s->node_first[home + 1])
        return s->node_first[home];
    return 0;
}

uint32_t place_choose(const struct sched_entry *e)
{
    const struct disco_sched *s = e->sched;
    uint64_t least = UINT64_MAX, rank;
    uint32_t home = home_cpu(e), best = e->cpu, cpu;

    for (cpu = 0; cpu < s->cpus; cpu++) {
        if (!place_allows(e, cpu))
            continue;
        rank = (uint64_t)place_siblings(e, cpu) << 56 |
               (uint64_t)s->cpu[cpu].owned << 32 |
               balance_distance(s, home, cpu);
        if (rank < least) {
            least = rank;
            best = cpu;
        }
    }
    return best;
}

void place_settle(struct sched_entry *e)
{
    uint32_t cpu;

    if (place_allows(e, e->cpu))
        return;
    cpu = place_choose(e);
    e->sched->cpu[e->cpu].owned--;
    e->sched->cpu[cpu].owned++;
    e->cpu = cpu;
}
