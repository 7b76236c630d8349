/*
 * placement.c - counters, policies and the engine of a machine: the public
 * side.
 */
#include "core/placement.h"

#include <string.h>

#include "base/bits.h"
#include "base/config.h"

enum {
    SAMPLE_CYCLES = 1000000,
    SAMPLE_CYCLES_MIN = 1000,
    SAMPLE_WEIGHT = 16,
    PAGES = 65536,
    PAGES_MAX = 1 << 24,
    TICK_PAGES = 256,
    TICK_PAGES_MAX = 1 << 20,
    LOG_EVENTS = 1024,
    LOG_EVENTS_MAX = 1 << 20,
    RATE_MAX = 1000000000
};

/* --- Begin and end ---------------------------------------------------------
 */

/* Fill in defaults and look for what cannot be. */
static disco_status check_config(struct disco_machine *m,
                                 disco_placement_config *c)
{
    if (!c->sample_cycles)
        c->sample_cycles = SAMPLE_CYCLES;
    if (!c->sample_weight)
        c->sample_weight = SAMPLE_WEIGHT;
    if (!c->pages)
        c->pages = PAGES;
    if (!c->tick_pages)
        c->tick_pages = TICK_PAGES;
    if (!c->log_events)
        c->log_events = LOG_EVENTS;
    if ((c->flags & ~(uint32_t)DISCO_PLACEMENT_NO_SAMPLING) ||
        c->sample_cycles < SAMPLE_CYCLES_MIN ||
        c->sample_cycles > UINT64_MAX / 4 || c->pages > PAGES_MAX ||
        c->tick_pages > TICK_PAGES_MAX || c->log_events > LOG_EVENTS_MAX ||
        c->rate > RATE_MAX)
        return context_fail(&m->ctx, DISCO_E_INVAL, 0,
                            "placement: flags 0x%x, %llu cycles, %u pages, %u "
                            "a tick, %u events or %llu moves a second are out "
                            "of range",
                            c->flags, (unsigned long long)c->sample_cycles,
                            c->pages, c->tick_pages, c->log_events,
                            (unsigned long long)c->rate);
    if (c->tick_ns && machine_is_deterministic(m))
        return context_fail(&m->ctx, DISCO_E_INVAL, 0,
                            "placement: host time cannot limit a tick of a "
                            "deterministic machine");
    return 0;
}

/* The policy, by name or the host's own, into *ops. */
static disco_status find_policy(struct disco_machine *m,
                                const disco_placement_config *c,
                                disco_policy_ops *ops)
{
    const char *name = c->policy ? c->policy : "disco";
    const disco_policy_ops *own = c->ops ? c->ops : disco_policy_find(name);
    disco_status status;

    if (c->ops && c->policy)
        return context_fail(&m->ctx, DISCO_E_INVAL, 0,
                            "placement: both a name and functions of a policy");
    if (!own)
        return context_fail(&m->ctx, DISCO_E_NOENT, 0,
                            "placement: no policy %s", name);
    status = config_copy(ops, sizeof(*ops), own);
    if (!status && ops->flags)
        status = DISCO_E_INVAL;
    if (status)
        return context_fail(&m->ctx, status, ops->flags,
                            "placement: the policy's size %u or flags 0x%x are "
                            "not supported",
                            own->size, own->flags);
    return 0;
}

static disco_status make(struct disco_machine *m,
                         const disco_placement_config *c,
                         struct placement **out)
{
    const struct engine_ops ops = { placing_look, placing_act, m };
    struct placement *p = alloc_zeroed(&m->ctx.alloc, sizeof(*p));
    disco_status status;

    if (!p)
        return DISCO_E_NOMEM;
    status = engine_init(&p->engine, &m->ctx.alloc, m->topology.nodes, c, &ops);
    if (status) {
        alloc_free(&m->ctx.alloc, p, sizeof(*p));
        return status;
    }
    p->sample_cycles = c->sample_cycles;
    p->sample_weight = c->sample_weight;
    p->is_sampling = !(c->flags & DISCO_PLACEMENT_NO_SAMPLING);
    *out = p;
    return 0;
}

/* No vCPU runs, and none begins to. */
static disco_status hold_machine(struct disco_machine *m, const char *what)
{
    int32_t none = 0;

    if (cas_seq(&m->running, &none, -1))
        return 0;
    return context_fail(&m->ctx, DISCO_E_BUSY, 0,
                        "placement: %s while a vCPU runs", what);
}

static disco_status start_held(struct disco_machine *m,
                               disco_placement_config *c)
{
    disco_policy_params params;
    disco_policy_ops ops;
    struct placement *p;
    disco_status status;

    if (m->placement)
        return context_fail(&m->ctx, DISCO_E_EXISTS, 0,
                            "placement: begun already");
    status = check_config(m, c);
    if (!status)
        status = find_policy(m, c, &ops);
    if (status)
        return status;
    status = config_copy(&params, sizeof(params), c->params);
    if (status)
        return context_fail(&m->ctx, status, 0,
                            "placement: the parameters' size %u is not "
                            "supported",
                            c->params->size);
    policy_defaults(&params);
    c->ops = &ops;
    c->params = &params;
    status = make(m, c, &p);
    if (status)
        return context_fail(&m->ctx, status, 0, "placement: no host memory");
    mem_lock(&m->mem);
    m->placement = p;
    m->mem.frames.watch.opaque = p;
    m->mem.frames.watch.freed = placing_freed;
    m->mem.frames.watch.moved = placing_moved;
    mem_unlock(&m->mem);
    return 0;
}

disco_status disco_placement_start(disco_machine *machine,
                                   const disco_placement_config *config)
{
    disco_placement_config c;
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    if (status)
        return context_fail(&machine->ctx, status, 0,
                            "placement: config size %u is not supported",
                            config->size);
    status = hold_machine(machine, "begin");
    if (status)
        return status;
    status = start_held(machine, &c);
    store_seq(&machine->running, 0);
    return status;
}

void placement_destroy(struct disco_machine *m)
{
    struct placement *p = m->placement;

    if (!p)
        return;
    mem_lock(&m->mem);
    memset(&m->mem.frames.watch, 0, sizeof(m->mem.frames.watch));
    m->placement = NULL;
    mem_unlock(&m->mem);
    engine_destroy(&p->engine);
    alloc_free(&m->ctx.alloc, p, sizeof(*p));
}

static disco_status not_begun(struct disco_machine *m)
{
    return context_fail(&m->ctx, DISCO_E_STATE, 0, "placement: not begun");
}

disco_status disco_placement_stop(disco_machine *machine)
{
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    status = hold_machine(machine, "stop");
    if (status)
        return status;
    if (!machine->placement)
        status = not_begun(machine);
    else if (load_seq(&machine->placement->is_ticking))
        status = context_fail(&machine->ctx, DISCO_E_BUSY, 0,
                              "placement: stop during a tick");
    else
        placement_destroy(machine);
    store_seq(&machine->running, 0);
    return status;
}

/* --- Working ---------------------------------------------------------------
 */

static uint64_t latest_time(struct disco_machine *m)
{
    struct disco_vm *vm;
    uint64_t now = 0;

    lock_take(&m->lock);
    for (vm = m->vms; vm; vm = vm->next)
        now = max_u64(now, disco_vm_time_ns(vm));
    lock_give(&m->lock);
    return now;
}

disco_status disco_placement_tick(disco_machine *machine, uint64_t now_ns,
                                  uint32_t *acted)
{
    struct placement *p;
    uint32_t idle = 0, done;

    if (!machine)
        return DISCO_E_INVAL;
    p = machine->placement;
    if (!p)
        return not_begun(machine);
    if (machine_is_inside(machine))
        return context_fail(&machine->ctx, DISCO_E_REENTRANT, 0,
                            "placement: tick inside a callback");
    if (!cas_seq(&p->is_ticking, &idle, 1))
        return context_fail(&machine->ctx, DISCO_E_BUSY, 0,
                            "placement: another tick is under way");
    done = engine_tick(&p->engine, now_ns ? now_ns : latest_time(machine));
    store_seq(&p->is_ticking, 0);
    if (acted)
        *acted = done;
    return machine_checked(machine, 0);
}

/* The name of the RAM page at gpa. */
static disco_status find_name(struct disco_vm *vm, uint64_t gpa, uint64_t *name)
{
    struct disco_region *r;
    uint64_t entry = 0;
    int is_ram;

    mem_lock(vm->pm.mem);
    r = region_find(&vm->pm.regions, gpa);
    is_ram = r && (r->kind == DISCO_REGION_RAM || r->kind == DISCO_REGION_ROM);
    if (is_ram)
        entry = physmap_entry(&vm->pm, pfn_of_gpa(gpa));
    mem_unlock(vm->pm.mem);
    if (!is_ram)
        return vm_fail(vm, DISCO_E_RANGE, gpa,
                       "VM %s: count at 0x%llx: it is not RAM", vm->name,
                       (unsigned long long)gpa);
    if (!(entry & MAP_PRESENT))
        return vm_fail(vm, DISCO_E_NOENT, gpa,
                       "VM %s: count at 0x%llx: it was never touched", vm->name,
                       (unsigned long long)gpa);
    *name = entry_mfn(entry).n;
    return 0;
}

disco_status disco_counters_add(disco_vm *vm, uint64_t gpa, uint32_t node,
                                uint32_t reads, uint32_t writes)
{
    struct placement *p;
    disco_status status;
    uint64_t name;

    if (!vm)
        return DISCO_E_INVAL;
    p = vm->machine->placement;
    if (!p)
        return not_begun(vm->machine);
    if (node >= vm->machine->topology.nodes)
        return vm_fail(vm, DISCO_E_INVAL, node,
                       "no node %u, the machine has %u", node,
                       vm->machine->topology.nodes);
    status = find_name(vm, gpa, &name);
    if (status)
        return status;
    lock_take(&p->engine.counters.lock);
    counters_add(&p->engine.counters, name, (uint32_t)(name >> MFN_NODE_SHIFT),
                 node, reads, writes);
    lock_give(&p->engine.counters.lock);
    return 0;
}

disco_status disco_counters_get(disco_vm *vm, uint64_t gpa,
                                disco_page_counters *out)
{
    disco_page_counters c;
    struct counted_copy copy;
    struct placement *p;
    disco_status status;
    uint32_t nodes;
    uint64_t name;

    if (!vm || !out)
        return DISCO_E_INVAL;
    p = vm->machine->placement;
    if (!p)
        return not_begun(vm->machine);
    status = find_name(vm, gpa, &name);
    if (status)
        return status;
    memset(&c, 0, sizeof(c));
    nodes = vm->machine->topology.nodes;
    lock_take(&p->engine.counters.lock);
    if (counters_save(&p->engine.counters, name, &copy)) {
        memcpy(c.reads, copy.count, nodes * sizeof(*c.reads));
        memcpy(c.writes, copy.count + nodes, nodes * sizeof(*c.writes));
        c.moves = copy.page.moves;
        c.frozen = copy.page.is_frozen;
    }
    lock_give(&p->engine.counters.lock);
    return config_give(out, &c, sizeof(c));
}

/* --- Figures ---------------------------------------------------------------
 */

disco_status disco_placement_stats_get(disco_machine *machine,
                                       disco_placement_stats *out)
{
    disco_placement_stats s;

    if (!machine || !out)
        return DISCO_E_INVAL;
    if (!machine->placement)
        return not_begun(machine);
    engine_stats(&machine->placement->engine, &s);
    s.samples = load_relaxed(&machine->placement->samples);
    return config_give(out, &s, sizeof(s));
}

disco_status disco_placement_log(disco_machine *machine, uint64_t *serial,
                                 disco_placement_event *out, uint32_t count,
                                 uint32_t *got)
{
    if (!machine || !serial || !got || (count && !out))
        return DISCO_E_INVAL;
    if (!machine->placement)
        return not_begun(machine);
    *got = engine_log(&machine->placement->engine, serial, out, count);
    return 0;
}

void placement_node_samples(struct disco_machine *m, uint32_t node,
                            uint64_t *local, uint64_t *remote)
{
    const struct placement *p = m->placement;

    *local = p ? load_relaxed(&p->node[node].local) : 0;
    *remote = p ? load_relaxed(&p->node[node].remote) : 0;
}
