/*
 * memory.c - the public face of a VM's physical memory (physmap.h): argument
 * checks, the right to change, sentences for errors.  The work is in mem.
 */
#include <disco/physmap.h>

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "core/modelled.h"
#include "core/vm.h"
#include "mem/copy.h"
#include "mem/map.h"
#include "mem/move.h"

/* Add a region as the only one who changes the VM. */
static disco_status add(struct disco_vm *vm, const struct map_request *q,
                        struct disco_region **out)
{
    disco_status status = vm_exclusive_begin(vm, "mapping a region");

    if (status)
        return status;
    status = map_add(&vm->pm, q, out);
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, status);
}

disco_status disco_vm_map_ram(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                              disco_region **out)
{
    struct map_request q = { .kind = DISCO_REGION_RAM,
                             .access = DISCO_READ | DISCO_WRITE | DISCO_EXEC,
                             .gpa = gpa,
                             .bytes = bytes };
    struct disco_region *r;
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = add(vm, &q, &r);
    if (!status && out)
        *out = r;
    return status;
}

disco_status disco_vm_map_rom(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                              const void *data, uint64_t data_bytes,
                              disco_region **out)
{
    struct map_request q = { .kind = DISCO_REGION_ROM,
                             .access = DISCO_READ | DISCO_EXEC,
                             .gpa = gpa,
                             .bytes = bytes };
    struct disco_region *r;
    disco_status status;
    uint64_t where;

    if (!vm)
        return DISCO_E_INVAL;
    if (data_bytes > bytes || (data_bytes && !data))
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: ROM at 0x%llx: 0x%llx bytes of data for 0x%llx",
                       vm->name, (unsigned long long)gpa,
                       (unsigned long long)data_bytes,
                       (unsigned long long)bytes);
    status = add(vm, &q, &r);
    if (status)
        return status;
    status = copy_in(&vm->pm, gpa, data, data_bytes, COPY_ROM, &where);
    if (status) {
        disco_region_unmap(r);
        return vm_fail(vm, status, gpa,
                       "VM %s: ROM at 0x%llx: no machine "
                       "memory for its data",
                       vm->name, (unsigned long long)gpa);
    }
    if (out)
        *out = r;
    return 0;
}

disco_status disco_vm_map_host(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                               void *host, uint32_t access, disco_region **out)
{
    struct map_request q = { .kind = DISCO_REGION_HOST,
                             .access = access | DISCO_EXEC,
                             .gpa = gpa,
                             .bytes = bytes,
                             .host = host };
    struct disco_region *r;
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    if (access != DISCO_READ && access != (DISCO_READ | DISCO_WRITE))
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: host region at 0x%llx: access %u is not READ or "
                       "READ | WRITE",
                       vm->name, (unsigned long long)gpa, access);
    status = add(vm, &q, &r);
    if (!status && out)
        *out = r;
    return status;
}

static disco_status check_mmio(struct disco_vm *vm, uint64_t gpa,
                               uint64_t bytes, const char *key,
                               const disco_mmio_ops *in, disco_mmio_ops *ops)
{
    disco_status status;

    if (!key || !*key || !in)
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: MMIO region at 0x%llx needs a key and ops",
                       vm->name, (unsigned long long)gpa);
    status = config_copy(ops, sizeof(*ops), in);
    if (status)
        return vm_fail(vm, status, gpa,
                       "VM %s: MMIO region %s: ops size %u is not supported",
                       vm->name, key, in->size);
    if ((ops->flags & ~(uint32_t)(DISCO_MMIO_EXIT | DISCO_MMIO_UNTRAPPED)) ||
        ops->order > DISCO_CPU_ORDER)
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: MMIO region %s: flags 0x%x or order %u is not "
                       "known",
                       vm->name, key, ops->flags, ops->order);
    if ((ops->flags & DISCO_MMIO_UNTRAPPED) &&
        !is_aligned(gpa | bytes, PAGE_BYTES))
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: MMIO region %s: without traps it must be whole "
                       "pages",
                       vm->name, key);
    if (!ops->order)
        ops->order = DISCO_CPU_ORDER;
    return 0;
}

disco_status disco_vm_map_mmio(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                               const char *key, const disco_mmio_ops *ops,
                               void *opaque, disco_region **out)
{
    struct map_request q = { .kind = DISCO_REGION_MMIO,
                             .gpa = gpa,
                             .bytes = bytes,
                             .key = key,
                             .opaque = opaque };
    struct disco_region *r;
    disco_mmio_ops copy;
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = check_mmio(vm, gpa, bytes, key, ops, &copy);
    if (status)
        return status;
    q.ops = &copy;
    status = add(vm, &q, &r);
    if (!status && out)
        *out = r;
    return status;
}

disco_status disco_region_unmap(disco_region *region)
{
    void (*release)(void *opaque);
    struct disco_vm *vm;
    disco_status status;
    void *opaque;

    if (!region)
        return 0;
    vm = vm_of_physmap(region->pm);
    status = vm_exclusive_begin(vm, "unmapping a region");
    if (status)
        return status;
    release = region->ops.release;
    opaque = region->opaque;
    status = map_remove(region);
    if (!status && release)
        release(opaque);
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, status);
}

disco_status disco_vm_region_info(disco_vm *vm, uint32_t index,
                                  disco_region_info *out)
{
    disco_region_info info;
    struct disco_region *r;

    if (!vm || !out)
        return DISCO_E_INVAL;
    memset(&info, 0, sizeof(info));
    mem_lock(vm->pm.mem);
    if (index >= vm->pm.regions.count) {
        mem_unlock(vm->pm.mem);
        return DISCO_E_NOENT; /* the usual end of a loop: no text */
    }
    r = vm->pm.regions.v[index];
    info.kind = r->kind;
    info.gpa = r->gpa;
    info.bytes = r->bytes;
    snprintf(info.key, sizeof(info.key), "%s", r->key ? r->key : "");
    mem_unlock(vm->pm.mem);
    return config_give(out, &info, sizeof(info));
}

/* Tell what a copy found. */
static disco_status copied(struct disco_vm *vm, disco_status status,
                           uint64_t where, const char *what, uint64_t gpa,
                           uint64_t bytes)
{
    if (!status)
        return 0;
    return vm_fail(
        vm, status, where, "VM %s: %s of 0x%llx bytes at 0x%llx: %s at 0x%llx",
        vm->name, what, (unsigned long long)bytes, (unsigned long long)gpa,
        status == DISCO_E_FAULT ? "no such memory" : "no machine memory",
        (unsigned long long)where);
}

disco_status disco_mem_read(disco_vm *vm, uint64_t gpa, void *dst,
                            uint64_t bytes)
{
    uint64_t where = gpa;
    disco_status status;

    if (!vm || (bytes && !dst))
        return DISCO_E_INVAL;
    status = copy_out(&vm->pm, gpa, dst, bytes, &where);
    if (unlikely(vm->machine->model))
        modelled_dma(vm, gpa, status ? 0 : bytes, DISCO_READ);
    return copied(vm, status, where, "read", gpa, bytes);
}

disco_status disco_mem_write(disco_vm *vm, uint64_t gpa, const void *src,
                             uint64_t bytes)
{
    uint64_t where = gpa;
    disco_status status;

    if (!vm || (bytes && !src))
        return DISCO_E_INVAL;
    status = copy_in(&vm->pm, gpa, src, bytes, 0, &where);
    if (unlikely(vm->machine->model))
        modelled_dma(vm, gpa, status ? 0 : bytes, DISCO_WRITE);
    return copied(vm, status, where, "write", gpa, bytes);
}

disco_status disco_mem_load(disco_vm *vm, uint64_t gpa, const void *src,
                            uint64_t bytes)
{
    uint64_t where = gpa;
    disco_status status;

    if (!vm || (bytes && !src))
        return DISCO_E_INVAL;
    status = copy_in(&vm->pm, gpa, src, bytes, COPY_ROM, &where);
    if (unlikely(vm->machine->model))
        modelled_dma(vm, gpa, status ? 0 : bytes, DISCO_WRITE);
    return copied(vm, status, where, "load", gpa, bytes);
}

disco_status disco_mem_pin(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                           uint32_t access, disco_pin *pin)
{
    disco_status status;
    disco_pin p;

    if (!vm || !pin)
        return DISCO_E_INVAL;
    if (!bytes || !(access & DISCO_READ) ||
        (access & ~(uint32_t)(DISCO_READ | DISCO_WRITE)) ||
        pin->size < sizeof(p))
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: pin of 0x%llx bytes at 0x%llx, access %u, size "
                       "%u",
                       vm->name, (unsigned long long)bytes,
                       (unsigned long long)gpa, access, pin->size);
    memset(&p, 0, sizeof(p));
    status = pin_take(&vm->pm, gpa, bytes, access, &p);
    if (status)
        return vm_fail(vm, status, gpa,
                       "VM %s: pin of 0x%llx bytes at 0x%llx: %s", vm->name,
                       (unsigned long long)bytes, (unsigned long long)gpa,
                       status == DISCO_E_RANGE ? "crosses a page or the region"
                                               : disco_status_text(status));
    p.size = pin->size;
    *pin = p;
    return 0;
}

disco_status disco_mem_unpin(disco_vm *vm, disco_pin *pin)
{
    disco_status status;

    if (!vm || !pin)
        return DISCO_E_INVAL;
    status = pin_give(&vm->pm, pin);
    if (status)
        return vm_fail(vm, status, pin->gpa,
                       "VM %s: unpin at 0x%llx: no such pin", vm->name,
                       (unsigned long long)pin->gpa);
    return 0;
}

static void fill_page_info(struct physmap *pm, struct pfn pfn, uint64_t entry,
                           disco_page_info *info)
{
    struct frame *frame = entry_frame(pm, entry);
    const struct map_page *page = map_page(pm, pfn);

    info->flags |= DISCO_PAGE_PRESENT;
    if (frame->pins)
        info->flags |= DISCO_PAGE_PINNED;
    if (page->holders)
        info->flags |= DISCO_PAGE_CODE;
    if (frame_is_shared(frame))
        info->flags |= DISCO_PAGE_SHARED;
    if (entry & MAP_REPLICATED) {
        info->flags |= DISCO_PAGE_REPLICATED;
        info->copies = replica_nodes(pm->mem, entry_mfn(entry));
    }
    info->node = mfn_node(entry_mfn(entry));
    info->kind = page->kind;
    info->mfn = entry_mfn(entry).n;
    info->mappings = frame->maps;
    info->holds = frame->holds;
}

disco_status disco_page_info_get(disco_vm *vm, uint64_t gpa,
                                 disco_page_info *out)
{
    disco_page_info info;
    struct disco_region *r;
    uint64_t entry;

    if (!vm || !out)
        return DISCO_E_INVAL;
    memset(&info, 0, sizeof(info));
    mem_lock(vm->pm.mem);
    r = region_find(&vm->pm.regions, gpa);
    if (!r || (r->kind != DISCO_REGION_RAM && r->kind != DISCO_REGION_ROM)) {
        mem_unlock(vm->pm.mem);
        return vm_fail(vm, DISCO_E_RANGE, gpa,
                       "VM %s: 0x%llx is neither RAM nor ROM", vm->name,
                       (unsigned long long)gpa);
    }
    if (r->access & DISCO_WRITE)
        info.flags |= DISCO_PAGE_WRITABLE;
    entry = physmap_entry(&vm->pm, pfn_of_gpa(gpa));
    if (entry & MAP_PRESENT)
        fill_page_info(&vm->pm, pfn_of_gpa(gpa), entry, &info);
    mem_unlock(vm->pm.mem);
    return config_give(out, &info, sizeof(info));
}
