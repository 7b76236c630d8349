/*
 * stats.c - figures of VMs and vCPUs.  Exact when nothing runs; else each value
 * is one that it had lately.
 */
#include <string.h>

#include "base/config.h"
#include "core/vcpu.h"

disco_status disco_vm_stats_get(disco_vm *vm, disco_vm_stats *out)
{
    const struct physmap_stats *p;
    disco_vm_stats s;
    uint32_t i;

    if (!vm || !out)
        return DISCO_E_INVAL;
    memset(&s, 0, sizeof(s));
    for (i = 0; i < load_acquire(&vm->vcpu_count); i++)
        s.vcpus += load_acquire(&vm->vcpu[i]) != NULL;
    p = &vm->pm.stats;
    mem_lock(vm->pm.mem);
    s.ram_bytes = vm->pm.ram_bytes;
    mem_unlock(vm->pm.mem);
    s.frames = load_relaxed(&p->frames);
    s.demand_zero = load_relaxed(&p->demand_zero);
    s.released = load_relaxed(&p->released);
    s.migrated = load_relaxed(&p->migrated);
    s.pins = load_relaxed(&p->pins);
    s.dma_read_bytes = load_relaxed(&p->dma_read_bytes);
    s.dma_write_bytes = load_relaxed(&p->dma_write_bytes);
    s.host_calls = load_relaxed(&vm->host_calls);
    s.cow_breaks = load_relaxed(&p->cow_breaks);
    s.cow_upgrades = load_relaxed(&p->cow_upgrades);
    s.mapped_in = load_relaxed(&p->mapped_in);
    s.zeroed = load_relaxed(&p->zeroed);
    s.remapped = load_relaxed(&p->remapped);
    s.joined = load_relaxed(&p->joined);
    return config_give(out, &s, sizeof(s));
}

/* The backend counts the guest's events, core what it did itself. */
disco_status disco_vcpu_stats_get(disco_vcpu *vcpu, disco_vcpu_stats *out)
{
    disco_vcpu_stats s;
    uint32_t i;

    if (!vcpu || !out)
        return DISCO_E_INVAL;
    memset(&s, 0, sizeof(s));
    s.size = sizeof(s);
    if (vcpu->ops->stats)
        vcpu->ops->stats(vcpu->state, &s);
    s.size = sizeof(s);
    s.cpu = load_relaxed(&vcpu->cpu);
    for (i = 0; i < ARRAY_LEN(s.exits); i++)
        s.exits[i] = load_relaxed(&vcpu->counts.exits[i]);
    s.mmio_reads = load_relaxed(&vcpu->counts.mmio_reads);
    s.mmio_writes = load_relaxed(&vcpu->counts.mmio_writes);
    s.moncalls = load_relaxed(&vcpu->counts.moncalls);
    s.idles = load_relaxed(&vcpu->counts.idles);
    return config_give(out, &s, sizeof(s));
}
