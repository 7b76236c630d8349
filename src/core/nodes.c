/*
 * nodes.c - the public face of nodes and placement (numa.h).
 */
#include <disco/numa.h>

#include <string.h>

#include "base/config.h"
#include "core/vm.h"

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

disco_status disco_page_migrate(disco_vm *vm, uint64_t gpa, uint32_t node)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    if (node >= vm->machine->topology.nodes)
        return vm_fail(vm, DISCO_E_INVAL, node,
                       "no node %u, the machine has %u", node,
                       vm->machine->topology.nodes);
    if (machine_is_inside(vm->machine))
        return vm_fail(vm, DISCO_E_REENTRANT, gpa,
                       "VM %s: migrate inside a callback", vm->name);
    if (!is_ram(vm, gpa))
        return vm_fail(vm, DISCO_E_RANGE, gpa,
                       "VM %s: migrate 0x%llx: it is not RAM", vm->name,
                       (unsigned long long)gpa);
    status = page_migrate(&vm->pm, pfn_of_gpa(gpa), node, NULL);
    if (status)
        return vm_fail(vm, status, gpa, "VM %s: migrate 0x%llx to node %u: %s",
                       vm->name, (unsigned long long)gpa, node,
                       status == DISCO_E_NOENT  ? "it was never touched"
                       : status == DISCO_E_BUSY ? "it is pinned"
                                                : "the node is full");
    return machine_checked(vm->machine, 0);
}
