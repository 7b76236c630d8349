/*
 * footprint.c - the public face of footprints (physmap.h).
 */
#include "mem/footprint.h"

#include <string.h>

#include "base/config.h"
#include "core/vm.h"

disco_status disco_vm_mark_pages(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                                 uint32_t kind)
{
    struct pfn pfn = pfn_of_gpa(gpa);
    uint64_t end;

    if (!vm || kind < DISCO_KIND_DATA || kind > DISCO_KIND_BUFFER)
        return DISCO_E_INVAL;
    if (gpa >= GPA_END || bytes > GPA_END - gpa)
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: marking pages at 0x%llx: beyond 40 bits",
                       vm->name, (unsigned long long)gpa);
    end = (gpa + bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
    mem_lock(vm->pm.mem);
    for (; pfn.n < end && pfn.n < vm->pm.root_count * MAP_LEAF; pfn.n++)
        if (physmap_entry(&vm->pm, pfn) & MAP_PRESENT)
            map_page(&vm->pm, pfn)->kind = (uint8_t)kind;
    mem_unlock(vm->pm.mem);
    return 0;
}

disco_status disco_vm_footprint(disco_vm *vm, disco_footprint *out)
{
    disco_footprint f;

    if (!vm || !out)
        return DISCO_E_INVAL;
    memset(&f, 0, sizeof(f));
    f.nodes = vm->machine->topology.nodes;
    footprint_add_map(&vm->pm, 1, &f);
    return config_give(out, &f, sizeof(f));
}

/* What the library holds besides the frames' memory. */
static uint64_t monitor_bytes(struct disco_machine *m)
{
    uint64_t held = alloc_held_bytes(&m->ctx.alloc), frames = 0;
    uint32_t node;

    mem_lock(&m->mem);
    for (node = 0; node < m->mem.frames.nodes; node++)
        frames += m->mem.frames.pool[node].present * CHUNK_FRAMES * PAGE_BYTES;
    mem_unlock(&m->mem);
    held += load_relaxed(&m->mapped_bytes);
    frames += load_relaxed(&m->engine_bytes);
    return held > frames ? held - frames : 0;
}

disco_status disco_machine_footprint(disco_machine *machine,
                                     disco_footprint *out)
{
    disco_footprint f;
    struct disco_vm *vm;

    if (!machine || !out)
        return DISCO_E_INVAL;
    memset(&f, 0, sizeof(f));
    f.nodes = machine->topology.nodes;
    lock_take(&machine->lock);
    for (vm = machine->vms; vm; vm = vm->next)
        footprint_add_map(&vm->pm, 0, &f);
    lock_give(&machine->lock);
    footprint_add_unmapped(&machine->mem, &f);
    f.engine_bytes = load_relaxed(&machine->engine_bytes);
    f.kind[DISCO_KIND_MONITOR].virtual_bytes = monitor_bytes(machine);
    f.kind[DISCO_KIND_MONITOR].machine_bytes =
        f.kind[DISCO_KIND_MONITOR].virtual_bytes;
    return config_give(out, &f, sizeof(f));
}
