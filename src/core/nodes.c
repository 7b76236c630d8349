/*
 * nodes.c - the public face of nodes and placement (numa.h).
 */
#include <disco/numa.h>

#include <string.h>

#include "base/config.h"
#include "core/placement.h"
#include "mem/move.h"

disco_status disco_node_stats_get(disco_machine *machine, uint32_t node,
                                  disco_node_stats *out)
{
    disco_node_stats s;
    struct pool *pool;

    if (!machine || !out)
        return DISCO_E_INVAL;
    if (node >= machine->topology.nodes)
        return context_fail(&machine->ctx, DISCO_E_INVAL, node,
                            "no node %u, the machine has %u", node,
                            machine->topology.nodes);
    memset(&s, 0, sizeof(s));
    s.cpus = machine->topology.node_cpus[node];
    pool = &machine->mem.frames.pool[node];
    mem_lock(&machine->mem);
    s.frames_total = pool->total;
    s.frames_used = pool->used;
    s.alloc_local = pool->alloc_local;
    s.alloc_remote = pool->alloc_remote;
    mem_unlock(&machine->mem);
    placement_node_samples(machine, node, &s.sampled_local, &s.sampled_remote);
    return config_give(out, &s, sizeof(s));
}

disco_status disco_machine_topology(disco_machine *machine, disco_topology *out)
{
    disco_topology t;

    if (!machine || !out)
        return DISCO_E_INVAL;
    topology_describe(&machine->topology, &t);
    return config_give(out, &t, sizeof(t));
}

disco_status disco_machine_cpu_node(disco_machine *machine, uint32_t cpu,
                                    uint32_t *node)
{
    if (!machine || !node)
        return DISCO_E_INVAL;
    if (cpu >= topology_cpus(&machine->topology))
        return context_fail(&machine->ctx, DISCO_E_INVAL, cpu,
                            "no CPU %u, the machine has %u", cpu,
                            topology_cpus(&machine->topology));
    *node = topology_cpu_node(&machine->topology, cpu);
    return 0;
}

disco_status disco_vm_node_frames(disco_vm *vm, uint32_t node, uint64_t *frames)
{
    if (!vm || !frames)
        return DISCO_E_INVAL;
    if (node >= vm->machine->topology.nodes)
        return vm_fail(vm, DISCO_E_INVAL, node,
                       "no node %u, the machine has %u", node,
                       vm->machine->topology.nodes);
    *frames = load_relaxed(&vm->pm.node_frames[node]);
    return 0;
}

static int is_ram(struct disco_vm *vm, uint64_t gpa)
{
    struct disco_region *r;
    int is;

    mem_lock(vm->pm.mem);
    r = region_find(&vm->pm.regions, gpa);
    is = r && (r->kind == DISCO_REGION_RAM || r->kind == DISCO_REGION_ROM);
    mem_unlock(vm->pm.mem);
    return is;
}

/* May pages of this VM be moved by this call? */
static disco_status check_move(struct disco_vm *vm, uint64_t gpa, uint32_t node,
                               const char *what)
{
    if (node >= vm->machine->topology.nodes)
        return vm_fail(vm, DISCO_E_INVAL, node,
                       "no node %u, the machine has %u", node,
                       vm->machine->topology.nodes);
    if (machine_is_inside(vm->machine))
        return vm_fail(vm, DISCO_E_REENTRANT, gpa,
                       "VM %s: %s inside a callback", vm->name, what);
    if (!is_ram(vm, gpa))
        return vm_fail(vm, DISCO_E_RANGE, gpa,
                       "VM %s: %s 0x%llx: it is not RAM", vm->name, what,
                       (unsigned long long)gpa);
    return 0;
}

static const char *why_not(disco_status status)
{
    switch (status) {
    case DISCO_E_NOENT:
        return "it was never touched";
    case DISCO_E_BUSY:
        return "it is pinned or referred to";
    case DISCO_E_RANGE:
        return "there is nothing to do";
    default:
        return "the node is full";
    }
}

static disco_status moved(struct disco_vm *vm, uint64_t gpa, uint32_t node,
                          const char *what, disco_status status)
{
    if (status)
        return vm_fail(vm, status, gpa, "VM %s: %s 0x%llx to node %u: %s",
                       vm->name, what, (unsigned long long)gpa, node,
                       why_not(status));
    return machine_checked(vm->machine, 0);
}

disco_status disco_page_migrate(disco_vm *vm, uint64_t gpa, uint32_t node)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = check_move(vm, gpa, node, "migrate");
    if (status)
        return status;
    status = page_migrate(&vm->pm, pfn_of_gpa(gpa), node, NULL);
    return moved(vm, gpa, node, "migrate", status);
}

disco_status disco_page_replicate(disco_vm *vm, uint64_t gpa, uint32_t node)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = check_move(vm, gpa, node, "replicate");
    if (status)
        return status;
    status = page_replicate(&vm->pm, pfn_of_gpa(gpa), node, NULL);
    return moved(vm, gpa, node, "replicate", status);
}

disco_status disco_page_collapse(disco_vm *vm, uint64_t gpa)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = check_move(vm, gpa, 0, "collapse");
    if (status)
        return status;
    status = page_collapse(&vm->pm, pfn_of_gpa(gpa), NULL);
    return moved(vm, gpa, 0, "collapse", status);
}

static disco_move_cost cost(const struct move_stats *s)
{
    disco_move_cost c = { load_relaxed(&s->count), load_relaxed(&s->shoot_ns),
                          load_relaxed(&s->copy_ns),
                          load_relaxed(&s->total_ns) };

    return c;
}

disco_status disco_move_stats_get(disco_machine *machine, disco_move_stats *out)
{
    disco_move_stats s;
    struct mem *mem;

    if (!machine || !out)
        return DISCO_E_INVAL;
    memset(&s, 0, sizeof(s));
    mem = &machine->mem;
    s.migrate = cost(&mem->migrate);
    s.replicate = cost(&mem->replicate);
    s.collapse = cost(&mem->collapse);
    s.cow = cost(&mem->cow);
    mem_lock(mem);
    s.replicas = mem->frames.replicas;
    mem_unlock(mem);
    return config_give(out, &s, sizeof(s));
}
