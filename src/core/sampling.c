/*
 * sampling.c - accesses of running vCPUs, seen through the look-ups of their
 * translations, and the node of new frames.
 *
 * A translation that is always found is never looked up.  So each vCPU drops
 * all of them every sample_cycles, a little more or less: guests do things at
 * regular intervals, too.  A look-up for a load gives no right to store: the
 * first store is then looked up as well.  Pages that do not fit into the
 * backend's tables are looked up all the time: only the first look-ups after a
 * drop are noted, so that the cost is bounded.
 */
#include "core/placement.h"

void sampling_begin(struct disco_vcpu *v)
{
    const struct placement *p = v->machine->placement;

    /* A model knows the misses: no need to look for accesses. */
    v->is_sampled = p && p->is_sampling && !v->machine->model;
    if (!v->is_sampled)
        v->sample_left = 0;
}

static void flush(struct disco_vcpu *v)
{
    struct placement *p = v->machine->placement;
    struct counters *c = &p->engine.counters;
    uint64_t local = 0, item;
    uint32_t i, weight, node = v->node;

    lock_take(&c->lock);
    for (i = 0; i < v->samples.count; i++) {
        item = v->samples.item[i];
        local += item & SAMPLE_LOCAL;
        weight = v->machine->model ? 1 : p->sample_weight;
        counters_add(c, item >> SAMPLE_SHIFT,
                     (uint32_t)(item >> SAMPLE_SHIFT >> MFN_NODE_SHIFT), node,
                     item & SAMPLE_WRITE ? 0 : weight,
                     item & SAMPLE_WRITE ? weight : 0);
    }
    lock_give(&c->lock);
    add_relaxed(&p->node[node].local, local);
    add_relaxed(&p->node[node].remote, v->samples.count - local);
    add_relaxed(&p->samples, v->samples.count);
    v->samples.count = 0;
}

void sampling_end(struct disco_vcpu *v)
{
    if (v->samples.count)
        flush(v);
}

/* From 7/8 to 9/8 of the period, by a sequence of the vCPU's own. */
static uint64_t next_age(struct disco_vcpu *v, uint64_t period)
{
    v->age_random = v->age_random * UINT64_C(6364136223846793005) +
                    UINT64_C(1442695040888963407) + v->index;
    return period - period / 8 + (v->age_random >> 32) % (period / 4);
}

void sampling_age(struct disco_vcpu *v)
{
    uint64_t now = v->ops->cycles(v->state);

    if (now < v->age_cycles)
        return;
    v->age_cycles = now + next_age(v, v->machine->placement->sample_cycles);
    v->ops->invalidate(v->state, DISCO_DROP_DATA, NULL, 0);
    v->sample_left = SAMPLES_PERIOD;
}

static void note(struct disco_vcpu *v, struct mfn master, uint32_t node,
                 uint32_t access)
{
    uint64_t item = master.n << SAMPLE_SHIFT;

    if (access & DISCO_WRITE)
        item |= SAMPLE_WRITE;
    if (node == v->node)
        item |= SAMPLE_LOCAL;
    v->samples.item[v->samples.count++] = item;
    if (v->samples.count == SAMPLES_MAX)
        flush(v);
}

void sampling_miss(struct disco_vcpu *v, struct mfn mfn, uint32_t access)
{
    struct frames *frames = &v->machine->mem.frames;
    struct mfn master = mfn;

    if (mfn_node(mfn) >= frames->nodes)
        return;
    if (frame_of(frames, mfn)->state == FRAME_REPLICA)
        master.n = frame_of(frames, mfn)->master;
    note(v, master, mfn_node(mfn), access);
}

void sampling_note(struct disco_vcpu *v, uint64_t entry, uint32_t node,
                   uint32_t access)
{
    v->sample_left--;
    if (!(entry & MAP_FOREIGN))
        note(v, entry_mfn(entry), node, access);
}

uint32_t placement_node(struct disco_vcpu *v, struct pfn pfn)
{
    struct placement *p = v->machine->placement;
    disco_policy_frame frame = { .size = sizeof(frame) };
    struct engine *e = &p->engine;
    uint32_t node;

    if (!e->policy.place ||
        (physmap_entry(&v->vm->pm, pfn) & (MAP_PRESENT | MAP_MOVING)))
        return v->node;
    frame.nodes = e->nodes;
    frame.node = v->node;
    frame.home = v->vm->pm.home_node;
    frame.gpa = gpa_of_pfn(pfn);
    frame.serial = add_relaxed(&p->serial, 1);
    if (policy_is_own(&e->policy)) {
        node = e->policy.place(e->policy_opaque, &frame);
    } else {
        vcpu_callback_begin(v);
        node = e->policy.place(e->policy_opaque, &frame);
        vcpu_callback_end(v);
    }
    return node < e->nodes ? node : v->node;
}
